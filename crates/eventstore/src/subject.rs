//! The address of a message.

use std::fmt;

use crate::{StoreError, StreamName};

/// Where a message is published: a key of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subject<'a> {
    /// The stream.
    pub stream: StreamName,
    /// An aggregate's ID, or another name of a message there.
    pub key: &'a str,
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.stream, self.key)
    }
}

/// Checks an ID: it is one token of a subject, so it may contain neither dots nor wildcards.
pub(crate) fn check_id(id: &str) -> Result<(), StoreError> {
    let valid = (1..=128).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if valid {
        Ok(())
    } else {
        Err(StoreError::InvalidId(id.to_owned()))
    }
}
