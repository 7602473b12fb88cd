//! What files look like inside.

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
    /// CSV for Excel and LibreOffice: a text that would be a formula begins with an apostrophe
    Spreadsheet,
    /// One JSON object a line, every event as it is stored: what `turnstile import` reads
    Ndjson,
    /// Apache Arrow's file format (Feather V2)
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
