//! The position at which the next page of a list begins.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::ReadError;

/// Encodes a position in a sorted list: the list's order, and the numbers of the last item shown.
///
/// Opaque to clients, so that its form can change. Its content is `<list>:<number>:…`.
pub fn encode(list: &str, numbers: &[u64]) -> String {
    let mut text = list.to_owned();
    for number in numbers {
        text.push(':');
        text.push_str(&number.to_string());
    }
    URL_SAFE_NO_PAD.encode(text)
}

/// Decodes a cursor of the same list, with `N` numbers.
pub fn decode<const N: usize>(list: &str, cursor: &str) -> Result<[u64; N], ReadError> {
    parse(list, cursor).ok_or(ReadError::BadCursor)
}

fn parse<const N: usize>(list: &str, cursor: &str) -> Option<[u64; N]> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let numbers = text.strip_prefix(list)?.strip_prefix(':')?;
    let numbers: Option<Vec<u64>> = numbers.split(':').map(|part| part.parse().ok()).collect();
    numbers?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back() {
        let cursor = encode("price", &[1_999, 7]);
        assert_eq!(decode("price", &cursor).unwrap(), [1_999, 7]);
    }

    #[test]
    fn a_cursor_of_another_list_or_none_at_all_is_refused() {
        let cursor = encode("price", &[1_999, 7]);
        assert!(decode::<2>("newest", &cursor).is_err());
        assert!(decode::<1>("price", &cursor).is_err());
        for bad in ["", "!", "abc", "ä", "cHJpY2U6eDp5"] {
            assert!(decode::<2>("price", bad).is_err(), "{bad}");
        }
    }
}
