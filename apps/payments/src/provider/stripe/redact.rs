//! Keeps secrets out of texts for logs.

/// Stripe's secrets begin with one of these.
const PREFIXES: [&str; 3] = ["sk_", "rk_", "whsec_"];

/// Replaces everything that looks like a secret of Stripe. Stripe masks keys in its own messages; a
/// proxy or a stand-in may not.
pub(super) fn redact(text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_word) {
        let (between, from) = rest.split_at(start);
        let (word, after) = from.split_at(from.find(|c| !is_word(c)).unwrap_or(from.len()));
        clean.push_str(between);
        let secret = PREFIXES.iter().any(|prefix| word.starts_with(prefix));
        clean.push_str(if secret { "[redacted]" } else { word });
        rest = after;
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn only_keys_are_redacted() {
        assert_eq!(
            redact("Invalid API Key provided: sk_test_4eC39HqLyj."),
            "Invalid API Key provided: [redacted]."
        );
        assert_eq!(
            redact("Bearer rk_live_1, whsec_2: ümlaut"),
            "Bearer [redacted], [redacted]: ümlaut"
        );
        assert_eq!(redact("No such token: 'tok_1'"), "No such token: 'tok_1'");
    }
}
