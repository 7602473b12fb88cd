//! The names of the streams.

use std::fmt;

/// The name of a stream, and the first token of its subjects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(transparent)]
pub struct StreamName(&'static str);

impl StreamName {
    /// Creates a stream name.
    ///
    /// # Panics
    /// At compile time, when used in a constant: if the name contains anything but `A-Z`.
    pub const fn new(name: &'static str) -> Self {
        let bytes = name.as_bytes();
        assert!(!bytes.is_empty(), "a stream's name can't be empty");
        let mut i = 0;
        while i < bytes.len() {
            assert!(
                bytes[i].is_ascii_uppercase(),
                "a stream's name is made of A-Z"
            );
            i += 1;
        }
        Self(name)
    }

    /// The name as text.
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// The literal subject of one aggregate (or key) in this stream.
    pub(crate) fn subject(self, key: &str) -> String {
        format!("{}.{key}", self.0)
    }

    /// The key in a subject of this stream.
    pub(crate) fn key_of(self, subject: &str) -> Option<&str> {
        subject.strip_prefix(self.0)?.strip_prefix('.')
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Users and their roles.
pub const USERS: StreamName = StreamName::new("USERS");
/// Tickets.
pub const TICKETS: StreamName = StreamName::new("TICKETS");
/// Orders, one aggregate per ticket.
pub const ORDERS: StreamName = StreamName::new("ORDERS");
/// Payments.
pub const PAYMENTS: StreamName = StreamName::new("PAYMENTS");
/// Every stream of commits: the log, and the only truth.
pub const EVENT_STREAMS: [StreamName; 4] = [USERS, TICKETS, ORDERS, PAYMENTS];

/// Commands that fall due later.
pub(crate) const COMMANDS: StreamName = StreamName::new("COMMANDS");
/// Messages that workers could not handle.
pub(crate) const DEADLETTERS: StreamName = StreamName::new("DEADLETTERS");
/// First responses to requests with an idempotency key.
pub(crate) const REQUESTS: StreamName = StreamName::new("REQUESTS");
/// Public keys.
pub(crate) const KEYS: StreamName = StreamName::new("KEYS");
