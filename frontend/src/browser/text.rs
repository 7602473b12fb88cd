//! What the browser knows of the world's writing.

use js_sys::{JsString, RegExp};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = String)]
    type Text;
    #[wasm_bindgen(method)]
    fn normalize(this: &Text, form: &str) -> JsString;
}

thread_local! {
    static MARKS: RegExp = RegExp::new("\\p{M}", "gu");
}

/// Takes a text apart and drops its marks: `é` to `e`, `ﬁ` to `fi`.
pub fn unmark(text: &str) -> String {
    // Most titles of a long list are like this.
    if text.is_ascii() {
        return text.to_owned();
    }
    let apart = JsValue::from_str(text)
        .unchecked_into::<Text>()
        .normalize("NFKD");
    MARKS.with(|marks| apart.replace_by_pattern(marks, "").into())
}
