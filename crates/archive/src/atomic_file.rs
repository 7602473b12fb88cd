//! Writes files atomically: a reader sees the whole file or none.

use sha2::{Digest as _, Sha256};
use std::{
    fs::{File, Permissions},
    io::{self, BufWriter, Write},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};
use tempfile::NamedTempFile;

use crate::ArchiveError;

/// A file that is being written under a temporary name; removed unless it is kept.
#[derive(Debug)]
pub struct AtomicFile {
    to: BufWriter<NamedTempFile>,
    digest: Sha256,
    bytes: u64,
}

/// Length and checksum of a file.
#[derive(Debug)]
pub struct Checksum {
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

impl AtomicFile {
    /// Begins a file in a folder, which must be on the same disk as its final name.
    ///
    /// # Errors
    /// When there is no such folder, or nothing can be written to it.
    pub fn create_in(folder: &Path) -> io::Result<Self> {
        // Without the bits of the process's umask, like any other file.
        let file = tempfile::Builder::new()
            .suffix(".unfinished")
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)?;
        Ok(Self {
            to: BufWriter::with_capacity(1 << 16, file),
            digest: Sha256::new(),
            bytes: 0,
        })
    }

    /// Flushes it to the disk and gives it its final name.
    ///
    /// # Errors
    /// When that fails: then nothing of it is left.
    pub fn keep(self, name: &Path) -> io::Result<Checksum> {
        let file = self.to.into_inner()?;
        file.as_file().sync_all()?;
        file.persist(name)?;
        // The name is in the folder, which must be flushed as well.
        File::open(folder_of(name))?.sync_all()?;
        Ok(Checksum {
            bytes: self.bytes,
            sha256: hex::encode(self.digest.finalize()),
        })
    }
}

/// The folder that a file is in.
pub fn folder_of(file: &Path) -> &Path {
    let folder = file.parent();
    let named = folder.filter(|folder| !folder.as_os_str().is_empty());
    named.unwrap_or(Path::new("."))
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
