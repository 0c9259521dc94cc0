//! Looks at the bucket before the first record, so that what is wrong is said at once.

use connect_api::error::{ErrorClass, Result};

use super::{
    Store,
    failure::{Failure, Operation, missing_bucket},
};

impl Store {
    /// Checks that the bucket is there and that we are somebody to it.
    ///
    /// An answer that only denies the listing counts as a bucket that is there, because writing
    /// may be allowed all the same.
    ///
    /// # Errors
    /// `NotFound` without the bucket, `Forbidden` with credentials the server does not accept,
    /// `Retriable` when it is away.
    pub(crate) async fn check_bucket(&self) -> Result<()> {
        let request = self.client.head_bucket().bucket(&self.bucket);
        let Err(error) = Box::pin(request.send()).await else { return Ok(()) };
        let failure = Failure::of(&error);
        match failure.status {
            Some(404) => Err(missing_bucket(ErrorClass::NotFound, &self.bucket, self.names)),
            // The answer to HEAD has no body: ask again in a way that says why.
            Some(400 | 403) => self.ask_why().await,
            _ => Err(self.fail(error, Operation::Bucket, "")),
        }
    }

    async fn ask_why(&self) -> Result<()> {
        let request = self.client.list_objects_v2().bucket(&self.bucket).max_keys(1);
        let Err(error) = Box::pin(request.send()).await else { return Ok(()) };
        let failure = Failure::of(&error);
        if failure.status == Some(403) && matches!(failure.code.as_str(), "AccessDenied" | "") {
            tracing::warn!(
                "The credentials may not list bucket \"{}\" ({failure}): the connector starts \
                 without knowing whether the bucket exists. Allow s3:ListBucket to have it checked",
                self.bucket
            );
            return Ok(());
        }
        Err(self.fail(error, Operation::Bucket, ""))
    }
}
