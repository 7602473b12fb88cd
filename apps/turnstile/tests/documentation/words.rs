//! One word per concept: `docs/glossary.md` says which.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use crate::{pages::BANNED, read, root};

/// Names that had a meaning of this project's own, and the field's word that replaced each.
const RETIRED: [(&str, &str); 48] = [
    (".because(", "with_source"),
    ("Cashier", "Checkout"),
    ("KitService", "RequestService"),
    ("error::too_often", "rate_limited"),
    ("with_idempotency", "run_idempotent"),
    ("launch_on_log", "Launch"),
    ("Across", "VersionMessage"),
    ("Agenda<", "EventQueue"),
    ("Backwards", "InvertedRange"),
    ("Builder<P>", "Rebuilder"),
    ("Confirmations", "LeaderQuery"),
    ("Dice", "Rng"),
    ("Executed", "CommandOutcome"),
    ("Following::", "IncrementalReplay"),
    ("Happened", "AnyEvent"),
    ("Hint::", "Expectation::"),
    ("InOrder", "EphemeralConsumer"),
    ("KEPT_BYTES", "CACHE_BYTES"),
    ("Letter,", "InboundMessage"),
    ("Machine<", "ProjectionContext"),
    ("NewCommit", "UnsavedCommit"),
    ("PastCommit", "HistoricalCommit"),
    ("ReactError", "HandlerError"),
    ("Recorded", "Commit"),
    ("SeasonError", "SimulationError"),
    ("StoreError::Contended", "StoreError::Conflict"),
    (
        "StoreError::OfAnotherRelease",
        "StoreError::UnsupportedSchema",
    ),
    ("StoreError::Refused", "StoreError::Rejected"),
    ("StoreError::StreamDiffers", "StoreError::StreamMismatch"),
    ("StreamFacts", "StreamInfo"),
    ("Taken>", "Delivery"),
    ("Tenure", "LeaseStatus"),
    ("Trouble", "RunnerError"),
    ("Unfinished", "AtomicFile"),
    ("misses_something", "has_missing"),
    ("number_of(", "table_index"),
    ("raise_floor", "require_globally"),
    ("react_to_", "on_commit or on_due"),
    ("Cut::", "CuttingProxy"),
    ("GLANCE", "POLL_INTERVAL"),
    ("IMPATIENCE", "MESSAGE_INTERVAL"),
    ("Moments::", "RandomTimes"),
    ("RUSTUP_PATIENCE", "RUSTUP_TIMEOUT"),
    ("Told", "what it is: Snapshot, Observations, ServerErrors"),
    ("down_because(", "down_with_cause"),
    ("is_for_people(", "is_table"),
    ("tame(", "escaped"),
    ("worked_on", "active_workers"),
];

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root()).unwrap().display().to_string();
            found.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

fn all_sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in ["crates", "apps", "xtask"] {
        sources(&root().join(folder), &mut found);
    }
    found
}

/// The entries in the column "in code" of the glossary: names, and files.
fn names_in_code(page: &str) -> BTreeSet<&str> {
    let rows = page.lines().filter(|line| line.starts_with("| **"));
    let cells = rows.filter_map(|row| row.split('|').nth(3));
    let quoted = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    quoted.collect()
}

#[test]
fn every_name_in_the_glossary_is_in_the_code() {
    let page = read("docs/glossary.md");
    let found = all_sources();
    let names = names_in_code(&page);
    assert!(names.len() > 30, "{names:?}");
    for name in names {
        let last = name.rsplit("::").next().unwrap();
        let is_a_place = name.contains(".rs") || name.ends_with('/');
        let is_there = if is_a_place {
            let place = format!("/{name}");
            found.iter().any(|(file, _)| file.contains(&place))
        } else if name.contains('*') {
            continue;
        } else {
            let declared = ["struct", "enum", "trait", "fn", "type", "const", "static"]
                .map(|kind| format!("{kind} {last}"));
            let is_in = |text: &String| {
                let quoted = text.contains(&format!("\"{last}\""));
                let member = text.contains(&format!("pub {last}:"));
                let variant = text.contains(&format!("\n    {last}"));
                quoted || member || variant || declared.iter().any(|it| text.contains(it.as_str()))
            };
            found.iter().any(|(_, text)| is_in(text)) || name.starts_with("cqrs_es::")
        };
        assert!(
            is_there,
            "{name} is in docs/glossary.md and not in the code"
        );
    }
}

/// Idioms of several words that are banned as well.
const BANNED_IDIOMS: [&str; 6] = [
    "also when",
    "be it that",
    "for ever",
    "so many",
    "so much",
    "what is kept",
];

/// The words of a source file's comments, in lower case and between single spaces.
fn commented_words(text: &str) -> String {
    let lines = text.lines().map(str::trim_start);
    let comments = lines.filter_map(|line| line.strip_prefix("//"));
    let comments = comments.collect::<Vec<_>>().join(" ").to_lowercase();
    let words = comments.split(|c: char| !c.is_alphabetic() && c != '\'');
    let words = words.filter(|word| !word.is_empty());
    format!(" {} ", words.collect::<Vec<_>>().join(" "))
}

#[test]
fn comments_are_written_in_plain_english() {
    let mut files = BTreeSet::new();
    for (name, text) in all_sources() {
        if name.contains("/tests/") || name.ends_with("tests.rs") {
            continue;
        }
        let words = commented_words(&text);
        let is_found = |banned: &&&str| words.contains(&format!(" {banned} "));
        let found = BANNED.iter().chain(&BANNED_IDIOMS).filter(is_found);
        files.extend(found.map(|banned| format!("{name}: {banned}")));
    }
    assert!(files.is_empty(), "{files:#?}");
}

/// Words of a dialect in names of tests, in addition to [`BANNED`]: components act and are not
/// persons.
const BANNED_IN_TESTS: [&str; 12] = [
    "anybody",
    "everyone",
    "hear",
    "hears",
    "said",
    "say",
    "says",
    "someone",
    "tell",
    "tells",
    "whatever",
    "whichever",
];

/// The longest name of a test: a line of a report has room for it.
const MAX_NAME: usize = 70;

/// The names of functions that are sentences, as those of tests are.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split("fn ").skip(1);
    let names = parts.filter_map(|part| {
        let end = part.find(|c: char| !c.is_alphanumeric() && c != '_');
        end.map(|end| &part[..end])
    });
    names.filter(|name| name.split('_').count() >= 4)
}

#[test]
fn names_of_tests_are_written_in_plain_english() {
    let mut names = BTreeSet::new();
    let mut files = all_sources();
    for folder in ["frontend/pack", "frontend/src", "frontend/state"] {
        sources(&root().join(folder), &mut files);
    }
    for (file, text) in files {
        for name in sentences(&text) {
            let is_banned = |word| BANNED.contains(&word) || BANNED_IN_TESTS.contains(&word);
            if name.split('_').any(is_banned) {
                names.insert(format!("{file}: {name}"));
            }
            if name.len() > MAX_NAME {
                names.insert(format!("{file}: {name}: longer than {MAX_NAME}"));
            }
        }
    }
    assert!(names.is_empty(), "{names:#?}");
}

/// Public names of several packages with one meaning each: an HTTP request or response, a payment
/// intent, the options of a command, the source of an error.
const SHARED: [&str; 5] = ["HttpConnection", "Intent", "Options", "Response", "Source"];

/// The public type that a line declares.
fn public_type(line: &str) -> Option<&str> {
    let declared = line.strip_prefix("pub ")?;
    let kinds = ["struct ", "enum ", "trait ", "type "];
    let name = kinds.iter().find_map(|kind| declared.strip_prefix(kind))?;
    name.split(|c: char| !c.is_alphanumeric()).next()
}

/// The shapes in `crates/api` have the names of what they show.
#[test]
fn public_types_have_one_meaning() {
    let mut packages = BTreeMap::<String, BTreeSet<String>>::new();
    for (file, text) in all_sources() {
        let Some((package, _)) = file.split_once("/src/") else {
            continue;
        };
        // A workspace of its own, with the names that other event stores have for these things.
        if package == "crates/bench/peers" {
            continue;
        }
        for name in text.lines().filter_map(public_type) {
            let declared = packages.entry(name.to_owned()).or_default();
            declared.insert(package.to_owned());
        }
    }
    packages.retain(|name, declared| {
        declared.remove("crates/api");
        let is_known = |known: &[&str]| known.contains(&name.as_str());
        declared.len() > 1 && !is_known(&SHARED)
    });
    assert!(packages.is_empty(), "{packages:#?}");
}

#[test]
fn no_retired_name_comes_back() {
    let found = all_sources();
    let this_file = file!().rsplit('/').next().unwrap();
    let mut back = BTreeSet::new();
    for (name, text) in &found {
        if name.ends_with(this_file) {
            continue;
        }
        for (retired, instead) in RETIRED {
            let begins_word = |at: usize| {
                let before = text[..at].chars().next_back();
                !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
            };
            let ends_word = |at: usize| {
                let after = text[at..].chars().next();
                !retired.ends_with(char::is_alphanumeric)
                    || !after.is_some_and(|c| c.is_alphanumeric() || c == '_')
            };
            // Prose may use the words of the language.
            let prose = |at: usize| {
                let line = text[..at].rsplit('\n').next().unwrap_or_default();
                line.trim_start().starts_with("//") && !line.ends_with(['`', '{', ':', '<', '['])
            };
            let stands = text
                .match_indices(retired)
                .filter(|(at, _)| !prose(*at))
                .any(|(at, _)| begins_word(at) && ends_word(at + retired.len()));
            if stands {
                back.insert(format!("{name}: {retired} is {instead}"));
            }
        }
    }
    assert!(back.is_empty(), "{back:#?}");
}
