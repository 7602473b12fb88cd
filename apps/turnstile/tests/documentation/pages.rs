//! What the pages point to exists: files, headings, tests.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use crate::{read, root};

/// Every page of the repository.
fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    for folder in [root(), root().join("docs")] {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    assert!(pages.len() >= 5, "{pages:?}");
    pages
}

/// The targets of all links: `[text](target)`.
fn links(page: &str) -> Vec<&str> {
    let parts = page.split("](").skip(1);
    parts
        .filter_map(|part| part.split_once(')'))
        .map(|(target, _)| target)
        .collect()
}

/// The anchors of a page, as they are made of its headings.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut in_code = false;
    let headings = page.lines().filter(move |line| {
        in_code ^= line.starts_with("```");
        !in_code && line.starts_with('#')
    });
    headings
        .map(|heading| {
            let text = heading.trim_start_matches('#').trim().to_lowercase();
            text.chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        })
        .collect()
}

#[test]
fn every_link_between_pages_leads_somewhere() {
    for path in pages() {
        let text = read(&path);
        for link in links(&text)
            .into_iter()
            .filter(|link| !link.contains("://"))
        {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => path.clone(),
                file => path.parent().unwrap().join(file),
            };
            assert!(target.exists(), "{}: {link}", path.display());
            if !anchor.is_empty() {
                let known = anchors(&read(&target));
                assert!(
                    known.contains(anchor),
                    "{}: {link} in {known:?}",
                    path.display()
                );
            }
        }
    }
}

/// The names of tests on a page: between backquotes, and sentences.
fn tests_named_on(page: &str) -> BTreeSet<&str> {
    let is_sentence = |word: &&str| {
        let sentence = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        word.matches('_').count() >= 3 && word.chars().all(sentence)
    };
    page.split('`')
        .skip(1)
        .step_by(2)
        .filter(is_sentence)
        .collect()
}

fn add_sources(folder: &Path, sources: &mut String) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            add_sources(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push_str(&read(&path));
        }
    }
}

/// All of the project's Rust.
pub fn sources() -> String {
    let mut sources = String::new();
    for folder in ["apps", "crates", "frontend", "xtask"] {
        add_sources(&root().join(folder), &mut sources);
    }
    sources
}

#[test]
fn every_test_that_a_page_names_exists() {
    let sources = sources();
    let mut seen = 0;
    for path in pages() {
        for name in tests_named_on(&read(&path)) {
            // Metrics have such names, too; the code has them in quotes.
            if sources.contains(&format!("\"{name}\"")) {
                continue;
            }
            seen += 1;
            assert!(
                sources.contains(&format!("fn {name}(")),
                "{}: there is no test {name}",
                path.display()
            );
        }
    }
    assert!(seen > 40, "{seen} tests are named");
}

#[test]
fn every_folder_of_crates_and_apps_is_on_the_map() {
    let architecture = read("docs/architecture.md");
    for folder in ["crates", "apps"] {
        for entry in root().join(folder).read_dir().unwrap() {
            let name = entry.unwrap().file_name();
            let name = format!("`{folder}/{}`", name.to_string_lossy());
            assert!(architecture.contains(&name), "{name} is on no map");
        }
    }
}
