//! Why two sides did not agree on TLS, whatever client says so.

use std::{error::Error, io};

use rustls::Error as TlsError;

/// Why two sides did not agree on TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The server's certificate is not trusted, or is that of another host.
    Certificate,
    /// What is there speaks something else.
    NoTls,
    /// The server wants no more of it: perhaps because it wants a certificate of ours.
    Refused,
    /// They have no version or cipher in common, and the like.
    Other,
}

impl Mismatch {
    /// What an error says about TLS, itself or in what caused it; none where it is not about that.
    #[must_use]
    pub fn in_error(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(tls) = error.downcast_ref::<TlsError>() {
                return Some(Self::of(tls));
            }
            // An error of the system hides what is in it from `source`.
            let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            cause = match inner {
                Some(inner) => Some(inner as &(dyn Error + 'static)),
                None => error.source(),
            };
        }
        None
    }

    const fn of(error: &TlsError) -> Self {
        match error {
            TlsError::InvalidCertificate(_) => Self::Certificate,
            TlsError::InvalidMessage(_) => Self::NoTls,
            TlsError::AlertReceived(_) => Self::Refused,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use connect_api::error::ConnectorError;
    use rustls::{CertificateError, InvalidMessage};

    use super::*;

    #[test]
    fn what_is_about_tls_is_found_below_errors_of_the_system() {
        let tls = TlsError::InvalidMessage(InvalidMessage::InvalidContentType);
        let deep = ConnectorError::retriable("away").caused_by(io::Error::other(tls));
        assert_eq!(Mismatch::in_error(&deep), Some(Mismatch::NoTls));
        let stranger = TlsError::InvalidCertificate(CertificateError::UnknownIssuer);
        assert_eq!(Mismatch::in_error(&stranger), Some(Mismatch::Certificate));
        assert_eq!(Mismatch::in_error(&io::Error::other("no")), None);
    }
}
