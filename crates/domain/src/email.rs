//! E-mail addresses.

use idna::{AsciiDenyList, domain_to_ascii_cow};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest address that can be delivered to (RFC 5321 §4.5.3.1.3, less the angle brackets).
pub const MAX_EMAIL_BYTES: usize = 254;
/// The longest local part (RFC 5321 §4.5.3.1.1).
const MAX_LOCAL_BYTES: usize = 64;

/// An e-mail address, trimmed, in lower case, and with its domain in the form of the name service:
/// `bücher.example` and `xn--bcher-kva.example` are the same (UTS 46).
///
/// The whole address is converted to lower case, including the local part: RFC 5321 lets a host
/// distinguish `Ada@` from `ada@`, but no common one does, and two accounts that look the same are
/// a trap.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

/// The text is not an address that mail can be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Email must be valid")]
pub struct InvalidEmail;

impl Email {
    /// Parses an address.
    ///
    /// Accepts the dot-atom form with a domain of at least two labels, in any script. Quoted local
    /// parts, address literals and local parts beyond ASCII are refused, as in the form check of
    /// browsers (WHATWG HTML, "valid e-mail address"), which this follows except for the second
    /// label.
    ///
    /// # Errors
    /// When the text is not an address.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or(InvalidEmail)?;
        let domain = domain_to_ascii_cow(domain.as_bytes(), AsciiDenyList::STD3)
            .map_err(|_| InvalidEmail)?;
        let valid = local.len() + 1 + domain.len() <= MAX_EMAIL_BYTES
            && is_dot_atom(local)
            && local.len() <= MAX_LOCAL_BYTES
            && domain.contains('.')
            && domain.split('.').all(is_label);
        if valid {
            Ok(Self(format!("{}@{domain}", local.to_ascii_lowercase())))
        } else {
            Err(InvalidEmail)
        }
    }

    /// The address as text, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_dot_atom(local: &str) -> bool {
    let is_atext = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~-".contains(c);
    local
        .split('.')
        .all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

impl TryFrom<String> for Email {
    type Error = InvalidEmail;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_address_is_kept_in_lower_case_and_trimmed() {
        assert_eq!(
            Email::parse(" Ada.Lovelace+x@Example.Co.UK ")
                .unwrap()
                .as_str(),
            "ada.lovelace+x@example.co.uk"
        );
    }

    #[test]
    fn both_spellings_of_a_domain_are_equal() {
        let punycode = "ada@xn--bcher-kva.example";
        for text in [
            punycode,
            "ada@bücher.example",
            "Ada@BÜCHER.Example",
            "ada@bu\u{308}cher.example",
        ] {
            assert_eq!(Email::parse(text).unwrap().as_str(), punycode, "{text}");
        }
        let broken = "ada@xn--\u{FC}.example";
        assert_eq!(Email::parse(broken), Err(InvalidEmail));
    }

    #[test]
    fn an_invalid_address_is_refused() {
        let long = format!("{}@example.com", "a".repeat(65));
        for text in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@example",
            "a b@example.com",
            "ada@@example.com",
            "ada@.com",
            "ada@example..com",
            ".ada@example.com",
            "ada@-example.com",
            "ädä@example.com",
            "ada@exam_ple.com",
            "ada@example.com\n.x",
            &long,
        ] {
            assert_eq!(Email::parse(text), Err(InvalidEmail), "{text:?}");
        }
    }

    #[test]
    fn an_address_is_at_most_as_long_as_mail_allows() {
        let of_length = |bytes: usize| {
            let (local, label) = ("a".repeat(64), "b".repeat(60));
            let rest = "c".repeat(bytes - 64 - 1 - 2 * 61);
            format!("{local}@{label}.{label}.{rest}")
        };
        let longest = of_length(MAX_EMAIL_BYTES - 5) + ".test";
        assert_eq!(longest.len(), MAX_EMAIL_BYTES);
        assert_eq!(Email::parse(&longest).unwrap().as_str(), longest);
        let longer = of_length(MAX_EMAIL_BYTES - 4) + ".test";
        assert_eq!(Email::parse(&longer), Err(InvalidEmail));
    }

    proptest! {
        #[test]
        fn parsing_is_idempotent(text in "[A-Za-z0-9.+-]{1,20}@[A-Za-z0-9.-]{1,20}") {
            if let Ok(email) = Email::parse(&text) {
                prop_assert_eq!(Email::parse(email.as_str()), Ok(email));
            }
        }
    }
}
