//! How much a visitor downloads.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

use crate::assets::{FOLDER, files};

/// What WebAssembly and JavaScript may weigh together, gzipped, in bytes.
const LIMIT: u64 = 350 * 1024;

/// The sizes of the site's assets.
pub struct Sizes {
    files: Vec<Size>,
}

struct Size {
    name: String,
    plain: u64,
    gzip: u64,
    brotli: u64,
}

impl Sizes {
    /// Weighs the assets of a site.
    pub fn of(site: &Path) -> Result<Self> {
        let weigh = |path: &Path| fs::metadata(path).map(|file| file.len());
        let mut sizes = Vec::new();
        for file in files(&site.join(FOLDER))? {
            let is = |extension: &str| file.extension().is_some_and(|e| e == extension);
            if is("gz") || is("br") {
                continue;
            }
            let beside =
                |extension: &str| weigh(Path::new(&format!("{}.{extension}", file.display())));
            sizes.push(Size {
                name: file
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned(),
                plain: weigh(&file)?,
                gzip: beside("gz")?,
                brotli: beside("br")?,
            });
        }
        Ok(Self { files: sizes })
    }

    /// WebAssembly and JavaScript together, gzipped, in bytes.
    fn code(&self) -> u64 {
        let is_code = |size: &&Size| Path::new(&size.name).extension() != Some(OsStr::new("css"));
        self.files
            .iter()
            .filter(is_code)
            .map(|size| size.gzip)
            .sum()
    }

    /// Refuses an app that is too large.
    pub fn check(&self) -> Result<()> {
        if self.code() > LIMIT {
            bail!("the app is larger than {} KB gzipped", LIMIT / 1024);
        }
        Ok(())
    }
}

impl fmt::Display for Sizes {
    #[allow(clippy::cast_precision_loss)]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kb = |bytes: u64| bytes as f64 / 1024.0;
        for size in &self.files {
            writeln!(
                f,
                "{:32} {:7.1} KB, gzip {:6.1} KB, brotli {:6.1} KB",
                size.name,
                kb(size.plain),
                kb(size.gzip),
                kb(size.brotli)
            )?;
        }
        write!(
            f,
            "WebAssembly and JavaScript, gzipped: {:.1} KB (limit {} KB)",
            kb(self.code()),
            LIMIT / 1024
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(gzip: u64) -> Sizes {
        let size = |name: &str, gzip| Size {
            name: name.into(),
            plain: 0,
            gzip,
            brotli: 0,
        };
        Sizes {
            files: vec![size("app.wasm", gzip), size("app.css", LIMIT)],
        }
    }

    #[test]
    fn an_app_beyond_the_limit_is_refused() {
        assert!(sizes(LIMIT).check().is_ok());
        assert!(sizes(LIMIT + 1).check().is_err());
    }
}
