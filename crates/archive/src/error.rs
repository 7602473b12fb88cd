//! Why an export or an import could not be done.

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

/// An export or an import that could not be done. Each names the place or the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The log can't be read or written.
    #[error(transparent)]
    Log(#[from] AnalysisError),
    /// A file can't be read or written: no space, no permission, no such file.
    #[error("{}: {error}", file.display())]
    File {
        /// Which file.
        file: PathBuf,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// A file doesn't hold what it should.
    #[error("{}: {why}", file.display())]
    Content {
        /// Which file.
        file: PathBuf,
        /// What is wrong with it.
        #[source]
        why: Source,
    },
    /// A line doesn't hold what it should.
    #[error("{}, line {line}: {why}", file.display())]
    Line {
        /// Which file.
        file: PathBuf,
        /// Which line, counted from 1.
        line: u64,
        /// What is wrong with it.
        #[source]
        why: Source,
    },
    /// The folder holds an export that this one can't go on with.
    #[error("{}: {why}", folder.display())]
    OtherExport {
        /// Which folder.
        folder: PathBuf,
        /// How they differ.
        why: String,
    },
    /// Another process is exporting to the folder.
    #[error("{}: another export is writing here", .0.display())]
    Busy(PathBuf),
    /// The log to import into holds something.
    #[error("the log isn't empty: {stream} ends at #{last}")]
    NotEmpty {
        /// A stream that holds something.
        stream: StreamName,
        /// Its last sequence.
        last: u64,
    },
    /// The log to go on with doesn't hold the beginning of what is imported.
    #[error("{stream}#{sequence} isn't what the import has there")]
    OtherLog {
        /// The stream.
        stream: StreamName,
        /// The last commit that is there.
        sequence: u64,
    },
    /// A value could not be encoded: a defect.
    #[error("{}: {why}", file.display())]
    Encoding {
        /// The file that it was for.
        file: PathBuf,
        /// What the encoder says.
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

    /// What a Parquet encoder says: mostly that the file can't be written.
    pub(crate) fn parquet(file: &Path, error: ParquetError) -> Self {
        match error {
            ParquetError::External(error) => match error.downcast::<io::Error>() {
                Ok(error) => Self::file(file, *error),
                Err(error) => Self::encoding(file, error),
            },
            other => Self::encoding(file, other),
        }
    }

    /// What an Arrow encoder says.
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
