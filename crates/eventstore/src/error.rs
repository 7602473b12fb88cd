//! What can go wrong. *Refused* (the domain said no) and *failed* (the store could not) are kept
//! apart by type: the first is an answer, the second is a fault.

use serde::Serialize;
use std::{borrow::Cow, error::Error, fmt, sync::Arc, time::Duration};

use crate::StreamName;

/// The store could not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// NATS can't be reached, or doesn't answer in time. Whether an append took effect is then
    /// unknown; repeating it with the same command id is safe.
    #[error("the event log is unavailable: {what}{}", because(source.as_deref()))]
    Unavailable {
        /// What was being done, or what is missing for it.
        what: Cow<'static, str>,
        /// What the client of NATS says to that.
        #[source]
        source: Option<Arc<dyn Error + Send + Sync>>,
    },
    /// The server answered with something that this program doesn't understand: a defect of one of
    /// the two and no outage, so repeating is useless.
    #[error("{what}: the answer of NATS can't be read: {source}")]
    UnexpectedAnswer {
        /// What was being done.
        what: &'static str,
        /// Why it can't be.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// Others kept appending to the same aggregate for as long as was retried.
    #[error("{stream}.{aggregate_id}: lost the race {tries} times")]
    Conflict {
        /// Stream of the aggregate.
        stream: StreamName,
        /// The aggregate.
        aggregate_id: String,
        /// How often the append was tried.
        tries: u32,
    },
    /// A message isn't what this release can read. It is never skipped in silence.
    #[error("{stream}#{sequence}: {why}")]
    Unreadable {
        /// Stream of the message.
        stream: StreamName,
        /// Its sequence in that stream.
        sequence: u64,
        /// What is wrong with it.
        why: String,
    },
    /// A commit holds an event that this release doesn't know in that form: another release wrote
    /// it. Never skipped in silence, and never read as if it were of this one.
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
        /// What can't be read.
        why: String,
    },
    /// The server has lost messages of a stream: it counts them, and can't give them. Nobody has
    /// acknowledged that they are gone for good ([`Holes::acknowledge`](crate::Holes::acknowledge)).
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
    /// The server knows of commits of an aggregate and can't give the newest: what happened to the
    /// aggregate isn't known any more, so nothing is decided on it.
    #[error("{stream}.{aggregate_id}: the server has lost the newest commit")]
    HistoryLost {
        /// Stream of the aggregate.
        stream: StreamName,
        /// The aggregate.
        aggregate_id: String,
    },
    /// Messages that are there, or never were, can't be acknowledged as lost.
    #[error("{stream}{}: nothing is missing there, {why}", places(*first, *last))]
    NoHole {
        /// The stream.
        stream: StreamName,
        /// The first sequence that was named.
        first: u64,
        /// The last sequence that was named.
        last: u64,
        /// What is there.
        why: String,
    },
    /// Versions of an aggregate aren't dense: one of its commits is missing.
    #[error("{stream}#{sequence}: expected {expected}, found {found}")]
    Gap {
        /// Stream of the message.
        stream: StreamName,
        /// Sequence of the message after the gap.
        sequence: u64,
        /// What should have come.
        expected: String,
        /// What came.
        found: String,
    },
    /// A commit that was read, or acknowledged, is gone: the log lost its end (a power cut with the
    /// server's default `sync_interval`, or a backup that was put back), and may have gone on with
    /// other commits under the same sequences. What was made of the lost ones has to be made anew.
    #[error(
        "{stream}#{sequence}: {expected} was there and is gone, {found}: the log lost its tail"
    )]
    TailLost {
        /// The stream.
        stream: StreamName,
        /// Where the commit was.
        sequence: u64,
        /// What was there.
        expected: String,
        /// What is there now.
        found: String,
    },
    /// A stream in the server differs from what the store needs, in a way that can lose data.
    #[error("stream {stream} is not as it must be: {difference}")]
    StreamMismatch {
        /// The stream.
        stream: StreamName,
        /// How it differs, and what is needed.
        difference: String,
    },
    /// A stream isn't there, and must not be made by whoever found that out: it was lost, or making
    /// it is for an operator.
    #[error("stream {stream} is missing, {why}")]
    StreamMissing {
        /// The stream.
        stream: StreamName,
        /// What that means, and what to do.
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
    /// A value can't be written as JSON: a defect of this program and no outage, so repeating is
    /// useless.
    #[error("can't write {what} as JSON: {source}")]
    Encode {
        /// What was to be written.
        what: &'static str,
        /// Why it can't be.
        source: Arc<serde_json::Error>,
    },
    /// The server refused for another reason, in its own words.
    #[error("the event log refused: {0}")]
    Rejected(String),
}

impl StoreError {
    /// An outage of which nothing more is known.
    pub fn unavailable(what: impl Into<Cow<'static, str>>) -> Self {
        Self::Unavailable {
            what: what.into(),
            source: None,
        }
    }

    /// Whether repeating may succeed without anybody doing anything: a server was away, or others
    /// were faster.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Conflict { .. })
    }

    /// The same, and what an outage interrupted. What is none says enough by itself.
    pub(crate) fn in_context(self, context: impl fmt::Display) -> Self {
        match self {
            Self::Unavailable { what, source } => Self::Unavailable {
                what: format!("{context}: {what}").into(),
                source,
            },
            other => other,
        }
    }

    /// After how long it makes sense to try again, for faults that pass.
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
    /// The domain refused, having seen the newest state in the log.
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

/// The JSON of a value that the store writes for itself.
pub(crate) fn encode(what: &'static str, value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|error| StoreError::Encode {
        what,
        source: Arc::new(error),
    })
}

/// What a fault of the client means: no answer that can be used, while this was being done.
pub(crate) fn unavailable<E>(what: &'static str) -> impl FnOnce(E) -> StoreError
where
    E: Into<Box<dyn Error + Send + Sync>>,
{
    move |error| StoreError::Unavailable {
        what: what.into(),
        source: Some(Arc::from(error.into())),
    }
}

/// What it means that an answer can't be read.
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
