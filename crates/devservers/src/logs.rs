//! Reads log files.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// The last lines of a file, at most `count` of them and 16 KiB; empty if it can't be read.
pub fn last_lines(file: &Path, count: usize) -> String {
    let length = length(file);
    let text = text_from(file, length.saturating_sub(16 * 1024));
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// The length of the file; 0 if there is none yet.
pub(crate) fn length(file: &Path) -> u64 {
    file.metadata().map_or(0, |metadata| metadata.len())
}

/// The text in the file from the byte `start` on; empty if it can't be read.
pub(crate) fn text_from(file: &Path, start: u64) -> String {
    let read = || {
        let mut file = File::open(file)?;
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        std::io::Result::Ok(bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}
