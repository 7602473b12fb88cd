//! The names of streams.

use std::{
    collections::BTreeSet,
    fmt,
    hash::{Hash, Hasher},
    sync::{Mutex, PoisonError},
};

/// The name of a stream, as code, records and messages have it.
///
/// On the server a stream has this name behind the [prefix](crate::LogConfig::prefix) of the
/// installation, and its name there is the first token of its subjects. Two names are equal if
/// they are spelled alike, whichever installation they are of: a process works with one.
///
/// A name is copied freely. One that is made at run time is kept for as long as the process lives,
/// once per spelling.
#[derive(Clone, Copy)]
pub struct StreamName {
    name: &'static str,
    prefix: Prefix,
}

/// A name of a stream, or a prefix of names, that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid {what}: {text:?}; expected a letter A-Z, then at most {} of A-Z, 0-9, - and _",
    MAX_LENGTH - 1
)]
pub struct InvalidName {
    what: &'static str,
    text: String,
}

/// Longer names are legal, but a server keeps each in a folder of this name.
const MAX_LENGTH: usize = 64;

/// A token of a subject that is also the name of a folder on every file system: no dots, no
/// wildcards, no lower case.
const fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.is_empty() || bytes.len() > MAX_LENGTH || !bytes[0].is_ascii_uppercase() {
        return false;
    }
    let mut i = 1;
    while i < bytes.len() {
        if !matches!(bytes[i], b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_') {
            return false;
        }
        i += 1;
    }
    true
}

/// Text that lives as long as the process, once per spelling. Names are few and used everywhere, so
/// that a leak of some bytes is cheaper than counting references in each commit.
fn interned(text: &str) -> &'static str {
    static KNOWN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = known.get(text) {
        return known;
    }
    let text: &'static str = Box::leak(text.into());
    known.insert(text);
    text
}

impl StreamName {
    /// Creates a stream name.
    ///
    /// # Panics
    /// At compile time, when used in a constant: if the name contains anything but `A-Z`.
    pub const fn new(name: &'static str) -> Self {
        assert!(
            is_name(name),
            "a stream's name is a letter A-Z, then A-Z, 0-9, - and _"
        );
        Self {
            name,
            prefix: Prefix::NONE,
        }
    }

    /// A name that is known only at run time.
    ///
    /// # Errors
    /// If it isn't a letter `A-Z` and then at most 63 of `A-Z`, `0-9`, `-` and `_`.
    pub fn parse(name: &str) -> Result<Self, InvalidName> {
        if !is_name(name) {
            return Err(InvalidName {
                what: "name of a stream",
                text: name.to_owned(),
            });
        }
        Ok(Self::new(interned(name)))
    }

    /// The name as text, without the prefix.
    pub const fn as_str(self) -> &'static str {
        self.name
    }

    /// The same stream of an installation.
    pub(crate) const fn under(self, prefix: Prefix) -> Self {
        Self { prefix, ..self }
    }

    /// The name on the server.
    pub(crate) fn on_server(self) -> String {
        format!("{}{}", self.prefix.0, self.name)
    }

    /// The literal subject of one aggregate (or key) in this stream.
    pub(crate) fn subject(self, key: &str) -> String {
        format!("{}{}.{key}", self.prefix.0, self.name)
    }

    /// The key in a subject of this stream.
    pub(crate) fn key_of(self, subject: &str) -> Option<&str> {
        let subject = subject.strip_prefix(self.prefix.0)?;
        subject.strip_prefix(self.name)?.strip_prefix('.')
    }
}

impl PartialEq for StreamName {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for StreamName {}

impl PartialOrd for StreamName {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for StreamName {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.name.cmp(other.name)
    }
}

impl Hash for StreamName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl fmt::Debug for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StreamName").field(&self.name).finish()
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl serde::Serialize for StreamName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

/// What stands before the names of all streams and topics of one installation, so that several can
/// share a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prefix(&'static str);

impl Prefix {
    /// The prefix of an installation that has its server to itself.
    pub const NONE: Self = Self("");

    /// Takes a prefix: nothing, or what could be the name of a stream.
    ///
    /// # Errors
    /// If it is neither.
    pub fn parse(prefix: &str) -> Result<Self, InvalidName> {
        if prefix.is_empty() || is_name(prefix) {
            return Ok(Self(interned(prefix)));
        }
        Err(InvalidName {
            what: "prefix of the names of streams",
            text: prefix.to_owned(),
        })
    }

    /// The prefix as text.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

/// Commands that fall due later.
pub(crate) const COMMANDS: StreamName = StreamName::new("COMMANDS");
/// Messages that workers could not handle.
pub(crate) const DEADLETTERS: StreamName = StreamName::new("DEADLETTERS");
/// First responses to requests with an idempotency key.
#[cfg(feature = "idempotency")]
pub(crate) const REQUESTS: StreamName = StreamName::new("REQUESTS");
/// Public keys.
#[cfg(feature = "session-keys")]
pub(crate) const KEYS: StreamName = StreamName::new("KEYS");

/// Streams of commits for unit tests.
#[cfg(any(test, fuzzing))]
pub(crate) mod samples {
    use super::StreamName;

    pub const ACCOUNTS: StreamName = StreamName::new("ACCOUNTS");
    pub const BRANCHES: StreamName = StreamName::new("BRANCHES");
    #[cfg(test)]
    pub const BOTH: [StreamName; 2] = [ACCOUNTS, BRANCHES];
}

#[cfg(test)]
mod tests {
    use super::{samples::ACCOUNTS, *};

    #[test]
    fn a_name_is_a_token_of_a_subject_and_of_a_path() {
        for good in ["A", "ORDERS", "TICKETS-0", "A_1"] {
            assert_eq!(StreamName::parse(good).unwrap().as_str(), good);
        }
        let long = "A".repeat(65);
        for bad in [
            "", "orders", "0A", "-A", "A.B", "A*", "A>", "A B", "Ä", &long,
        ] {
            let error = StreamName::parse(bad).unwrap_err().to_string();
            assert!(error.contains(&format!("{bad:?}")), "{error}");
        }
        let error = StreamName::parse("a.b").unwrap_err();
        assert_eq!(
            error.to_string(),
            "invalid name of a stream: \"a.b\"; expected a letter A-Z, then at most 63 of A-Z, 0-9, \
             - and _"
        );
    }

    #[test]
    fn a_name_of_run_time_is_kept_once_and_equals_the_constant() {
        let (first, second) = (StreamName::parse("LATER"), StreamName::parse("LATER"));
        assert!(std::ptr::eq(
            first.unwrap().as_str(),
            second.unwrap().as_str()
        ));
        assert_eq!(StreamName::parse("ACCOUNTS").unwrap(), ACCOUNTS);
    }

    #[test]
    fn a_prefix_stands_on_the_server_and_nowhere_else() {
        let shop = ACCOUNTS.under(Prefix::parse("SHOP_").unwrap());
        assert_eq!(shop.subject("a"), "SHOP_ACCOUNTS.a");
        assert_eq!(shop.on_server(), "SHOP_ACCOUNTS");
        assert_eq!((shop, shop.to_string().as_str()), (ACCOUNTS, "ACCOUNTS"));
        assert_eq!(shop.key_of("SHOP_ACCOUNTS.a"), Some("a"));
        for other in ["ACCOUNTS.a", "SHOP_BRANCHES.a", "SHOP_ACCOUNTSa", ""] {
            assert_eq!(shop.key_of(other), None, "{other}");
        }
        assert!(Prefix::parse("a.b").is_err());
    }
}
