//! Files that only their owner can read, written completely or not at all.

use std::{
    io::{self, Write as _},
    path::Path,
};
use tempfile::NamedTempFile;

/// Creates a file that doesn't exist yet; of several concurrent attempts, one wins.
///
/// # Errors
/// When it exists, or can't be written. Nothing of it remains then.
pub(super) fn create(path: &Path, text: &str) -> io::Result<()> {
    draft(path, text)?.persist_noclobber(path)?;
    Ok(())
}

/// Replaces a file.
///
/// # Errors
/// When it can't be written. The old file then remains.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    draft(path, text)?.persist(path)?;
    Ok(())
}

/// The text under another name beside the path, removed unless it is renamed. Only its owner may
/// read it, as all files that `tempfile` makes.
fn draft(path: &Path, text: &str) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let mut draft = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    draft.write_all(text.as_bytes())?;
    draft.as_file().sync_all()?;
    Ok(draft)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

    fn files(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn a_file_is_created_once_and_replaced_atomically() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        create(&path, "first").unwrap();
        let refused = create(&path, "second").unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "first");
        replace(&path, "third").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "third");
        assert_eq!(files(folder.path()), std::slice::from_ref(&path));
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_failed_replacement_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("folder");
        fs::create_dir(&path).unwrap();
        assert!(create(&path, "key").is_err());
        assert!(replace(&path, "key").is_err());
        assert_eq!(files(folder.path()), [path]);
        assert!(create(&folder.path().join("nowhere/key.pem"), "key").is_err());
    }
}
