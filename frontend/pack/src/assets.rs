//! Files whose names tell their content, so that a browser may keep them forever.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// The folder of the site in which every name tells its content.
pub const FOLDER: &str = "assets";

/// Where such files are put.
pub struct Assets {
    folder: PathBuf,
}

impl Assets {
    /// Below the site's folder.
    pub fn in_folder(site: &Path) -> Result<Self> {
        let folder = site.join(FOLDER);
        fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// Writes a file; returns its path on the site.
    pub fn add(&self, name: &str, content: &[u8]) -> Result<String> {
        let (stem, extension) = name
            .rsplit_once('.')
            .context("a name without an extension")?;
        let hash = hex(&Sha256::digest(content)[..8]);
        let name = format!("{stem}-{hash}.{extension}");
        fs::write(self.folder.join(&name), content)?;
        Ok(format!("/{FOLDER}/{name}"))
    }
}

/// Copies whatever lies in the public folder to the site, under its own name: an icon that is put
/// there is shipped. The style isn't copied: it is bundled.
pub fn ship(public: &Path, site: &Path) -> Result<()> {
    for file in files(public)? {
        let name = file.strip_prefix(public)?;
        if name.starts_with("styles") {
            continue;
        }
        let target = site.join(name);
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::copy(&file, &target).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

/// One hash of all files of these paths, with their names.
pub fn stamp(paths: &[&Path]) -> Result<String> {
    let mut hash = Sha256::new();
    for path in paths {
        for file in files(path)? {
            hash.update(file.to_string_lossy().as_bytes());
            hash.update(fs::read(&file).with_context(|| file.display().to_string())?);
        }
    }
    Ok(hex(&hash.finalize()))
}

/// All files at or below a path, in a fixed order.
pub fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut entries = fs::read_dir(path)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    entries.sort();
    let mut found = Vec::new();
    for entry in entries {
        found.extend(files(&entry)?);
    }
    Ok(found)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_contents_have_different_names() {
        let site = tempfile::tempdir().unwrap();
        let assets = Assets::in_folder(site.path()).unwrap();
        let one = assets.add("app.js", b"1").unwrap();
        let other = assets.add("app.js", b"2").unwrap();
        assert_ne!(one, other);
        assert!(
            one.starts_with("/assets/app-")
                && one.rsplit_once('.').is_some_and(|(_, kind)| kind == "js"),
            "{one}"
        );
        assert_eq!(fs::read(site.path().join(&one[1..])).unwrap(), b"1");
    }

    #[test]
    fn all_public_files_are_shipped_except_the_style() {
        let (public, site) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for name in ["icon.png", ".well-known/a.txt", "styles/main.css"] {
            let file = public.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, name).unwrap();
        }
        ship(public.path(), site.path()).unwrap();
        let shipped: Vec<_> = files(site.path())
            .unwrap()
            .into_iter()
            .map(|file| file.strip_prefix(site.path()).unwrap().to_owned())
            .collect();
        assert_eq!(
            shipped,
            [Path::new(".well-known/a.txt"), Path::new("icon.png")]
        );
    }

    #[test]
    fn a_stamp_changes_only_with_a_file() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(folder.path().join("a/b"), "1").unwrap();
        let first = stamp(&[folder.path()]).unwrap();
        assert_eq!(stamp(&[folder.path()]).unwrap(), first);
        fs::write(folder.path().join("a/b"), "2").unwrap();
        assert_ne!(stamp(&[folder.path()]).unwrap(), first);
    }
}
