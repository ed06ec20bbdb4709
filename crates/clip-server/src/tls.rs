//! Encrypted connections.

use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto::ring};

use crate::settings::Tls;
use crate::state::StartError;

impl Tls {
    /// What makes encrypted connections of others.
    pub(crate) fn acceptor(&self) -> Result<TlsAcceptor, StartError> {
        let Self { certificate, key } = self;
        let wrong = |path: &std::path::Path, reason: &dyn std::fmt::Display| StartError::Tls {
            path: path.to_owned(),
            reason: reason.to_string(),
        };
        let certificates = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| wrong(certificate, &error))?;
        if certificates.is_empty() {
            return Err(wrong(certificate, &"it holds no certificate"));
        }
        let own_key = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, &error))?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(certificates, own_key))
            .map_err(|error| wrong(certificate, &error))?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}
