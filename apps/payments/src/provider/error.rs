//! The errors of providers, by what the caller has to do.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

/// Why a provider didn't execute a request. A declined card is not an error but a result,
/// [`Authorization::Declined`](super::Authorization::Declined).
///
/// No text in it contains a secret; only [`BadToken`](Self::BadToken) and
/// [`Unpayable`](Self::Unpayable) are written for the buyer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProviderError {
    /// The outcome is unknown: no answer in time, no connection, or the provider is overloaded or
    /// broken, after the retries within the time limit. Becomes 503.
    #[error("the payment provider can't be reached: {reason}")]
    Unreachable {
        /// The reason, for the log.
        reason: String,
        /// The earliest time for another request.
        retry_after: Duration,
    },
    /// The provider refuses, and repeating won't help: a wrong key, an unknown reference, a payment
    /// opened with other data. An operator has to look. Becomes 500.
    #[error("the payment provider rejected the request: {message}")]
    Rejected {
        /// The provider's message, without secrets, for the log.
        message: String,
    },
    /// The token is malformed, unknown or used up: the client's fault. Becomes 400, field `token`.
    #[error("{message}")]
    BadToken {
        /// The provider's message, for the client.
        message: String,
    },
    /// The provider accepts no payment of this amount. Becomes 402.
    #[error("{reason}")]
    Unpayable {
        /// The provider's message, for the buyer.
        reason: String,
    },
    /// The money was already captured, so there is no hold to void.
    #[error("the payment was already captured")]
    AlreadyCaptured,
    /// The hold was already voided, so there is nothing to capture.
    #[error("the payment was already voided")]
    AlreadyVoided,
    /// No card was authorized, so there is nothing to capture.
    #[error("no money is held for the payment")]
    NothingHeld,
}

/// Why a provider couldn't be set up at start. Each text names the variable or file.
#[derive(Debug, Error)]
pub enum SetupError {
    /// A variable has an invalid value.
    #[error("{variable} {problem}")]
    Variable {
        /// The environment variable.
        variable: &'static str,
        /// The problem, and the accepted values.
        problem: String,
    },
    /// The sandbox's journal can't be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// Another process has the sandbox's journal open.
    #[error("{path} is in use by another process; only one may write it")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A line within the sandbox's journal is inconsistent.
    #[error("{path}, line {line}: {problem}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The problem.
        problem: String,
    },
    /// The HTTP client couldn't be created.
    #[error("the HTTP client can't be set up: {0}")]
    Client(#[source] runtime::Source),
}
