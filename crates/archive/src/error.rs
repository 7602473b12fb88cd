//! The errors of exports and imports.

use analysis::AnalysisError;
use arrow_schema::ArrowError;
use eventstore::{StoreError, StreamName};
use parquet::errors::ParquetError;
use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
};

/// What an error stems from.
pub(crate) type Source = Box<dyn Error + Send + Sync>;

/// Why an export or an import failed. Each error names the place or the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The log can't be read or written.
    #[error(transparent)]
    Log(#[from] AnalysisError),
    /// A file can't be read or written: no space, no permission, no such file.
    #[error("{}: {error}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// The system's error.
        #[source]
        error: io::Error,
    },
    /// The contents of a file are wrong.
    #[error("{}: {why}", file.display())]
    Content {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        #[source]
        why: Source,
    },
    /// A line is wrong.
    #[error("{}, line {line}: {why}", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What is wrong with it.
        #[source]
        why: Source,
    },
    /// The folder contains an export that this one can't continue.
    #[error("{}: {why}", folder.display())]
    OtherExport {
        /// The folder.
        folder: PathBuf,
        /// The difference.
        why: String,
    },
    /// Another process is exporting to the folder.
    #[error("{}: another export is writing here", .0.display())]
    Busy(PathBuf),
    /// The log to import into is not empty.
    #[error("the log isn't empty: {stream} ends at #{last}")]
    NotEmpty {
        /// A stream that has commits.
        stream: StreamName,
        /// Its last sequence.
        last: u64,
    },
    /// The log to continue doesn't contain the beginning of the import.
    #[error("{stream}#{sequence} isn't what the import has there")]
    OtherLog {
        /// The stream.
        stream: StreamName,
        /// The last commit that exists.
        sequence: u64,
    },
    /// A value could not be encoded: a defect.
    #[error("{}: {why}", file.display())]
    Encoding {
        /// The file.
        file: PathBuf,
        /// The encoder's error.
        #[source]
        why: Source,
    },
}

impl From<StoreError> for ArchiveError {
    fn from(error: StoreError) -> Self {
        Self::Log(error.into())
    }
}

impl ArchiveError {
    pub(crate) fn file(file: &Path, error: io::Error) -> Self {
        let file = file.to_owned();
        Self::File { file, error }
    }

    pub(crate) fn content(file: &Path, why: impl Into<Source>) -> Self {
        Self::Content {
            file: file.to_owned(),
            why: why.into(),
        }
    }

    /// An error of the Parquet encoder: usually a file that can't be written.
    pub(crate) fn parquet(file: &Path, error: ParquetError) -> Self {
        match error {
            ParquetError::External(error) => match error.downcast::<io::Error>() {
                Ok(error) => Self::file(file, *error),
                Err(error) => Self::encoding(file, error),
            },
            other => Self::encoding(file, other),
        }
    }

    /// An error of the Arrow encoder.
    pub(crate) fn arrow(file: &Path, error: ArrowError) -> Self {
        match error {
            ArrowError::IoError(_, error) => Self::file(file, error),
            other => Self::encoding(file, other),
        }
    }

    pub(crate) fn csv(file: &Path, error: csv::Error) -> Self {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => Self::file(file, error),
            other => Self::encoding(file, format!("{other:?}")),
        }
    }

    pub(crate) fn encoding(file: &Path, why: impl Into<Source>) -> Self {
        Self::Encoding {
            file: file.to_owned(),
            why: why.into(),
        }
    }
}
