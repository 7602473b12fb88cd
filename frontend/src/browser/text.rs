//! What the browser knows of the world's writing.

use js_sys::{JsString, RegExp};

/// What somebody wrote, for where there is no markup to say so: kept apart from the words around it
/// (Unicode Standard Annex 9, an isolate whose own letters say where it begins). ASCII turns nothing,
/// and stays as it is for those who keep it as a bookmark.
pub fn isolated(written: &str) -> String {
    if written.is_ascii() {
        written.to_owned()
    } else {
        format!("\u{2068}{written}\u{2069}")
    }
}

/// Takes a text apart and drops its marks and its case: `É` to `e`, `ﬁ` to `fi`, `ß` to `ss`.
pub fn plain(text: &str) -> String {
    // Most titles of a long list are like this.
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let apart = JsString::from(text).normalize("NFKD");
    // The browser keeps what it compiles an expression to.
    let unmarked = apart.replace_by_pattern(&RegExp::new("\\p{M}", "gu"), "");
    // Up and down again: lower case alone keeps ß and the dotless ı apart from their capitals.
    unmarked.to_upper_case().to_lower_case().into()
}
