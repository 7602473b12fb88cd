//! Generates the next signing key.

use secrecy::ExposeSecret as _;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

use ed25519_dalek::{
    SigningKey,
    pkcs8::{EncodePrivateKey as _, spki::der::pem::LineEnding},
};

use super::{PublicKey, private_file};
use crate::config::Secret;

/// The file in the data directory with the key that was generated at the first start.
pub(super) const KEY_FILE: &str = "session-key.pem";

/// A new key pair; the private half is never shown.
#[derive(Debug)]
pub struct NewKey {
    pem: Secret,
    public: PublicKey,
}

impl NewKey {
    /// Generates a key pair.
    ///
    /// # Errors
    /// When it can't be encoded, which never happens for a new key.
    pub fn make() -> io::Result<Self> {
        let signing = SigningKey::from_bytes(&rand::random());
        let pem = signing.to_pkcs8_pem(LineEnding::LF);
        let pem = pem.map_err(io::Error::other)?;
        Ok(Self {
            pem: Secret::from(pem.as_str()),
            public: PublicKey::of(&signing.verifying_key()),
        })
    }

    /// The public half.
    pub const fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Writes the private half to a new file that only its owner can read.
    ///
    /// # Errors
    /// When the file exists, or can't be written; then nothing of it remains.
    pub fn write_new(&self, path: &Path) -> io::Result<()> {
        private_file::create(path, self.pem.expose_secret())
    }

    /// Replaces the key of a data directory; processes that start with it sign with the new key.
    /// Returns the file's path.
    ///
    /// # Errors
    /// When the file can't be written. The old key then remains.
    pub fn replace_in(&self, directory: &Path) -> io::Result<PathBuf> {
        fs::create_dir_all(directory)?;
        let path = directory.join(KEY_FILE);
        private_file::replace(&path, self.pem.expose_secret())?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SessionSigner;

    #[test]
    fn a_new_key_replaces_the_old_one_atomically_and_privately() {
        let directory = tempfile::tempdir().unwrap();
        let before = SessionSigner::from_data_dir(directory.path()).unwrap();
        let new = NewKey::make().unwrap();
        let path = new.replace_in(directory.path()).unwrap();
        let after = SessionSigner::from_data_dir(directory.path()).unwrap();
        assert_ne!(after.public_key(), before.public_key());
        assert_eq!(after.public_key(), new.public_key());
        assert!(!format!("{new:?}").contains("PRIVATE"));
        assert!(new.write_new(&path).is_err(), "no file is overwritten");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
