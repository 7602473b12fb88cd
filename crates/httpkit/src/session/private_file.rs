//! Files that only their owner can read, written completely or not at all.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use uuid::Uuid;

/// Creates a file that doesn't exist yet; of several concurrent attempts, one wins.
///
/// # Errors
/// When it exists, or can't be written. Nothing of it remains then.
pub(super) fn create(path: &Path, text: &str) -> io::Result<()> {
    // Renaming would replace an existing file; a link never does.
    by_draft(path, text, |draft| fs::hard_link(draft, path))
}

/// Replaces a file.
///
/// # Errors
/// When it can't be written. The old file then remains.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    by_draft(path, text, |draft| fs::rename(draft, path))
}

fn by_draft(path: &Path, text: &str, put: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let draft = path.with_extension(format!("{}.draft", Uuid::new_v4()));
    let written = write(&draft, text).and_then(|()| put(&draft));
    match fs::remove_file(&draft) {
        // It was renamed, or never created.
        Err(error) if error.kind() == io::ErrorKind::NotFound => written,
        removed => written.and(removed),
    }
}

fn write(draft: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn files(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn a_file_is_created_once_and_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        create(&path, "first").unwrap();
        let refused = create(&path, "second").unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "first");
        replace(&path, "third").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "third");
        assert_eq!(files(folder.path()), [path]);
    }

    #[test]
    fn what_cannot_be_put_in_its_place_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let full = by_draft(&path, "key", |_| Err(io::ErrorKind::StorageFull.into()));
        assert_eq!(full.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(files(folder.path()), Vec::<PathBuf>::new());
        assert!(create(&folder.path().join("nowhere/key.pem"), "key").is_err());
    }
}
