//! The title of a ticket.

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{DefaultIgnorableCodePoint, GeneralCategory},
};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, fmt};

/// The longest title, in characters (Unicode scalar values).
pub const MAX_TITLE_CHARS: usize = 200;

/// A title: trimmed, with visible content, at most [`MAX_TITLE_CHARS`] characters, without control
/// characters and without those that change the direction of surrounding text.
///
/// It is stored in the composed form (NFC, Unicode Standard Annex 15), so that two titles that look
/// alike are equal, whichever keyboard they came from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Title(String);

/// Why a text is not a title.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTitle {
    /// No visible content: white space, characters without width, marks on nothing.
    #[error("Title is required")]
    Blank,
    /// More than [`MAX_TITLE_CHARS`] characters.
    #[error("Title must be at most {MAX_TITLE_CHARS} characters")]
    TooLong,
    /// Contains a line break or another control character.
    #[error("Title must not contain control characters")]
    ControlCharacter,
    /// Contains an embedding, an override or an isolate of direction (Unicode Standard Annex 9):
    /// with these a title reverses the text next to it, for example a price. Right-to-left scripts
    /// need none of them.
    #[error("Title must not contain characters that turn the direction of text")]
    Direction,
}

impl Title {
    /// Parses a title, trimmed of white space at both ends.
    ///
    /// # Errors
    /// When it has no visible content, is too long, or contains a control character or one that
    /// changes the direction.
    pub fn parse(text: &str) -> Result<Self, InvalidTitle> {
        let text = composed(text.trim());
        if !text.chars().any(shows) {
            return Err(InvalidTitle::Blank);
        }
        if text.chars().count() > MAX_TITLE_CHARS {
            return Err(InvalidTitle::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidTitle::ControlCharacter);
        }
        if text.chars().any(turns_direction) {
            return Err(InvalidTitle::Direction);
        }
        Ok(Self(text.into_owned()))
    }

    /// The title as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The composed form of a text. Most titles are ASCII, which is composed.
fn composed(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    ComposingNormalizerBorrowed::new_nfc().normalize(text)
}

/// Whether a character is visible by itself.
fn shows(c: char) -> bool {
    /// A symbol in Unicode, but empty by definition.
    const BRAILLE_BLANK: char = '\u{2800}';
    if c.is_ascii() {
        return c.is_ascii_graphic();
    }
    let is_mark = || {
        matches!(
            CodePointMapData::<GeneralCategory>::new().get(c),
            GeneralCategory::NonspacingMark
                | GeneralCategory::SpacingMark
                | GeneralCategory::EnclosingMark
        )
    };
    !c.is_whitespace()
        && !c.is_control()
        && c != BRAILLE_BLANK
        && !CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
        && !is_mark()
}

/// Embeddings and overrides, and isolates.
const fn turns_direction(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
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
    fn an_invisible_title_is_refused() {
        for blank in [
            "\u{200B}",
            "\u{FEFF}",
            "\u{2800}",
            "\u{3164}",
            "\u{00AD}",
            "\u{0301}\u{0308}",
            " \u{200D} \u{2060} ",
            "\u{20DD}",
        ] {
            assert_eq!(Title::parse(blank), Err(InvalidTitle::Blank), "{blank:?}");
        }
    }

    #[test]
    fn a_title_has_no_bidirectional_controls() {
        for turning in ('\u{202A}'..='\u{202E}').chain('\u{2066}'..='\u{2069}') {
            let title = format!("Row A {turning}00.5");
            assert_eq!(
                Title::parse(&title),
                Err(InvalidTitle::Direction),
                "{title:?}"
            );
        }
    }

    #[test]
    fn titles_accept_every_script() {
        for title in [
            "Grüße",
            "ערב פתיחה",
            "ليلة الافتتاح",
            "می\u{200C}خواهم",
            "👨\u{200D}👩\u{200D}👧 day",
            "開幕の夜",
            "कार्यक्रम",
        ] {
            assert_eq!(Title::parse(title).unwrap().as_str(), title);
        }
    }

    #[test]
    fn titles_are_stored_in_composed_form() {
        let (apart, composed) = ("Beyonce\u{301}", "Beyoncé");
        assert_eq!(Title::parse(apart), Title::parse(composed));
        assert_eq!(Title::parse(apart).unwrap().as_str(), composed);
    }

    #[test]
    fn a_line_break_inside_is_refused() {
        assert_eq!(Title::parse("a\nb"), Err(InvalidTitle::ControlCharacter));
    }
}
