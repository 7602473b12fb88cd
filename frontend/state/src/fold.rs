//! Finding titles whatever the case, the accents and the order of words.

/// Takes a text apart and drops its marks: `é` to `e`, `ﬁ` to `fi`. The browser does it
/// (`normalize("NFKD")`): tables of its own would be a fifth of the app.
pub type Unmark = fn(&str) -> String;

/// A text as it is searched in: without case and marks.
///
/// The server's own search does the same, so that what comes up live is what a search would list.
pub fn fold(text: &str, unmark: Unmark) -> String {
    unmark(text)
        .to_lowercase()
        .replace('ß', "ss")
        // At the end of a word it is written differently, and is the same letter.
        .replace('ς', "σ")
        // Case and forms can bring marks back.
        .replace('\u{307}', "")
}

/// Whether all words of a search are in a title, in any order.
pub fn finds(search: &str, title: &str, unmark: Unmark) -> bool {
    if search.trim().is_empty() {
        return true;
    }
    let title = fold(title, unmark);
    fold(search, unmark)
        .split_whitespace()
        .all(|word| title.contains(word))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use unicode_normalization::UnicodeNormalization;

    /// What the browser does, as far as the tests need it.
    pub(crate) fn unmark(text: &str) -> String {
        text.nfkd()
            .filter(|c| !('\u{300}'..='\u{36f}').contains(c))
            .collect()
    }

    #[test]
    fn titles_are_found_without_regard_to_case_accents_and_order() {
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
            (" power   up ", "Power Up Tour"),
        ] {
            assert!(finds(search, title, unmark), "{search} in {title}");
        }
        for (search, title) in [("rock", "Jazz"), ("jazz rock", "Jazz Night")] {
            assert!(!finds(search, title, unmark), "{search} in {title}");
        }
    }
}
