//! Writes files atomically: a reader sees the whole file or none.

use sha2::{Digest as _, Sha256};
use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use crate::ArchiveError;

/// A file that is being written under a temporary name; removed unless it is kept.
#[derive(Debug)]
pub(crate) struct AtomicFile {
    to: BufWriter<File>,
    path: PathBuf,
    digest: Sha256,
    bytes: u64,
    kept: bool,
}

/// Length and checksum of a file.
#[derive(Debug)]
pub(crate) struct Checksum {
    pub bytes: u64,
    pub sha256: String,
}

impl AtomicFile {
    pub fn create(path: PathBuf) -> Result<Self, ArchiveError> {
        let file = File::create(&path).map_err(|error| ArchiveError::file(&path, error))?;
        Ok(Self {
            to: BufWriter::with_capacity(1 << 16, file),
            path,
            digest: Sha256::new(),
            bytes: 0,
            kept: false,
        })
    }

    /// Flushes it to the disk and gives it its final name.
    pub fn keep(mut self, name: &Path) -> Result<Checksum, ArchiveError> {
        let failed = |error| ArchiveError::file(name, error);
        self.to.flush().map_err(failed)?;
        self.to.get_ref().sync_all().map_err(failed)?;
        fs::rename(&self.path, name).map_err(failed)?;
        self.kept = true;
        // The name is in the folder, which must be flushed as well.
        if let Some(folder) = name.parent() {
            File::open(folder)
                .and_then(|folder| folder.sync_all())
                .map_err(failed)?;
        }
        Ok(Checksum {
            bytes: self.bytes,
            sha256: hex::encode(std::mem::take(&mut self.digest).finalize()),
        })
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.digest.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if !self.kept {
            // On a full disk this frees the space for the next run.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The checksum of an existing file.
pub(crate) fn checksum_of(path: &Path) -> Result<Checksum, ArchiveError> {
    let failed = |error| ArchiveError::file(path, error);
    let mut file = File::open(path).map_err(failed)?;
    let mut digest = Sha256::new();
    let bytes = io::copy(&mut file, &mut Updating(&mut digest)).map_err(failed)?;
    Ok(Checksum {
        bytes,
        sha256: hex::encode(digest.finalize()),
    })
}

struct Updating<'d>(&'d mut Sha256);

impl Write for Updating<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
