//! The folder of an export: one writer at a time, and no file that isn't in the manifest.

use std::{
    collections::HashSet,
    fs::{self, File, TryLockError},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use crate::{ArchiveError, Format, Manifest, TABLES, TableSpec};

/// The folder for incomplete files.
const UNFINISHED: &str = ".unfinished";
const LOCK: &str = ".lock";

/// A folder that only this process writes to.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// Held as long as this value exists.
    _lock: File,
}

impl Folder {
    /// Opens a folder, created if necessary. The lock ends with the process, even in a crash.
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        let unfinished = path.join(UNFINISHED);
        fs::create_dir_all(&unfinished).map_err(|error| ArchiveError::file(&unfinished, error))?;
        let lock_path = path.join(LOCK);
        let lock =
            File::create(&lock_path).map_err(|error| ArchiveError::file(&lock_path, error))?;
        match lock.try_lock() {
            // The previous holder may have removed the file: then it locks nothing.
            Ok(()) if is_at(&lock, &lock_path) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Ok(()) | Err(TryLockError::WouldBlock) => Err(ArchiveError::Busy(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(ArchiveError::file(&lock_path, error)),
        }
    }

    /// Removes the files that only an incomplete export needs.
    pub fn close(self) -> Result<(), ArchiveError> {
        let unfinished = self.unfinished();
        fs::remove_dir(&unfinished).map_err(|error| ArchiveError::file(&unfinished, error))?;
        // Last, while the lock is still held.
        remove(&self.path.join(LOCK))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn unfinished(&self) -> PathBuf {
        self.path.join(UNFINISHED)
    }

    /// The path of a table's file for a part of its stream.
    pub fn name(table: &TableSpec, (first, last): (u64, u64), format: Format) -> String {
        let extension = format.extension();
        let (name, stream) = (table.name, table.stream);
        format!("{name}/{stream}-{first:012}-{last:012}.{extension}")
    }

    /// Removes files that a killed run left behind. Touches only names that an export uses: other
    /// files in the folder are not the export's.
    pub fn remove_orphans(&self, manifest: &Manifest) -> Result<(), ArchiveError> {
        let known: HashSet<PathBuf> = manifest
            .tables
            .values()
            .flat_map(|table| &table.parts)
            .map(|part| self.path.join(&part.file))
            .collect();
        for file in files_in(&self.unfinished())? {
            remove(&file)?;
        }
        for table in TABLES {
            let folder = self.path.join(table.name);
            if !folder.exists() {
                continue;
            }
            for file in files_in(&folder)? {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                let ours = name.starts_with(&format!("{}-", table.stream))
                    && name.ends_with(manifest.format.extension());
                if ours && !known.contains(&file) {
                    remove(&file)?;
                }
            }
        }
        Ok(())
    }
}

/// Whether a path leads to an open file.
fn is_at(open: &File, path: &Path) -> bool {
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let (open, there) = (
        open.metadata().map(identity),
        fs::metadata(path).map(identity),
    );
    matches!((open, there), (Ok(open), Ok(there)) if open == there)
}

fn files_in(folder: &Path) -> Result<Vec<PathBuf>, ArchiveError> {
    let failed = |error| ArchiveError::file(folder, error);
    let entries = fs::read_dir(folder).map_err(failed)?;
    entries
        .map(|entry| entry.map(|entry| entry.path()).map_err(failed))
        .collect()
}

fn remove(file: &Path) -> Result<(), ArchiveError> {
    fs::remove_file(file).map_err(|error| ArchiveError::file(file, error))
}
