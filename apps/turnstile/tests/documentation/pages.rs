//! The targets of the pages exist: files, headings, tests.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use crate::{read, root};

fn add_pages(folder: &Path, pages: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
}

/// Every page of the repository.
fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    for folder in ["", "docs", "docs/decisions", "docs/operating"] {
        add_pages(&root().join(folder), &mut pages);
    }
    assert!(pages.len() >= 30, "{pages:?}");
    pages
}

/// The comments of a page with the tests behind a statement.
const PROOF: &str = "<!-- proven by: ";

/// The page as a browser shows it: without its comments.
fn shown(page: &str) -> String {
    let mut parts = page.split("<!--");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (_, after) = part.split_once("-->").expect("a comment ends");
        shown.push_str(after);
    }
    shown
}

/// The targets of all links: `[text](target)`.
fn links(page: &str) -> Vec<&str> {
    let parts = page.split("](").skip(1);
    parts
        .filter_map(|part| part.split_once(')'))
        .map(|(target, _)| target)
        .collect()
}

/// The anchors of a page, derived from its headings.
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

/// The blocks of a page in a language, and the lines of each without their indentation.
fn blocks(page: &str, language: &str) -> Vec<Vec<String>> {
    let start = format!("```{language}\n");
    let blocks = page.split(&start).skip(1);
    let blocks = blocks.filter_map(|block| block.split_once("```").map(|(block, _)| block));
    let lines = |block: &str| block.lines().map(|line| line.trim().to_owned()).collect();
    blocks.map(lines).collect()
}

#[test]
fn the_tutorial_shows_code_of_the_examples() {
    let folder = root().join("crates/eventstore/examples");
    let mut examples = Vec::new();
    for name in [
        "accounts/mod",
        "bank_account",
        "worker",
        "schedule",
        "contract",
    ] {
        let text = read(folder.join(format!("{name}.rs")));
        examples.push(
            text.lines()
                .map(|line| line.trim().to_owned())
                .collect::<Vec<_>>(),
        );
    }
    let tutorial = read(root().join("docs/tutorial.md"));
    let shown = blocks(&tutorial, "rust");
    assert!(shown.len() >= 7, "{shown:?}");
    for block in shown {
        let found = examples
            .iter()
            .any(|example| example.windows(block.len()).any(|lines| lines == block));
        assert!(found, "in no example: {}", block.join("\n"));
    }
    for command in blocks(&tutorial, "sh").concat() {
        if let Some((_, name)) = command.split_once("--example ") {
            let name = name.split(' ').next().unwrap();
            assert!(folder.join(format!("{name}.rs")).exists(), "{command}");
        }
    }
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

/// The names of the tests that prove what a page states.
fn proofs(page: &str) -> Vec<&str> {
    let comments = page.split(PROOF).skip(1);
    let names = comments.filter_map(|comment| comment.split_once("-->"));
    names
        .flat_map(|(names, _)| names.split(','))
        .map(str::trim)
        .collect()
}

/// Sentences between backquotes: names of tests, or of metrics.
fn sentences(page: &str) -> BTreeSet<&str> {
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
        for name in proofs(&read(&path)) {
            seen += 1;
            assert!(
                sources.contains(&format!("fn {name}(")),
                "{}: there is no test {name}",
                path.display()
            );
        }
    }
    assert!(seen > 100, "{seen} tests are named");
}

#[test]
fn prose_names_no_test() {
    let sources = sources();
    for path in pages() {
        for name in sentences(&shown(&read(&path))) {
            assert!(
                !sources.contains(&format!("fn {name}()")),
                "{}: put {name} into a comment `{PROOF}{name} -->`",
                path.display()
            );
        }
    }
}

/// What the style rules ban: persons for components, and translated idioms.
pub const BANNED: [&str; 7] = [
    "anew",
    "everybody",
    "meanwhile",
    "nobody",
    "somebody",
    "told",
    "whoever",
];

/// A page without code, emphasis, and the program's tables.
fn prose(page: &str) -> String {
    let shown = shown(page);
    let outside = shown.split("```").step_by(2).collect::<String>();
    let lines = outside.lines().filter(|line| !line.starts_with("| `"));
    let lines = lines.map(|line| line.split('`').step_by(2).collect::<String>());
    let lines = lines.map(|line| line.split('*').step_by(2).collect::<String>() + "\n");
    lines.collect()
}

#[test]
fn pages_are_written_in_plain_english() {
    for path in pages() {
        let prose = prose(&read(&path)).to_lowercase();
        let words = prose.split(|c: char| !c.is_alphabetic() && c != '\'');
        let found: BTreeSet<_> = words.filter(|word| BANNED.contains(word)).collect();
        assert!(found.is_empty(), "{}: {found:?}", path.display());
    }
}

#[test]
fn every_invariant_is_proven_by_a_test() {
    let architecture = read("docs/architecture.md");
    let lines = architecture.lines();
    let invariants: Vec<_> = lines
        .filter(|line| line.starts_with("**Invariant:**"))
        .collect();
    assert!(invariants.len() > 15, "{}", invariants.len());
    for invariant in invariants {
        assert!(invariant.contains(PROOF), "what proves it?\n{invariant}");
    }
}

#[test]
fn the_architecture_has_at_most_2500_words() {
    let words = shown(&read("docs/architecture.md"))
        .split_whitespace()
        .count();
    assert!(words <= 2500, "{words} words");
}

/// Each record has its own number, the four parts, and a line in the index.
#[test]
fn every_decision_is_a_complete_record() {
    let index = read("docs/decisions/README.md");
    let mut records = Vec::new();
    add_pages(&root().join("docs/decisions"), &mut records);
    records.retain(|path| !path.ends_with("README.md"));
    records.sort();
    for (path, number) in records.iter().zip(1..) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = read(path);
        assert!(name.starts_with(&format!("{number:04}-")), "{name}");
        assert!(text.starts_with(&format!("# {number}. ")), "{name}");
        for part in ["Context", "Decision", "Consequences", "Rejected"] {
            let heading = format!("\n## {part}\n");
            assert!(text.contains(&heading), "{name} has no {part}");
        }
        let title = text.lines().next().unwrap();
        let title = title.split_once(". ").unwrap().1;
        let row = format!("| [{number}]({name}) | {title} |");
        assert!(index.contains(&row), "the index lacks {row}");
    }
    assert!(records.len() > 10);
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
