//! What a request asks of an S3 server.

use hyper::{Method, Uri};

/// An operation of S3, told by method and path-style address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Looks a bucket up.
    HeadBucket,
    /// Lists objects.
    ListObjects,
    /// Lists uploads that are not complete.
    ListMultipartUploads,
    /// Looks an object up.
    HeadObject,
    /// Reads an object.
    GetObject,
    /// Writes a whole object.
    PutObject,
    /// Begins an upload in parts.
    CreateMultipartUpload,
    /// Writes a part.
    UploadPart,
    /// Makes the object of an upload appear.
    CompleteMultipartUpload,
    /// Gives an upload up.
    AbortMultipartUpload,
    /// Tags an object.
    PutObjectTagging,
    /// Anything else.
    Other,
}

impl Operation {
    /// What a request asks for.
    #[must_use]
    pub fn of(method: &Method, uri: &Uri) -> Self {
        let query = uri.query().unwrap_or_default();
        let has = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
        let place = uri.path().trim_start_matches('/').split_once('/');
        let has_key = place.is_some_and(|(_bucket, key)| !key.is_empty());
        match (method.as_str(), has_key) {
            ("HEAD", false) => Self::HeadBucket,
            ("HEAD", true) => Self::HeadObject,
            ("GET", false) if has("uploads") => Self::ListMultipartUploads,
            ("GET", false) => Self::ListObjects,
            ("GET", true) => Self::GetObject,
            ("PUT", true) if has("partNumber") => Self::UploadPart,
            ("PUT", true) if has("tagging") => Self::PutObjectTagging,
            ("PUT", true) => Self::PutObject,
            ("POST", true) if has("uploads") => Self::CreateMultipartUpload,
            ("POST", true) if has("uploadId") => Self::CompleteMultipartUpload,
            ("DELETE", true) if has("uploadId") => Self::AbortMultipartUpload,
            _ => Self::Other,
        }
    }

    /// Whether it stores something.
    #[must_use]
    pub const fn is_write(self) -> bool {
        self.creates_object()
            || matches!(
                self,
                Self::CreateMultipartUpload | Self::UploadPart | Self::PutObjectTagging
            )
    }

    /// Whether an object appears by it.
    #[must_use]
    pub const fn creates_object(self) -> bool {
        matches!(self, Self::PutObject | Self::CompleteMultipartUpload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_told_by_its_method_and_its_address() {
        for (line, expected) in [
            ("HEAD /b", Operation::HeadBucket),
            ("HEAD /b/", Operation::HeadBucket),
            ("GET /b?list-type=2&max-keys=1", Operation::ListObjects),
            ("GET /b/?uploads&prefix=a", Operation::ListMultipartUploads),
            ("HEAD /b/a/k", Operation::HeadObject),
            ("GET /b/a/k?x-id=GetObject", Operation::GetObject),
            ("PUT /b/k?x-id=PutObject", Operation::PutObject),
            ("POST /b/k?uploads", Operation::CreateMultipartUpload),
            ("PUT /b/k?partNumber=1&uploadId=u", Operation::UploadPart),
            ("POST /b/k?uploadId=u", Operation::CompleteMultipartUpload),
            ("DELETE /b/k?x-id=AbortMultipartUpload&uploadId=u", Operation::AbortMultipartUpload),
            ("PUT /b/k?tagging", Operation::PutObjectTagging),
            ("PUT /b", Operation::Other),
            ("DELETE /b/k", Operation::Other),
        ] {
            let (method, uri) = line.split_once(' ').unwrap();
            let found = Operation::of(&method.parse().unwrap(), &uri.parse().unwrap());
            assert_eq!(found, expected, "{line}");
        }
    }
}
