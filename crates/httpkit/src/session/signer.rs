//! Signing tokens. Only `auth` does.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use ed25519_dalek::{
    SigningKey,
    pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, spki::der::pem::LineEnding},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use uuid::Uuid;

use super::{Claims, PublicKey, private_file};
use crate::clock;

/// The file in the data directory that holds the key that was made on first start.
pub(super) const KEY_FILE: &str = "session-key.pem";

/// Why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The text isn't an Ed25519 private key in PKCS#8 PEM form.
    #[error("{0} holds no Ed25519 private key in PEM form (`openssl genpkey -algorithm ed25519`)")]
    Malformed(String),
    /// The file can't be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Signs session tokens with an Ed25519 key.
pub struct SessionSigner {
    key: EncodingKey,
    header: Header,
    public: PublicKey,
}

impl SessionSigner {
    /// From a private key in PKCS#8 PEM form. `origin` names where it is from, for the error.
    pub fn from_pem(pem: &str, origin: &str) -> Result<Self, KeyError> {
        let malformed = || KeyError::Malformed(origin.to_owned());
        let signing = SigningKey::from_pkcs8_pem(pem.trim()).map_err(|_| malformed())?;
        Self::new(&signing).ok_or_else(malformed)
    }

    /// From the key in a data directory; it is made on first start and readable by its owner only.
    ///
    /// Processes that start at once with the same directory agree on one key.
    pub fn from_data_dir(directory: &Path) -> Result<Self, KeyError> {
        let path = directory.join(KEY_FILE);
        let failed = |source| KeyError::File {
            path: path.clone(),
            source,
        };
        match fs::read_to_string(&path) {
            Ok(pem) => return Self::from_pem(&pem, &path.display().to_string()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        fs::create_dir_all(directory).map_err(failed)?;
        write_new_key(&path).map_err(failed)?;
        let pem = fs::read_to_string(&path).map_err(failed)?;
        Self::from_pem(&pem, &path.display().to_string())
    }

    /// With a key that nobody keeps: for tests.
    pub fn ephemeral() -> Self {
        Self::new(&fresh_key()).unwrap_or_else(|| unreachable!("a fresh key has a PKCS#8 form"))
    }

    fn new(signing: &SigningKey) -> Option<Self> {
        let public = PublicKey::of(&signing.verifying_key());
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(public.kid.clone());
        Some(Self {
            key: EncodingKey::from_ed_der(signing.to_pkcs8_der().ok()?.as_bytes()),
            header,
            public,
        })
    }

    /// The key to verify with, to be told to everybody.
    pub const fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// A token for a user who signs in now, good for so long; and what it says.
    pub fn sign(
        &self,
        user_id: Uuid,
        email: &str,
        lifetime: Duration,
    ) -> Result<(String, Claims), jsonwebtoken::errors::Error> {
        let iat = clock::unix_seconds();
        let lifetime = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
        let claims = Claims {
            sub: user_id,
            email: email.to_owned(),
            iat,
            exp: iat.saturating_add(lifetime),
            jti: Uuid::new_v4(),
        };
        Ok((encode(&self.header, &claims, &self.key)?, claims))
    }

    /// A token with any claims.
    #[cfg(test)]
    pub(super) fn sign_anything(&self, claims: &serde_json::Value) -> String {
        encode(&self.header, claims, &self.key).unwrap()
    }
}

/// Tells the key's id, never the key.
impl fmt::Debug for SessionSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionSigner")
            .field("kid", &self.public.kid)
            .finish_non_exhaustive()
    }
}

fn fresh_key() -> SigningKey {
    SigningKey::from_bytes(&rand::random())
}

/// Writes a new key, unless there is one: of several processes that start at once, one wins.
fn write_new_key(path: &Path) -> io::Result<()> {
    let pem = fresh_key()
        .to_pkcs8_pem(LineEnding::LF)
        .map_err(io::Error::other)?;
    match private_file::create(path, &pem) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    /// Made by `openssl genpkey -algorithm ed25519`.
    const OPENSSL_KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n\
        -----END PRIVATE KEY-----\n";

    #[test]
    fn a_key_that_openssl_made_can_sign() {
        let signer = SessionSigner::from_pem(OPENSSL_KEY, "test").unwrap();
        let result = signer.sign(Uuid::nil(), "a@b.c", Duration::from_secs(1));
        assert_eq!(result.unwrap().1.sub, Uuid::nil());
    }

    #[test]
    fn the_key_of_a_data_directory_is_made_once_and_only_its_owner_reads_it() {
        let directory = tempfile::tempdir().unwrap();
        let first = SessionSigner::from_data_dir(directory.path()).unwrap();
        let second = SessionSigner::from_data_dir(directory.path()).unwrap();
        assert_eq!(first.public_key(), second.public_key());
        let entries: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
        assert_eq!(entries.len(), 1, "no draft is left behind");
        let mode = fs::metadata(directory.path().join(KEY_FILE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn processes_that_start_at_once_agree_on_one_key() {
        let directory = tempfile::tempdir().unwrap();
        let kids: Vec<String> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| SessionSigner::from_data_dir(directory.path()).unwrap()))
                .collect();
            starts
                .into_iter()
                .map(|start| start.join().unwrap().public_key().kid.clone())
                .collect()
        });
        assert!(kids.iter().all(|kid| *kid == kids[0]), "{kids:?}");
    }

    #[test]
    fn a_file_that_holds_no_key_is_an_error_that_names_it() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(KEY_FILE), "nonsense").unwrap();
        let error = SessionSigner::from_data_dir(directory.path()).unwrap_err();
        assert!(error.to_string().contains(KEY_FILE), "{error}");
    }
}
