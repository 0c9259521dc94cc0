//! What is counted of the traffic with the bucket.

use aws_sdk_s3::{
    config::{
        ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeTransmitInterceptorContextRef,
    },
    error::BoxError,
};
use connect_api::figures::{Counter, Figures};

use super::Created;
use crate::figures;

/// Methods of S3's requests: their prices differ.
const METHODS: [&str; 5] = ["PUT", "POST", "GET", "HEAD", "DELETE"];

/// Counts requests, the bytes of content they brought, and the objects that came of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Traffic {
    /// Requests by their method, tries that failed included.
    requests: [Counter; METHODS.len()],
    bytes: Counter,
    objects: Counter,
}

impl Traffic {
    pub(super) fn new(own: &Figures) -> Self {
        Self {
            requests: METHODS.map(|method| figures::REQUESTS.counter_of(own, "method", method)),
            bytes: figures::UPLOADED_BYTES.counter(own),
            objects: figures::OBJECTS.counter(own),
        }
    }

    /// An object has appeared with content of so many bytes that were not counted before, unless there was
    /// one already.
    pub(super) fn appeared(&self, created: Created, bytes: usize) {
        if created == Created::Yes {
            self.objects.add(1);
            self.sent(bytes);
        }
    }

    /// The bucket has taken content of so many bytes.
    pub(super) fn sent(&self, bytes: usize) {
        self.bytes.add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }
}

/// Every try of every request passes here.
impl Intercept for Traffic {
    fn name(&self) -> &'static str {
        "millrace traffic"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let method = context.request().method();
        let known = METHODS.iter().zip(&self.requests).find(|(name, _)| **name == method);
        if let Some((_, counter)) = known {
            counter.add(1);
        }
        Ok(())
    }
}
