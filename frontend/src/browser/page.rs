//! The document around the app: title, focus, scrolling.

use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use super::{document, window};

/// Names the page in the browser's tab and history.
pub fn set_title(title: &str) {
    document().set_title(title);
}

/// Moves the keyboard to the element of this id, if it is there.
pub fn focus(id: &str) {
    if let Some(element) = document().get_element_by_id(id)
        && let Ok(element) = element.dyn_into::<HtmlElement>()
    {
        let _ = element.focus();
    }
}

/// Moves the keyboard to the start of the page's content, without scrolling there.
pub fn focus_content() {
    focus("content");
}

/// How far the page is scrolled, in whole pixels.
pub fn scroll_position() -> i32 {
    whole(window().scroll_y().unwrap_or_default())
}

/// How far the page can be scrolled, as long as it is now.
pub fn scroll_limit() -> i32 {
    let long = document()
        .document_element()
        .map_or(0, |page| page.scroll_height());
    let seen = window().inner_height().ok().and_then(|seen| seen.as_f64());
    long - whole(seen.unwrap_or_default())
}

#[allow(clippy::cast_possible_truncation)]
fn whole(pixels: f64) -> i32 {
    pixels.round() as i32
}

/// Scrolls the page.
pub fn scroll_to(y: i32) {
    window().scroll_to_with_x_and_y(0.0, y.into());
}

/// Says that the app has failed for good. Plain HTML that is always there, since nothing of the
/// app can be relied on by then.
pub fn show_crash() {
    if let Some(body) = document().body() {
        let _ = body.class_list().add_1("crashed");
    }
}
