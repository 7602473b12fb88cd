//! Going from page to page: the address bar and the back button.

use dioxus::prelude::*;
use state::Route;
use wasm_bindgen::JsValue;
use web_sys::{History, ScrollRestoration};

use super::{page, window};

/// Where the visitor is, and how the visitor came here.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// The page.
    pub route: Route,
    /// How the visitor came.
    pub arrival: Arrival,
    /// Counts the moves.
    pub moves: u32,
}

/// How a visitor came to a page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arrival {
    /// By an address: the app started here.
    Start,
    /// By a link or a form.
    Link,
    /// By a change of the search on the page: the visitor is still in it.
    Search,
    /// By back or forward, to where the page was scrolled.
    Back(f64),
}

/// Where the visitor is.
pub static PLACE: GlobalSignal<Place> = Signal::global(|| {
    let history = history();
    let y = history.as_ref().map(position).unwrap_or_default();
    if let Some(history) = &history {
        // The lists are drawn after the browser would scroll; so the app does it.
        let _ = history.set_scroll_restoration(ScrollRestoration::Manual);
    }
    Place {
        route: Route::parse(&address()),
        // After a reload there is a position; in a page that was just opened there is none.
        arrival: if y > 0.0 {
            Arrival::Back(y)
        } else {
            Arrival::Start
        },
        moves: 0,
    }
});

fn history() -> Option<History> {
    window().history().ok()
}

fn address() -> String {
    let location = window().location();
    let part = |part: Result<String, JsValue>| part.unwrap_or_default();
    format!("{}{}", part(location.pathname()), part(location.search()))
}

fn position(history: &History) -> f64 {
    history
        .state()
        .ok()
        .and_then(|state| state.as_f64())
        .unwrap_or_default()
}

fn remember_scroll(history: &History) {
    let y = JsValue::from_f64(page::scroll_position());
    let _ = history.replace_state(&y, "");
}

fn arrive(route: Route, arrival: Arrival) {
    let mut place = PLACE.write();
    place.route = route;
    place.arrival = arrival;
    place.moves += 1;
}

/// Goes to a page.
pub fn go(route: Route) {
    if let Some(history) = history() {
        remember_scroll(&history);
        let _ = history.push_state_with_url(&JsValue::NULL, "", Some(&route.to_string()));
    }
    arrive(route, Arrival::Link);
}

/// Goes to a page that takes the place of this one: back leads past it.
pub fn replace(route: Route) {
    rewrite(&route);
    arrive(route, Arrival::Link);
}

/// Changes what is searched for on this page. The back button skips single letters.
pub fn search(route: Route) {
    rewrite(&route);
    arrive(route, Arrival::Search);
}

fn rewrite(route: &Route) {
    if let Some(history) = history() {
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&route.to_string()));
    }
}

/// Back or forward was pressed: the address has already changed.
pub fn popped() {
    let y = history().as_ref().map(position).unwrap_or_default();
    arrive(Route::parse(&address()), Arrival::Back(y));
}
