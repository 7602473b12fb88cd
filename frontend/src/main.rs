//! Turnstile's web app: buy and sell tickets in the browser, live.
//!
//! `pages` has one folder per page, `components` their shared parts, `store` their shared state,
//! `client` the server's API, and `browser` access to the browser. Everything that can be decided
//! without a browser is in the crate `state`, and tested there.

mod app;
mod browser;
mod client;
mod components;
mod pages;
mod store;

use wasm_bindgen::JsValue;

fn main() {
    std::panic::set_hook(Box::new(|panic| {
        web_sys::console::error_1(&JsValue::from_str(&panic.to_string()));
        browser::page::show_crash();
    }));
    // What the page shows before the app arrives has served.
    if let Some(main) = browser::document().get_element_by_id("main") {
        main.set_text_content(None);
    }
    dioxus::launch(app::App);
}
