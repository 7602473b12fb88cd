//! The sandbox's storage: an append-only file of JSON lines.
//!
//! A line counts once it ends in a line feed and fsync has returned; only then is it acknowledged.
//! A process that is killed while writing leaves at most an incomplete last line, which was not
//! acknowledged, and which the next start cuts off. SQLite was the alternative: a C library for
//! four kinds of lines and one writer.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::ledger::{Ledger, LedgerEntry};
use crate::provider::SetupError;

/// Interval of attempts at a lock that another process holds.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// The open file, locked against other writers for as long as this lives.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    /// Number of bytes that are known to be on the disk.
    length: u64,
}

impl Journal {
    /// Opens and locks the file, creating it and its folder if missing; waits up to `wait` for
    /// another process to release it, cuts off an incomplete last line, and folds the rest.
    pub(super) fn open(path: &Path, wait: Duration) -> Result<(Self, Ledger), SetupError> {
        let failed = |source| SetupError::Io {
            path: path.to_owned(),
            source,
        };
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(failed)?;
        lock(&file, path, wait)?;
        let mut journal = Self {
            path: path.to_owned(),
            file,
            length: 0,
        };
        let ledger = journal.replay()?;
        journal.cut().map_err(failed)?;
        // The file's name is durable only once its folder is.
        File::open(folder.unwrap_or(Path::new(".")))
            .and_then(|folder| folder.sync_all())
            .map_err(failed)?;
        Ok((journal, ledger))
    }

    /// Folds the current contents of the file at `path`, without locking or changing it.
    pub(super) fn read(path: &Path) -> Result<Ledger, SetupError> {
        match std::fs::read(path) {
            Ok(bytes) => fold(&bytes, path).map(|(ledger, _)| ledger),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Ledger::default()),
            Err(source) => Err(SetupError::Io {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// Appends the entries and waits until they are on the disk. After an error the contents are
    /// unknown: only [`recover`](Self::recover) may follow.
    pub(super) fn append(&mut self, entries: &[LedgerEntry]) -> io::Result<()> {
        let mut lines = Vec::new();
        for entry in entries {
            serde_json::to_writer(&mut lines, entry)?;
            lines.push(b'\n');
        }
        self.file.write_all(&lines)?;
        self.file.sync_data()?;
        self.length += lines.len() as u64;
        Ok(())
    }

    /// After a failed append: cuts back to what was on the disk before it, and folds that.
    pub(super) fn recover(&mut self) -> Result<Ledger, SetupError> {
        self.cut().map_err(|source| SetupError::Io {
            path: self.path.clone(),
            source,
        })?;
        self.replay()
    }

    fn replay(&mut self) -> Result<Ledger, SetupError> {
        let mut bytes = Vec::new();
        self.file
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.file.read_to_end(&mut bytes))
            .map_err(|source| SetupError::Io {
                path: self.path.clone(),
                source,
            })?;
        let (ledger, length) = fold(&bytes, &self.path)?;
        if length < bytes.len() {
            tracing::warn!(
                path = %self.path.display(),
                bytes = bytes.len() - length,
                "dropping a line that a crash cut short; it was never acknowledged"
            );
        }
        self.length = length as u64;
        Ok(ledger)
    }

    fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.length)?;
        self.file.sync_all()
    }
}

fn lock(file: &File, path: &Path, wait: Duration) -> Result<(), SetupError> {
    let deadline = Instant::now() + wait;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(source)) => {
                return Err(SetupError::Io {
                    path: path.to_owned(),
                    source,
                });
            }
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                return Err(SetupError::InUse {
                    path: path.to_owned(),
                });
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
        }
    }
}

/// Folds all complete lines; the number is their size in bytes.
fn fold(bytes: &[u8], path: &Path) -> Result<(Ledger, usize), SetupError> {
    let length = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |last| last + 1);
    let mut ledger = Ledger::default();
    for (index, line) in bytes[..length]
        .split_inclusive(|byte| *byte == b'\n')
        .enumerate()
    {
        serde_json::from_slice::<LedgerEntry>(line)
            .map_err(|error| error.to_string())
            .and_then(|entry| ledger.apply(entry))
            .map_err(|problem| SetupError::Corrupt {
                path: path.to_owned(),
                line: index + 1,
                problem,
            })?;
    }
    Ok((ledger, length))
}
