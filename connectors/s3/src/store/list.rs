//! What is below a prefix.

use connect_api::error::Result;

use super::{Store, failure::Operation};

impl Store {
    /// The next keys below a prefix, in their order, and whether there are more.
    ///
    /// # Errors
    /// By the server's answer.
    pub(crate) async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<(Vec<String>, bool)> {
        let _permit = self.permit().await;
        let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix);
        let request = request.set_start_after(after.map(str::to_owned));
        let page = Box::pin(request.send()).await;
        let page = page.map_err(|error| self.fail(error, Operation::Find, prefix))?;
        let objects = page.contents.unwrap_or_default().into_iter();
        let keys = objects.filter_map(|object| object.key).collect();
        Ok((keys, page.is_truncated == Some(true)))
    }

    /// The address of an object, as people write it.
    pub(crate) fn place(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }
}
