//! What words repeat of what somebody wrote.

/// The words before a quotation, what is quoted, and the words after it, quotation marks with the
/// words around; none where nothing is quoted. A title can have such marks itself, so that the
/// quotation goes from the first to the last.
pub fn quoted(words: &str) -> Option<[&str; 3]> {
    let is_mark = |c| matches!(c, '"' | '“' | '”');
    let (first, mark) = words.char_indices().find(|(_, c)| is_mark(*c))?;
    let (begin, end) = (first + mark.len_utf8(), words.rfind(is_mark)?);
    let inside = words.get(begin..end)?;
    Some([&words[..begin], inside, &words[end..]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quotation_spans_the_first_to_the_last_mark() {
        for (words, parts) in [
            (
                "The title is now \"אופרה!\". The price is now 20.00",
                [
                    "The title is now \"",
                    "אופרה!",
                    "\". The price is now 20.00",
                ],
            ),
            (
                "The title is now \"A \"live\" show\"",
                ["The title is now \"", "A \"live\" show", "\""],
            ),
            ("“1.000” could be 1", ["“", "1.000", "” could be 1"]),
            ("\"\"", ["\"", "", "\""]),
        ] {
            assert_eq!(quoted(words), Some(parts), "{words}");
            assert_eq!(parts.concat(), words);
        }
    }

    #[test]
    fn text_without_marks_has_no_quotation() {
        for words in ["", "Title is required", "12\" vinyl", "“"] {
            assert_eq!(quoted(words), None, "{words}");
        }
    }
}
