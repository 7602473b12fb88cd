//! What can go wrong at a provider, by what the caller has to do about it.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

/// Why a provider didn't do what it was asked. A declined card is not among these: it is an
/// answer, [`Authorization::Declined`](super::Authorization::Declined).
///
/// No text in it holds a secret; only [`BadToken`](Self::BadToken) and
/// [`Unpayable`](Self::Unpayable) are written for the buyer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProviderError {
    /// Not known whether it was done: no answer in time, no connection, or the provider is
    /// overloaded or broken, after the retries that fit the time allowed. Becomes 503.
    #[error("the payment provider can't be reached: {reason}")]
    Unreachable {
        /// What was seen, for the log.
        reason: String,
        /// When to ask again, at the earliest.
        retry_after: Duration,
    },
    /// The provider won't do it, and repeating won't help: a wrong key, an unknown reference, a
    /// payment opened with other particulars. An operator has to look. Becomes 500.
    #[error("the payment provider rejected the request: {message}")]
    Rejected {
        /// The provider's words, without secrets, for the log.
        message: String,
    },
    /// The token is malformed, unknown or used up: the client's fault. Becomes 400, field `token`.
    #[error("{message}")]
    BadToken {
        /// The provider's words, for the client.
        message: String,
    },
    /// The provider takes no payment of this amount. Becomes 402.
    #[error("{reason}")]
    Unpayable {
        /// The provider's words, for the buyer.
        reason: String,
    },
    /// The money was taken already, so there is no hold to let go.
    #[error("the payment was already captured")]
    AlreadyCaptured,
    /// The hold was let go already, so there is nothing to take.
    #[error("the payment was already voided")]
    AlreadyVoided,
    /// No card was authorized, so there is nothing to take.
    #[error("no money is held for the payment")]
    NothingHeld,
}

/// Why a provider couldn't be set up at start. Each text names the variable or file.
#[derive(Debug, Error)]
pub enum SetupError {
    /// A variable has a value that can't be used.
    #[error("{variable} {problem}")]
    Variable {
        /// The environment variable.
        variable: &'static str,
        /// What is wrong, and what is allowed.
        problem: String,
    },
    /// The sandbox's journal can't be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Another process has the sandbox's journal open.
    #[error("{path} is in use by another process; only one may write it")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A line within the sandbox's journal can't be true.
    #[error("{path}, line {line}: {problem}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// The HTTP client couldn't be built.
    #[error("the HTTP client can't be set up: {0}")]
    Client(#[source] runtime::Source),
}
