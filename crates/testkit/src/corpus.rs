//! Replays the corpora of fuzz targets in ordinary tests.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rand::{RngExt as _, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// Bytes with a meaning in the inputs: ends of texts, parts and lines, and bytes that are not text.
const TELLING: &[u8] = b"\0 \"%,-:={}\n0a\xc3\xff";
/// Limit for the length of a file in the corpus, so that every position can be changed.
const LONGEST: usize = 1_500;
/// Number of inputs with several changes per file.
const SHUFFLED: usize = 500;

/// Calls a reader with each file of a fuzz target's corpus, and with thousands of variations, the
/// same in every run: each file cut at every byte, without each byte, with each byte replaced, and
/// with several of these changes.
///
/// `read` returns whether it accepted the bytes, and panics if that breaks a guarantee. Files whose
/// names begin with `good` must be accepted, those with `bad` refused; there must be some of both.
///
/// # Panics
/// When `read` does, after printing the bytes.
pub fn replay(target: &str, read: impl Fn(&[u8]) -> bool) {
    let files = files(target);
    let read = |bytes: &[u8]| {
        let shown = Shown(bytes);
        let accepted = read(bytes);
        std::mem::forget(shown);
        accepted
    };
    let (mut good, mut bad) = (0, 0);
    for (path, bytes) in &files {
        let accepted = read(bytes);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("good") {
            good += 1;
            assert!(accepted, "{} is refused", path.display());
        } else if name.starts_with("bad") {
            bad += 1;
            assert!(!accepted, "{} is accepted", path.display());
        }
    }
    assert!(good > 0 && bad > 0, "{target}: {good} good and {bad} bad");
    for (path, bytes) in &files {
        assert!(bytes.len() <= LONGEST, "{} is too long", path.display());
        one_change(bytes, |changed| _ = read(changed));
        let mut random = Pcg64Mcg::seed_from_u64(bytes.len() as u64);
        for _ in 0..SHUFFLED {
            let (_, other) = &files[random.random_range(0..files.len())];
            read(&shuffled(bytes, other, &mut random));
        }
    }
}

/// The files of a corpus, in order of their names.
fn files(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = here.join("../../fuzz/corpus").join(target);
    let entries = fs::read_dir(&folder);
    let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries
        .map(|entry| {
            let path = entry.unwrap_or_else(|error| panic!("{error}")).path();
            let bytes = fs::read(&path);
            let bytes = bytes.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            (path, bytes)
        })
        .collect();
    files.sort();
    files
}

/// Every change at one position.
fn one_change(bytes: &[u8], mut read: impl FnMut(&[u8])) {
    let mut changed = Vec::with_capacity(bytes.len() + 1);
    for at in 0..bytes.len() {
        let (before, after) = bytes.split_at(at);
        read(before);
        let mut with = |middle: &[u8], after: &[u8]| {
            changed.clear();
            changed.extend_from_slice(before);
            changed.extend_from_slice(middle);
            changed.extend_from_slice(after);
            read(&changed);
        };
        with(b"", &after[1..]);
        with(&[after[0] ^ 1], &after[1..]);
        // Some of them at each position, others at the next.
        for byte in TELLING.iter().cycle().skip(at).step_by(4).take(3) {
            with(&[*byte], &after[1..]);
        }
        // Twice as long from here on: repeated parts.
        with(after, after);
    }
}

/// Several changes at once, some of them with bytes of another file.
fn shuffled(bytes: &[u8], other: &[u8], random: &mut Pcg64Mcg) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    for _ in 0..random.random_range(2..6) {
        let at = random.random_range(0..=changed.len());
        let end = random.random_range(at..=changed.len().min(at + 16));
        let from = random.random_range(0..=other.len());
        let to = random.random_range(from..=other.len().min(from + 32));
        let telling = TELLING[random.random_range(0..TELLING.len())];
        match random.random_range(0..4) {
            0 => _ = changed.drain(at..end),
            1 => _ = changed.splice(at..end, other[from..to].iter().copied()),
            2 => changed.insert(at, telling),
            _ => changed[at..end].reverse(),
        }
    }
    changed
}

/// Prints the current input when it is dropped by a panic.
struct Shown<'a>(&'a [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        eprintln!("these bytes did it: b\"{}\"", self.0.escape_ascii());
    }
}
