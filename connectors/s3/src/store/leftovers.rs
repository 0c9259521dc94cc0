//! Uploads in parts that nobody will end any more.

use connect_api::error::Result;

use super::{
    Store, Upload,
    failure::{Failure, Operation},
};

/// Most pages of a listing that are read, of up to a thousand uploads each.
const MOST_PAGES: usize = 100;

impl Store {
    /// Aborts the uploads below a prefix that were begun before a time and whose keys are ours, and says
    /// how many these were. Nothing when the server does not list uploads.
    ///
    /// # Errors
    /// By the server's answer, `Forbidden` when uploads may not be listed.
    pub(crate) async fn abort_older(
        &self,
        prefix: &str,
        before_ms: i64,
        is_ours: impl Fn(&str) -> bool + Send,
    ) -> Result<Option<usize>> {
        let mut left = Vec::new();
        let (mut key_marker, mut id_marker) = (None, None);
        for _ in 0..MOST_PAGES {
            let _permit = self.permit().await;
            let request = self.client.list_multipart_uploads().bucket(&self.bucket).prefix(prefix);
            let request = request.set_key_marker(key_marker).set_upload_id_marker(id_marker);
            let page = match Box::pin(request.send()).await {
                Ok(page) => page,
                Err(error) if Failure::of(&error).is_not_implemented() => return Ok(None),
                Err(error) => return Err(self.fail(error, Operation::List, prefix)),
            };
            for upload in page.uploads.unwrap_or_default() {
                let begun_ms = upload.initiated.and_then(|time| time.to_millis().ok());
                let is_old = begun_ms.is_some_and(|begun| begun < before_ms);
                if let (true, Some(key), Some(id)) = (is_old, upload.key, upload.upload_id)
                    && is_ours(&key)
                {
                    left.push((key, Upload { id, parts: Vec::new() }));
                }
            }
            if page.is_truncated != Some(true) {
                break;
            }
            (key_marker, id_marker) = (page.next_key_marker, page.next_upload_id_marker);
        }
        for (key, upload) in &left {
            self.abort(key, upload).await;
        }
        Ok(Some(left.len()))
    }
}
