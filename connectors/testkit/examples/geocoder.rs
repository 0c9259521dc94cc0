//! A service of addresses to try things on, slow, flaky and impatient: the one of the tests.
//!
//! `cargo run -p connect-testkit --example geocoder` answers `http://127.0.0.1:8090/?x=7.5&y=51.25`
//! until it is stopped. Of a hundred requests five fail, one stalls and one is broken off; more than a
//! hundred in a second are put off, and south of 35° S there is nothing.

use std::{io, time::Duration};

use connect_testkit::geocoder::{Geocoder, GeocoderServer, Mischief};

#[tokio::main]
async fn main() -> io::Result<()> {
    let mischief = Mischief {
        fails_percent: 5,
        stalls_percent: 1,
        stall: Duration::from_secs(2),
        drops_percent: 1,
        limit: Some(100),
        takes: Duration::from_millis(50),
        nothing_below: Some(-35.0),
    };
    let _server = GeocoderServer::listen("127.0.0.1:8090", Geocoder::new(1, mischief)).await?;
    tokio::signal::ctrl_c().await
}
