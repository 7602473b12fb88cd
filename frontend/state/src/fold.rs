//! Finding titles whatever the case, the accents and the order of words.

/// Takes a text apart (NFKD), drops its marks, and makes it upper and then lower case: `É` to `e`,
/// `ﬁ` to `fi`, `ß` to `ss`. The browser does it: tables of its own would be a fifth of the app.
pub type Plain = fn(&str) -> String;

/// A text as it is searched in: without case and marks.
///
/// The server's own search (`domain::search::folded`) does the same, letter by letter, so that what
/// comes up live is what a search would list.
pub fn fold(text: &str, plain: Plain) -> String {
    let letter = |letter| match letter {
        // At the end of a word it is written differently, and is the same letter.
        'ς' => 'σ',
        // Typed with one and printed with the other.
        '\u{2018}' | '\u{2019}' | '\u{02BC}' => '\'',
        '\u{201C}' | '\u{201D}' => '"',
        // Letters with a stroke are letters of their own to Unicode, and not to who searches.
        'ø' => 'o',
        'ł' => 'l',
        'đ' => 'd',
        other => other,
    };
    plain(text).chars().map(letter).collect()
}

/// Whether all words of a search are in a title, in any order.
pub fn finds(search: &str, title: &str, plain: Plain) -> bool {
    if search.trim().is_empty() {
        return true;
    }
    let title = fold(title, plain);
    fold(search, plain)
        .split_whitespace()
        .all(|word| title.contains(word))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use unicode_normalization::UnicodeNormalization;

    /// What the browser does, as far as the tests need it.
    pub(crate) fn plain(text: &str) -> String {
        text.nfkd()
            .filter(|c| !('\u{300}'..='\u{36f}').contains(c))
            .flat_map(char::to_uppercase)
            .flat_map(char::to_lowercase)
            .collect()
    }

    #[test]
    fn searches_ignore_case_accents_and_word_order() {
        for (search, title) in [
            ("", "anything"),
            ("beyonce", "Beyoncé in Köln"),
            ("beyoncé", "Beyonce\u{301}"),
            ("köln BEYONCÉ", "Beyoncé,  Koln"),
            ("istanbul", "İstanbul by night"),
            ("strasse", "Straße der Lieder"),
            ("STRASSE", "straße"),
            ("μους", "ΜΟΥΣΕΙΟ"),
            ("ΜΟΥΣ", "μους"),
            ("finale", "ﬁnale"),
            ("ISTANBUL", "ıstanbul"),
            ("malmo", "MALMØ"),
            ("Lodz", "Łódź"),
            ("dakovo", "Đakovo"),
            ("guns n' roses", "Guns N\u{2019} Roses"),
            ("\"live\"", "\u{201C}Live\u{201D} at home"),
            (" power   up ", "Power Up Tour"),
        ] {
            assert!(finds(search, title, plain), "{search} in {title}");
        }
        for (search, title) in [("rock", "Jazz"), ("jazz rock", "Jazz Night")] {
            assert!(!finds(search, title, plain), "{search} in {title}");
        }
    }
}
