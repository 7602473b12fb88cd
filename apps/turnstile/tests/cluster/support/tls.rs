//! An authority, a certificate for servers and one for clients.

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use std::{fs, path::PathBuf};
use tempfile::TempDir;

/// Files in PEM; removed with the value.
pub struct Certificates {
    folder: TempDir,
}

impl Certificates {
    pub fn make() -> Self {
        let folder = TempDir::with_prefix("certificates-").unwrap();
        let mut authority = CertificateParams::new(Vec::default()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyCertSign,
        ];
        let key = KeyPair::generate().unwrap();
        let certificate = authority.self_signed(&key).unwrap();
        let issuer = Issuer::new(authority, key);
        for (name, purposes) in [
            // Servers are clients of each other.
            (
                "server",
                &[
                    ExtendedKeyUsagePurpose::ServerAuth,
                    ExtendedKeyUsagePurpose::ClientAuth,
                ][..],
            ),
            ("client", &[ExtendedKeyUsagePurpose::ClientAuth][..]),
        ] {
            let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
            let mut params = CertificateParams::new(names).unwrap();
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            params.extended_key_usages = purposes.to_vec();
            let key = KeyPair::generate().unwrap();
            let signed = params.signed_by(&key, &issuer).unwrap();
            let place = folder.path().join(name);
            fs::create_dir(&place).unwrap();
            fs::write(place.join("tls.crt"), signed.pem()).unwrap();
            fs::write(place.join("tls.key"), key.serialize_pem()).unwrap();
            fs::write(place.join("ca.crt"), certificate.pem()).unwrap();
        }
        Self { folder }
    }

    /// The folder of the servers' files, as Kubernetes would mount it.
    pub fn of_servers(&self) -> PathBuf {
        self.folder.path().join("server")
    }

    /// A file of a client: `ca.crt`, `tls.crt` or `tls.key`.
    pub fn of_clients(&self, file: &str) -> String {
        let path = self.folder.path().join("client").join(file);
        path.to_str().unwrap().to_owned()
    }
}
