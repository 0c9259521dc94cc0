//! Connections to PostgreSQL, for those who keep something there.

mod failure;
mod link;
mod tls;

pub use self::{
    failure::{Failure, Terms},
    link::Link,
    tls::tls,
};
