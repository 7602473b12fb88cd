//! The files as they are written, before kustomize combines them.

use serde_json::Value;
use std::{fs, path::Path};

use crate::read;

/// Reads each file in a folder and its subfolders.
fn each_file(folder: &Path, look: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            each_file(&path, look);
        } else if path.extension().is_some_and(|kind| kind == "yaml") {
            look(&path);
        }
    }
}

/// The names that occur more than once in one list.
fn repeated(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(entries) => {
            let names = entries.iter().filter_map(|entry| entry["name"].as_str());
            let mut names: Vec<_> = names.collect();
            names.sort_unstable();
            let twice = names.windows(2).filter(|two| two[0] == two[1]);
            found.extend(twice.map(|two| two[0].to_owned()));
            for entry in entries {
                repeated(entry, found);
            }
        }
        Value::Object(fields) => {
            for field in fields.values() {
                repeated(field, found);
            }
        }
        _ => {}
    }
}

#[test]
fn no_list_has_duplicates() {
    let (mut seen, root) = (0, devservers::tools::workspace());
    each_file(&root.join("k8s"), &mut |path| {
        let text = read(path.to_str().unwrap());
        // The rendered list contains only one of two equal names, and a change of the other has no
        // effect.
        let documents: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
        let mut found = Vec::new();
        for document in &documents {
            repeated(document, &mut found);
        }
        assert!(found.is_empty(), "{}: {found:?}", path.display());
        seen += 1;
    });
    assert!(seen >= 30, "{seen} files");
}
