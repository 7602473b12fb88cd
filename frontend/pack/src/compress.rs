//! Compressed copies beside the files: as small as it gets, once, and not at each request.

use std::fs;
use std::path::Path;

use anyhow::Result;
use zopfli::{Format, Options};

use crate::assets::files;

/// Below this, in bytes, the header of a compressed answer weighs more than it saves.
const SMALLEST: usize = 200;

/// Writes `.gz` and `.br` copies of all files of a folder.
pub fn all(folder: &Path) -> Result<()> {
    for file in files(folder)? {
        // They are compressed already.
        if file
            .extension()
            .is_some_and(|kind| kind == "png" || kind == "ico")
        {
            continue;
        }
        let content = fs::read(&file)?;
        if content.len() < SMALLEST {
            continue;
        }
        let beside = |extension: &str| {
            let mut name = file.clone().into_os_string();
            name.push(extension);
            name
        };
        fs::write(beside(".gz"), gzip(&content)?)?;
        fs::write(beside(".br"), brotli(&content)?)?;
    }
    Ok(())
}

/// Zopfli takes seconds where others take a moment, and writes the same format in a twentieth less.
fn gzip(content: &[u8]) -> Result<Vec<u8>> {
    let options = Options {
        // As many as there are: the code of a page has many more kinds of content than fifteen.
        maximum_block_splits: 0,
        ..Options::default()
    };
    let mut compressed = Vec::new();
    zopfli::compress(options, Format::Gzip, content, &mut compressed)?;
    Ok(compressed)
}

fn brotli(content: &[u8]) -> Result<Vec<u8>> {
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: 11,
        lgwin: 22,
        ..Default::default()
    };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut &content[..], &mut compressed, &parameters)?;
    Ok(compressed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn both_compressed_copies_contain_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let text = "turnstile ".repeat(100);
        fs::write(folder.path().join("a.js"), &text).unwrap();
        fs::write(folder.path().join("tiny"), "x").unwrap();
        all(folder.path()).unwrap();

        let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
        let mut plain = Vec::new();
        brotli::BrotliDecompress(&mut &read("a.js.br")[..], &mut plain).unwrap();
        assert_eq!(plain, text.as_bytes());
        let mut decoder = flate2::write::GzDecoder::new(Vec::new());
        decoder.write_all(&read("a.js.gz")).unwrap();
        assert_eq!(decoder.finish().unwrap(), text.as_bytes());
        assert!(!folder.path().join("tiny.gz").exists());
    }
}
