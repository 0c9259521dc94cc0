//! Who may send, and how often.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
};

use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use connect_api::config::Secret;
use ring::hmac;
use subtle::ConstantTimeEq as _;

use crate::answer::Refused;

/// Clients that are remembered at once; each takes some tens of bytes.
const MAX_CLIENTS: usize = 50_000;
/// What stands before a token, in any case.
const BEARER: &[u8] = b"Bearer ";
/// Microseconds of a second.
const SECOND_US: i64 = 1_000_000;

/// What every request has to get past.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) key: Option<(Secret<String>, HeaderName)>,
    pub(crate) signature: Option<Signature>,
    pub(crate) limit: Option<RateLimit>,
    /// Header with the address of the client, where a proxy writes one.
    pub(crate) client_header: Option<HeaderName>,
}

impl Guard {
    /// Address of the client: that of the connection, or what a proxy says. An IPv4 address is one, also
    /// where the listener has it in an IPv6 address.
    pub(crate) fn client(&self, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
        let told = self.client_header.as_ref().and_then(|name| {
            let last = headers.get_all(name).iter().next_back()?.to_str().ok()?;
            last.rsplit(',').next()?.trim().parse().ok()
        });
        told.unwrap_or(peer).to_canonical()
    }

    /// Lets a request in, before its body is read.
    pub(crate) fn admit(
        &self,
        headers: &HeaderMap,
        client: IpAddr,
        now_ms: i64,
    ) -> Result<(), Refused> {
        if let Some(limit) = &self.limit {
            limit.admit(client, now_ms).map_err(Refused::too_often)?;
        }
        let Some((key, name)) = &self.key else { return Ok(()) };
        let bearer = || {
            let value = headers.get(header::AUTHORIZATION)?.as_bytes();
            let (scheme, token) = value.split_at_checked(BEARER.len())?;
            scheme.eq_ignore_ascii_case(BEARER).then(|| token.trim_ascii_start())
        };
        let given = headers.get(name).map(axum::http::HeaderValue::as_bytes).or_else(bearer);
        let given = given.ok_or_else(|| {
            Refused::new(StatusCode::UNAUTHORIZED, format!("Header \"{name}\" is missing"))
        })?;
        if bool::from(given.ct_eq(key.expose().as_bytes())) {
            return Ok(());
        }
        Err(Refused::new(StatusCode::UNAUTHORIZED, format!("The key in \"{name}\" is wrong")))
    }

    /// Checks the signature of a body, where one is demanded.
    pub(crate) fn check_body(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), Refused> {
        self.signature.as_ref().map_or(Ok(()), |signature| signature.check(headers, body))
    }
}

/// The signature that bodies bring.
pub(crate) struct Signature {
    key: hmac::Key,
    header: HeaderName,
}

impl std::fmt::Debug for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signature({})", self.header)
    }
}

impl Signature {
    pub(crate) fn new(secret: &Secret<String>, header: HeaderName) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes()), header }
    }

    fn check(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), Refused> {
        let name = &self.header;
        let refused = |message| Refused::new(StatusCode::UNAUTHORIZED, message);
        let given = headers.get(name).and_then(|value| value.to_str().ok());
        let given = given.ok_or_else(|| refused(format!("Header \"{name}\" is missing")))?;
        let digits = given.strip_prefix("sha256=").unwrap_or(given);
        let is_right =
            bytes_of(digits).is_some_and(|tag| hmac::verify(&self.key, body, &tag).is_ok());
        if is_right {
            return Ok(());
        }
        Err(refused(format!("The signature in \"{name}\" does not fit the body")))
    }
}

/// Bytes of hexadecimal digits.
fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

/// So many requests of a client per second, some of them at once.
///
/// Of each client one time is kept: when its next request would come if it sent evenly (the generic
/// cell rate algorithm).
#[derive(Debug)]
pub(crate) struct RateLimit {
    step_us: i64,
    slack_us: i64,
    due_us: Mutex<HashMap<IpAddr, i64>>,
}

impl RateLimit {
    pub(crate) fn new(per_second: u32, burst: u32) -> Self {
        let step_us = (SECOND_US / i64::from(per_second.max(1))).max(1);
        let slack_us = step_us.saturating_mul(i64::from(burst.max(1)) - 1);
        Self { step_us, slack_us, due_us: Mutex::default() }
    }

    /// Counts a request, or says after how many seconds the next one is let in.
    pub(crate) fn admit(&self, client: IpAddr, now_ms: i64) -> Result<(), u32> {
        let now_us = now_ms.saturating_mul(1000);
        let mut all = self.due_us.lock().unwrap_or_else(PoisonError::into_inner);
        let client = network(client);
        if all.len() >= MAX_CLIENTS && !all.contains_key(&client) {
            all.retain(|_, due_us| *due_us > now_us);
            if all.len() >= MAX_CLIENTS {
                all.clear();
            }
        }
        let due_us = all.entry(client).or_insert(now_us);
        // No request moves it further ahead than this; a clock that is set back does.
        let furthest_us = now_us.saturating_add(self.slack_us).saturating_add(self.step_us);
        let start_us = (*due_us).min(furthest_us).max(now_us);
        *due_us = start_us;
        let ahead_us = start_us - now_us - self.slack_us;
        if ahead_us > 0 {
            let seconds = ahead_us.saturating_add(SECOND_US - 1) / SECOND_US;
            return Err(u32::try_from(seconds).unwrap_or(u32::MAX));
        }
        *due_us = start_us.saturating_add(self.step_us);
        Ok(())
    }
}

/// An address, or for IPv6 the network that one household has.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(long) => {
            let [a, b, c, d, ..] = long.segments();
            long.to_ipv4_mapped()
                .map_or_else(|| Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into(), IpAddr::V4)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

    #[test]
    fn a_client_that_asks_too_often_waits_and_others_do_not() {
        let limit = RateLimit::new(2, 3);
        let other = "2001:db8::1".parse().unwrap();
        let tries: Vec<_> = (0..4).map(|_| limit.admit(ONE, 0)).collect();
        assert_eq!(tries, [Ok(()), Ok(()), Ok(()), Err(1)]);
        assert_eq!(limit.admit(other, 0), Ok(()));
        assert_eq!(limit.admit(ONE, 499), Err(1));
        assert_eq!(limit.admit(ONE, 500), Ok(()));
    }

    proptest! {
        #[test]
        fn no_second_lets_in_more_than_the_rate_and_the_burst(
            rate in 1_u32..50, burst in 1_u32..20, gaps in prop::collection::vec(0_i64..200, 1..200)
        ) {
            let limit = RateLimit::new(rate, burst);
            let (mut now_ms, mut admitted) = (0, 0_i64);
            for gap in gaps {
                now_ms += gap;
                admitted += i64::from(limit.admit(ONE, now_ms).is_ok());
                let most = i64::from(burst) + now_ms * i64::from(rate) / 1000 + 1;
                prop_assert!(admitted <= most, "{admitted} of {most} in {now_ms} ms");
            }
        }
    }

    #[test]
    fn an_address_is_written_as_what_it_is() {
        let client_header = Some(HeaderName::from_static("x-forwarded-for"));
        let guard = Guard { key: None, signature: None, limit: None, client_header };
        let mut headers = HeaderMap::new();
        let client = |headers: &HeaderMap, peer: &str| {
            guard.client(headers, peer.parse().unwrap()).to_string()
        };
        assert_eq!(client(&headers, "::ffff:127.0.0.1"), "127.0.0.1");
        assert_eq!(client(&headers, "2001:db8::1"), "2001:db8::1");
        headers.insert("x-forwarded-for", "::ffff:10.0.0.9".parse().unwrap());
        assert_eq!(client(&headers, "::1"), "10.0.0.9");
    }

    #[test]
    fn a_clock_that_is_set_back_costs_a_client_one_step() {
        let limit = RateLimit::new(2, 3);
        for _request in 0..3 {
            assert_eq!(limit.admit(ONE, 9_000_000), Ok(()));
        }
        assert_eq!(limit.admit(ONE, 0), Err(1));
        assert_eq!(limit.admit(ONE, 400), Err(1));
        assert_eq!(limit.admit(ONE, 500), Ok(()));
    }

    #[test]
    fn a_signature_is_that_of_the_body() {
        let name = HeaderName::from_static("x-hub-signature-256");
        let signature = Signature::new(&Secret::new("It's a Secret to Everybody".into()), name);
        let check = |text: &str, body: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert("x-hub-signature-256", text.parse().unwrap());
            signature.check(&headers, body).map_err(|refused| refused.status.as_u16())
        };
        // The example of GitHub's documentation of webhooks.
        let right = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert_eq!(check(right, b"Hello, World!"), Ok(()));
        assert_eq!(check(right, b"Hello, world!"), Err(401));
        assert_eq!(check("sha256=75", b"Hello, World!"), Err(401));
        assert_eq!(check("7571é", b"Hello, World!"), Err(401));
    }
}
