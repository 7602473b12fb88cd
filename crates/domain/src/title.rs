//! The title of a ticket.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest title, in characters (Unicode scalar values).
pub const MAX_TITLE_CHARS: usize = 200;

/// A title: trimmed, not blank, at most [`MAX_TITLE_CHARS`] characters, without control characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Title(String);

/// Why a text is no title.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTitle {
    /// Empty, or only white space.
    #[error("Title is required")]
    Blank,
    /// More than [`MAX_TITLE_CHARS`] characters.
    #[error("Title must be at most {MAX_TITLE_CHARS} characters")]
    TooLong,
    /// Holds a line break or another control character.
    #[error("Title must not contain control characters")]
    ControlCharacter,
}

impl Title {
    /// Takes a text as a title, trimmed of white space at both ends.
    ///
    /// # Errors
    /// When it is blank, too long or holds a control character.
    pub fn parse(text: &str) -> Result<Self, InvalidTitle> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidTitle::Blank);
        }
        if text.chars().count() > MAX_TITLE_CHARS {
            return Err(InvalidTitle::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidTitle::ControlCharacter);
        }
        Ok(Self(text.to_owned()))
    }

    /// The title as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Title {
    type Error = InvalidTitle;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Title> for String {
    fn from(title: Title) -> Self {
        title.0
    }
}

impl fmt::Display for Title {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_trimmed() {
        assert_eq!(
            Title::parse("  Opening night ").unwrap().as_str(),
            "Opening night"
        );
    }

    #[test]
    fn a_blank_title_is_refused() {
        assert_eq!(Title::parse(" \t "), Err(InvalidTitle::Blank));
    }

    #[test]
    fn the_limit_counts_characters_and_not_bytes() {
        assert!(Title::parse(&"ü".repeat(MAX_TITLE_CHARS)).is_ok());
        assert_eq!(
            Title::parse(&"ü".repeat(MAX_TITLE_CHARS + 1)),
            Err(InvalidTitle::TooLong)
        );
    }

    #[test]
    fn a_line_break_inside_is_refused() {
        assert_eq!(Title::parse("a\nb"), Err(InvalidTitle::ControlCharacter));
    }
}
