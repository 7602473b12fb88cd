//! The errors of the store. *Refused* (by the domain) and *failed* (in the store) are separate
//! types: the first is an answer, the second is a fault.

use serde::Serialize;
use std::{borrow::Cow, error::Error, fmt, sync::Arc, time::Duration};

use crate::StreamName;

/// The store could not execute the request.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// NATS can't be reached, or doesn't answer in time. It is unknown whether an append took
    /// effect; repeating it with the same command ID is safe.
    #[error("the event log is unavailable: {what}{}", because(source.as_deref()))]
    Unavailable {
        /// The operation, or what it lacks.
        what: Cow<'static, str>,
        /// The error of the NATS client.
        #[source]
        source: Option<Arc<dyn Error + Send + Sync>>,
    },
    /// The server's answer can't be parsed: a defect of this program or of the server, and not an
    /// outage, so repeating is useless.
    #[error("{what}: the answer of NATS can't be read: {source}")]
    UnexpectedAnswer {
        /// The operation.
        what: &'static str,
        /// The parser's error.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// Other writers appended to the same aggregate during every retry.
    #[error("{stream}.{aggregate_id}: lost the race {tries} times")]
    Conflict {
        /// Stream of the aggregate.
        stream: StreamName,
        /// The aggregate.
        aggregate_id: String,
        /// Number of tries.
        tries: u32,
    },
    /// This release can't read a message. The message is never skipped silently.
    #[error("{stream}#{sequence}: {why}")]
    Unreadable {
        /// Stream of the message.
        stream: StreamName,
        /// Its sequence in that stream.
        sequence: u64,
        /// The problem.
        why: String,
    },
    /// A commit contains an event in a form that this release doesn't know: another release wrote
    /// it. It is never skipped silently, and never read as if this release had written it.
    #[error("{stream}#{sequence}: {why}; {event_type} in schema {schema} is of another release")]
    UnsupportedSchema {
        /// Stream of the message.
        stream: StreamName,
        /// Its sequence in that stream.
        sequence: u64,
        /// Type of the event.
        event_type: String,
        /// Version of its schema.
        schema: String,
        /// Why it can't be read.
        why: String,
    },
    /// The server has lost messages of a stream: it counts them, but can't deliver them. No
    /// operator has acknowledged the loss ([`Holes::acknowledge`](crate::Holes::acknowledge)).
    #[error(
        "{stream}{} missing: the server counts {it} and can't give {it}. Restore the server's copy \
         or the log; if that is impossible, acknowledge the hole",
        missing(*first, *last), it = if first == last { "it" } else { "them" }
    )]
    Hole {
        /// The stream.
        stream: StreamName,
        /// The first sequence that is missing.
        first: u64,
        /// The last sequence that is missing.
        last: u64,
    },
    /// The server counts commits of an aggregate but can't deliver the newest: the state of the
    /// aggregate is unknown, so nothing is decided on it.
    #[error("{stream}.{aggregate_id}: the server has lost the newest commit")]
    HistoryLost {
        /// Stream of the aggregate.
        stream: StreamName,
        /// The aggregate.
        aggregate_id: String,
    },
    /// Messages that exist, or never existed, can't be acknowledged as lost.
    #[error("{stream}{}: nothing is missing there, {why}", places(*first, *last))]
    NoHole {
        /// The stream.
        stream: StreamName,
        /// The first sequence that was named.
        first: u64,
        /// The last sequence that was named.
        last: u64,
        /// Why it is no hole.
        why: String,
    },
    /// The versions of an aggregate aren't dense: one of its commits is missing.
    #[error("{stream}#{sequence}: expected {expected}, found {found}")]
    Gap {
        /// Stream of the message.
        stream: StreamName,
        /// Sequence of the message after the gap.
        sequence: u64,
        /// The expected version.
        expected: String,
        /// The version that was found.
        found: String,
    },
    /// A commit that was read, or acknowledged, is gone: the log lost its tail (in a power cut with
    /// the server's default `sync_interval`, or because a backup was restored), and may have
    /// continued with other commits under the same sequences. State that was built from the lost
    /// ones must be rebuilt.
    #[error(
        "{stream}#{sequence}: {expected} was there and is gone, {found}: the log lost its tail"
    )]
    TailLost {
        /// The stream.
        stream: StreamName,
        /// Where the commit was.
        sequence: u64,
        /// The commit that was seen.
        expected: String,
        /// What is found there now.
        found: String,
    },
    /// A stream on the server differs from what the store needs, in a way that can lose data.
    #[error("stream {stream} is not as it must be: {difference}")]
    StreamMismatch {
        /// The stream.
        stream: StreamName,
        /// How it differs, and what is needed.
        difference: String,
    },
    /// A stream is missing, and must not be created by the process that found out: it was lost, or
    /// an operator has to create it.
    #[error("stream {stream} is missing, {why}")]
    StreamMissing {
        /// The stream.
        stream: StreamName,
        /// The consequence, and what to do.
        why: String,
    },
    /// A commit is larger than the server accepts.
    #[error("{stream}.{aggregate_id}: the commit is larger than the server accepts")]
    TooLarge {
        /// Stream of the aggregate.
        stream: StreamName,
        /// The aggregate.
        aggregate_id: String,
    },
    /// An identifier can't be part of a subject.
    #[error("{0:?} can't be an id: use 1 to 128 letters, digits, '-' or '_'")]
    InvalidId(String),
    /// A value can't be encoded as JSON: a defect of this program and not an outage, so repeating
    /// is useless.
    #[error("can't write {what} as JSON: {source}")]
    Encode {
        /// The value.
        what: &'static str,
        /// The encoder's error.
        source: Arc<serde_json::Error>,
    },
    /// The server refused for another reason, in its own words.
    #[error("the event log refused: {0}")]
    Rejected(String),
}

impl StoreError {
    /// An outage without a known source.
    pub fn unavailable(what: impl Into<Cow<'static, str>>) -> Self {
        Self::Unavailable {
            what: what.into(),
            source: None,
        }
    }

    /// Whether repeating may succeed without anyone's help: a server was down, or another writer
    /// was faster.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Conflict { .. })
    }

    /// Adds the interrupted operation to an outage. Other errors are returned unchanged.
    pub(crate) fn in_context(self, context: impl fmt::Display) -> Self {
        match self {
            Self::Unavailable { what, source } => Self::Unavailable {
                what: format!("{context}: {what}").into(),
                source,
            },
            other => other,
        }
    }

    /// Returns after how long to retry, for transient faults.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { .. } | Self::StreamMissing { .. } => Some(Duration::from_secs(1)),
            Self::Conflict { .. } => Some(Duration::ZERO),
            _ => None,
        }
    }
}

/// Why a command did not take effect.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CommandError<E: Error> {
    /// The domain refused, based on the newest state in the log.
    #[error("{0}")]
    Refused(E),
    /// The store failed.
    #[error(transparent)]
    Failed(#[from] StoreError),
}

impl<E: Error> From<CommandError<E>> for cqrs_es::AggregateError<E> {
    fn from(error: CommandError<E>) -> Self {
        match error {
            CommandError::Refused(refusal) => Self::UserError(refusal),
            CommandError::Failed(failure) => failure.into(),
        }
    }
}

impl<E: Error> From<StoreError> for cqrs_es::AggregateError<E> {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict { .. } => Self::AggregateConflict,
            StoreError::Unavailable { .. } => Self::DatabaseConnectionError(Box::new(error)),
            StoreError::Unreadable { .. }
            | StoreError::UnsupportedSchema { .. }
            | StoreError::HistoryLost { .. }
            | StoreError::Gap { .. } => Self::DeserializationError(Box::new(error)),
            _ => Self::UnexpectedError(Box::new(error)),
        }
    }
}

fn places(first: u64, last: u64) -> String {
    if first == last {
        format!("#{first}")
    } else {
        format!("#{first} to #{last}")
    }
}

fn missing(first: u64, last: u64) -> String {
    let is = if first == last { "is" } else { "are" };
    format!("{} {is}", places(first, last))
}

/// Encodes a value of the store itself as JSON.
pub(crate) fn encode(what: &'static str, value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|error| StoreError::Encode {
        what,
        source: Arc::new(error),
    })
}

/// Converts an error of the client into an outage of this operation.
pub(crate) fn unavailable<E>(what: &'static str) -> impl FnOnce(E) -> StoreError
where
    E: Into<Box<dyn Error + Send + Sync>>,
{
    move |error| StoreError::Unavailable {
        what: what.into(),
        source: Some(Arc::from(error.into())),
    }
}

/// Converts an answer that can't be parsed into an error of this operation.
pub(crate) fn unexpected<E>(what: &'static str) -> impl FnOnce(E) -> StoreError
where
    E: Into<Box<dyn Error + Send + Sync>>,
{
    move |error| StoreError::UnexpectedAnswer {
        what,
        source: Arc::from(error.into()),
    }
}

fn because(source: Option<&(dyn Error + Send + Sync)>) -> String {
    source.map_or_else(String::new, |source| format!(": {source}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn what_cannot_be_written_is_a_defect_and_no_outage() {
        let no_names = HashMap::from([(vec![1], 2)]);
        let error = encode("a map", &no_names).unwrap_err();
        assert!(matches!(error, StoreError::Encode { .. }), "{error:?}");
        assert_eq!(error.retry_after(), None);
        assert_eq!(
            error.to_string(),
            "can't write a map as JSON: key must be a string"
        );
        assert!(error.source().is_some());
        assert_eq!(encode("a number", &1).unwrap(), b"1");
    }

    #[test]
    fn an_outage_names_what_was_being_done_and_keeps_its_source() {
        let timed_out = || std::io::Error::from(std::io::ErrorKind::TimedOut);
        let error = unavailable("reading a message")(timed_out());
        let text = "the event log is unavailable: reading a message: timed out";
        assert_eq!(error.to_string(), text);
        let source = error.source().and_then(|source| source.downcast_ref());
        let source = source.and_then(|source: &Arc<dyn Error + Send + Sync>| source.downcast_ref());
        assert_eq!(source.map(std::io::Error::kind), Some(timed_out().kind()));
        let placed = error.in_context("ORDERS#7 was not written");
        assert_eq!(
            placed.to_string(),
            "the event log is unavailable: ORDERS#7 was not written: reading a message: timed out"
        );
        assert!(placed.source().is_some() && placed.is_transient());
    }

    #[test]
    fn only_what_passes_by_itself_is_transient() {
        let not_json = serde_json::from_str::<u8>("?").unwrap_err();
        let defect = unexpected("asking the time")(not_json);
        assert!(StoreError::unavailable("not connected to NATS").is_transient());
        assert!(!defect.is_transient(), "{defect}");
        assert_eq!(defect.retry_after(), None);
        assert!(!StoreError::Rejected("no".to_owned()).is_transient());
    }
}
