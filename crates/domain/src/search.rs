//! How titles are searched: which spellings match.

use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_properties::{CodePointMapData, props::GeneralCategory};

/// The form of a text for searching: decomposed (NFKD), without marks and case, and with single
/// spaces between words.
///
/// So `beyonce` matches `Beyoncé`, `muller` `Müller`, `STRASSE` `Straße`, `istanbul` `İstanbul` and
/// `μους` `ΜΟΥΣ`. The web app does the same with the browser's functions, so that live results are
/// those of a search. Folding a folded text changes nothing.
pub fn folded(text: &str) -> String {
    if text.is_ascii() {
        return spaced(text).to_ascii_lowercase();
    }
    let apart = DecomposingNormalizerBorrowed::new_nfkd().normalize(text);
    let category = CodePointMapData::<GeneralCategory>::new();
    let is_mark = |c: char| {
        matches!(
            category.get(c),
            GeneralCategory::NonspacingMark
                | GeneralCategory::SpacingMark
                | GeneralCategory::EnclosingMark
        )
    };
    let mut folded = String::with_capacity(apart.len());
    for c in apart.chars().filter(|c| !is_mark(*c)) {
        match c {
            // Typed as one and printed as the other.
            '\u{2018}' | '\u{2019}' | '\u{02BC}' => folded.push('\''),
            '\u{201C}' | '\u{201D}' => folded.push('"'),
            // Letters with a stroke are separate letters to Unicode, but not to users who search.
            'ø' | 'Ø' => folded.push('o'),
            'ł' | 'Ł' => folded.push('l'),
            'đ' | 'Đ' => folded.push('d'),
            // To upper and back to lower case: lower case alone distinguishes ß, the final ς and
            // the dotless ı from their capitals.
            c => folded.extend(c.to_uppercase().flat_map(char::to_lowercase)),
        }
    }
    // Last, since a mark that stands alone is decomposed into a space and itself.
    spaced(&folded)
}

/// With single spaces between words.
fn spaced(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn visually_equal_words_match() {
        for (typed, title) in [
            ("beyonce", "Beyoncé"),
            ("beyoncé", "Beyonce\u{301}"),
            ("muller", "Müller"),
            ("STRASSE", "Straße"),
            ("istanbul", "İstanbul"),
            ("ISTANBUL", "ıstanbul"),
            ("μους", "ΜΟΥΣ"),
            ("finale", "\u{FB01}nale"),
            ("guns n' roses", "Guns N\u{2019} Roses"),
            ("sigur ros", "Sigur  Rós"),
            ("malmo", "Malmø"),
            ("lodz", "Łódź"),
        ] {
            assert_eq!(folded(typed), folded(title), "{typed} in {title}");
        }
    }

    #[test]
    fn vowel_marks_stay_part_of_words() {
        assert!(!folded("कार्यक्रम").is_empty());
        assert_ne!(folded("кино"), folded("kino"));
    }

    proptest! {
        #[test]
        fn folding_is_idempotent(text in "\\PC{0,40}") {
            let once = folded(&text);
            prop_assert_eq!(folded(&once), once);
        }
    }
}
