//! One `up` per data folder.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::process;

use anyhow::{Context, Result, bail};

/// Held as long as the value exists; the kernel releases it when the process ends in any way.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

impl DataLock {
    /// Creates the folder if necessary and locks it.
    ///
    /// # Errors
    /// When another process holds it; the message names that process.
    pub fn take(data_dir: &Path) -> Result<Self> {
        fs::create_dir_all(data_dir)
            .with_context(|| format!("can't create the data folder {}", data_dir.display()))?;
        let path = data_dir.join("up.lock");
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .with_context(|| format!("can't open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder)?;
                bail!(
                    "process {} already runs Turnstile on {}: end it, or choose another folder \
                     with --data-dir",
                    holder.trim(),
                    data_dir.display()
                );
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("can't lock {}", path.display()));
            }
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", process::id())?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_folder_has_one_user_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let first = DataLock::take(&data).unwrap();
        let error = DataLock::take(&data).unwrap_err().to_string();
        let holder = format!("process {} already runs Turnstile on", process::id());
        assert!(error.starts_with(&holder), "{error}");
        drop(first);
        DataLock::take(&data).unwrap();
    }
}
