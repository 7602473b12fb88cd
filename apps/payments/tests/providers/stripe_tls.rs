//! Over https, as with the real Stripe: the handshake succeeds only with a trusted certificate.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use payments::provider::{PaymentProvider, Timeouts};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{ServerConfig, crypto};

use crate::support::{SHORT, intent, stripe_at};
use testkit::stripe::{StandIn, StripeRoute};

/// Passes the address to a process that a test starts from its own binary; its environment decides
/// which certificates it trusts.
const OPEN_AT: &str = "STRIPE_TEST_OPENS_AT";

/// Puts TLS in front of the stand-in; returns its address, and writes the certificate to a file.
async fn with_tls(standin: &StandIn, certificate: &Path) -> String {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(certificate, made.cert.pem()).unwrap();
    let key = made.signing_key.serialize_der().try_into().unwrap();
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let behind = standin.base().trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(mut outside) = acceptor.accept(stream).await {
                let mut inside = TcpStream::connect(&behind).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
            }
        }
    });
    format!("https://{address}")
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_trusted_certificate_is_accepted() {
    if let Ok(base) = std::env::var(OPEN_AT) {
        let opened = stripe_at(&base, Timeouts::default()).open(&intent()).await;
        println!(
            "\n{}",
            if opened.is_ok() {
                "opened"
            } else {
                "not opened"
            }
        );
        return;
    }
    let standin = StandIn::start().await;
    let folder = tempfile::tempdir().unwrap();
    let certificate = folder.path().join("certificate.pem");
    let base = with_tls(&standin, &certificate).await;

    let test = "stripe_tls::only_a_trusted_certificate_is_accepted";
    let trusting = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(OPEN_AT, &base)
        .env("SSL_CERT_FILE", &certificate)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = tokio::task::spawn_blocking(|| trusting.wait_with_output())
        .await
        .unwrap()
        .unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.contains("\nopened"), "{said}");
    assert_eq!(standin.seen(StripeRoute::Create).len(), 1);

    assert!(stripe_at(&base, SHORT).open(&intent()).await.is_err());
    assert_eq!(standin.seen(StripeRoute::Create).len(), 1);
}
