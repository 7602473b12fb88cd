//! The formats of files.

use serde::{Deserialize, Serialize};

/// A format of files. Its variants are described as the help of `turnstile export` shows them.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum, strum::Display,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Format {
    /// Apache Parquet, compressed with Snappy
    Parquet,
    /// Comma-separated values with a header line
    Csv,
    /// The same for Excel, LibreOffice and similar programs: a text that they would run as a
    /// formula begins with an apostrophe, which is then part of it.
    Spreadsheet,
    /// One JSON object per line: every event as it is stored, for an import elsewhere.
    Ndjson,
    /// Apache Arrow's IPC file format (Feather V2): typed, can be memory-mapped.
    Arrow,
}

impl Format {
    /// The extension of its files.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv | Self::Spreadsheet => "csv",
            Self::Ndjson => "ndjson",
            Self::Arrow => "arrow",
        }
    }
}
