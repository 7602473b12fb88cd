//! TLS of clients that call other servers.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

/// A client configuration on *ring*, which the NATS and MongoDB drivers use too, instead of
/// reqwest's default, which needs a second cryptography library with a C toolchain. It is created
/// here and passed on, because choosing the process-wide default provider is up to the binary.
///
/// It trusts the machine's certificates (`SSL_CERT_FILE` and `SSL_CERT_DIR` are respected), or
/// Mozilla's list where there are none, as in a minimal container image.
///
/// # Errors
/// When *ring* lacks the protocol versions, which it never does.
pub fn client_config() -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(native.certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
