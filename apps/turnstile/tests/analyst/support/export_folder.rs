//! The contents of an export's folder.

use archive::Manifest;
use std::{collections::BTreeMap, path::Path};
use testkit::Nats;

use super::tool;

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Exports successfully, and returns the manifest.
pub async fn exported(nats: &Nats, out: &Path, args: &[&str]) -> Manifest {
    let mut all = vec!["export", "--out", text(out)];
    all.extend(args);
    tool(nats.url(), &all).await.well();
    let manifest = Manifest::read(out).unwrap().unwrap();
    manifest.check(out).unwrap();
    assert!(manifest.complete);
    manifest
}

/// The rows of every table.
pub fn rows(manifest: &Manifest) -> BTreeMap<String, u64> {
    let tables = manifest.tables.iter();
    tables
        .map(|(name, table)| (name.clone(), table.rows))
        .collect()
}

/// Every file in a folder, except for the manifest and the files of an incomplete export.
pub fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                if !["manifest.json", ".lock"].contains(&name.as_str()) {
                    found.push(name);
                }
            }
        }
    }
    found.sort();
    found
}

/// The files in a manifest.
pub fn named(manifest: &Manifest) -> Vec<String> {
    let parts = manifest.tables.values().flat_map(|table| &table.parts);
    let mut named: Vec<_> = parts.map(|part| part.file.clone()).collect();
    named.sort();
    named
}

/// Checks that a folder contains exactly the files of an undisturbed export, with the same bytes.
/// (No segment of these tests' logs is split, so files are the same.)
#[track_caller]
pub fn assert_same_export(folder: &Path, undisturbed: &Path) {
    let read = |folder: &Path| Manifest::read(folder).unwrap().unwrap();
    let (found, expected) = (read(folder), read(undisturbed));
    found.check(folder).unwrap();
    assert_eq!(found, expected);
    assert_eq!(files(folder), named(&expected));
}
