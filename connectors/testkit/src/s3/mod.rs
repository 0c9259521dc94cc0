//! Faults between an S3 client and an S3 server.
//!
//! A [`FaultProxy`] listens on a loopback port and stands before a real server, or before one in
//! this process. Faults come by a script, first in, first out, each for the requests it is meant
//! for ([`Which`]), or happen to every such request until the test says otherwise:
//!
//! ```no_run
//! # async fn example(server_url: &str) -> std::io::Result<()> {
//! use connect_testkit::s3::{Fault, FaultProxy, Operation, Which, before};
//!
//! let proxy = FaultProxy::start(before(server_url)).await?;
//! proxy.script(Which::Of(Operation::CompleteMultipartUpload), [Fault::OkWithError]);
//! proxy.always(Which::Any, Fault::Silence);
//! proxy.heal();
//! # Ok(())
//! # }
//! ```
//!
//! A request is passed on as it came, so that its signature stays good: it has the proxy's address
//! in its `Host`. Bodies are read as a whole before they are passed on, and answers likewise. A test
//! that kills its client at a certain request scripts [`Fault::Silence`] or [`Fault::SilenceAfter`]
//! and waits for [`FaultProxy::script_ends`].

mod fault;
mod operation;
mod proxy;

pub use fault::{Fault, Which};
pub use operation::Operation;
pub use proxy::{FaultProxy, Upstream, before};
