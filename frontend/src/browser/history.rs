//! Going from page to page: the address bar and the back button.

use std::cell::Cell;

use dioxus::prelude::*;
use state::Route;
use wasm_bindgen::JsValue;
use web_sys::{History, ScrollRestoration};

use super::{page, time, window};

/// Where the visitor is, and how the visitor came here.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// The page.
    pub route: Route,
    /// How the visitor came.
    pub arrival: Arrival,
    /// Counts the moves.
    pub moves: u32,
    /// The page before it in the history, if the visitor came from there.
    pub from: Option<Route>,
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
    /// By back, forward or a reload, to where the page was left.
    Back(Spot),
}

/// Where a page was left.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spot {
    /// How far it was scrolled.
    pub y: i32,
    /// How many rows of its list were there: as many are needed to scroll as far again.
    pub rows: usize,
}

thread_local! {
    /// How many rows the page has now.
    static ROWS: Cell<usize> = const { Cell::new(0) };
    /// Where the page is being scrolled to, which would be forgotten if where it is was kept.
    static RETURNING: Cell<bool> = const { Cell::new(false) };
}

/// Where the visitor is.
pub static PLACE: GlobalSignal<Place> = Signal::global(|| {
    let history = history();
    let spot = history.as_ref().map(position).unwrap_or_default();
    if let Some(history) = &history {
        // The lists are drawn after the browser would scroll; so the app does it.
        let _ = history.set_scroll_restoration(ScrollRestoration::Manual);
    }
    Place {
        route: Route::parse(&address()),
        // After a reload there is a position; in a page that was just opened there is none.
        arrival: if spot.y > 0 {
            Arrival::Back(spot)
        } else {
            Arrival::Start
        },
        moves: 0,
        from: None,
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

fn position(history: &History) -> Spot {
    let kept = history.state().ok().and_then(|state| state.as_string());
    let read = kept.as_deref().and_then(|kept| {
        let (y, rows) = kept.split_once(' ')?;
        Some(Spot {
            y: y.parse().ok()?,
            rows: rows.parse().ok()?,
        })
    });
    read.unwrap_or_default()
}

/// Keeps where the page is scrolled, for whoever comes back to it or loads it again.
pub fn remember() {
    if RETURNING.get() {
        return;
    }
    if let Some(history) = history() {
        let spot = format!("{} {}", page::scroll_position(), ROWS.get());
        let _ = history.replace_state(&JsValue::from_str(&spot), "");
    }
}

/// Says how many rows the page has.
pub fn set_rows(rows: usize) {
    ROWS.set(rows);
}

/// How many rows the page had when it was left, for whoever came back to it.
pub fn rows_before() -> usize {
    match PLACE.peek().arrival {
        Arrival::Back(spot) => spot.rows,
        _ => 0,
    }
}

/// Goes back to where a page was left, as soon as there is enough of it: lists come later than
/// their pages. Whoever scrolls meanwhile is left alone.
pub async fn return_to(spot: Spot) {
    let moves = PLACE.peek().moves;
    RETURNING.set(true);
    let mut last = page::scroll_position();
    for _ in 0..RETURNING_FOR {
        if PLACE.peek().moves != moves {
            return;
        }
        // A page that became shorter has moved by itself; one that the visitor moved is further.
        if page::scroll_position() > last + 1 {
            break;
        }
        let limit = page::scroll_limit();
        page::scroll_to(spot.y.min(limit.max(0)));
        last = page::scroll_position();
        if limit >= spot.y {
            break;
        }
        time::sleep(50).await;
    }
    RETURNING.set(false);
}

/// How often it is tried, a twentieth of a second apart.
const RETURNING_FOR: u32 = 200;

fn arrive(route: Route, arrival: Arrival, from: Option<Route>) {
    RETURNING.set(false);
    ROWS.set(0);
    let mut place = PLACE.write();
    place.route = route;
    place.arrival = arrival;
    place.moves += 1;
    place.from = from;
}

/// Goes to a page. The page that one is on already is no new one.
pub fn go(route: Route) {
    let here = PLACE.peek().route.clone();
    if here == route {
        arrive(route, Arrival::Link, PLACE.peek().from.clone());
        return;
    }
    push(&route);
    arrive(route, Arrival::Link, Some(here));
}

/// Goes back to a page, if it is the one before this, and else there as by a link.
pub fn go_back_to(route: Route) {
    let is_before = PLACE.peek().from.as_ref() == Some(&route);
    match history().filter(|_| is_before) {
        Some(history) => drop(history.back()),
        None => go(route),
    }
}

/// Goes to a page that takes the place of this one: back leads past it.
pub fn replace(route: Route) {
    rewrite(&route);
    let from = PLACE.peek().from.clone();
    // What was left out isn't before itself.
    let from = from.filter(|from| *from != route);
    arrive(route, Arrival::Link, from);
}

/// Changes what is searched for on this page; `anew` if back should lead to the search before.
/// While something is typed, back skips the single letters.
pub fn search(route: Route, anew: bool) {
    if anew {
        push(&route);
    } else {
        rewrite(&route);
    }
    let from = PLACE.peek().from.clone().filter(|_| !anew);
    arrive(route, Arrival::Search, from);
}

fn push(route: &Route) {
    remember();
    if let Some(history) = history() {
        let _ = history.push_state_with_url(&JsValue::NULL, "", Some(&route.to_string()));
    }
}

fn rewrite(route: &Route) {
    if let Some(history) = history() {
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&route.to_string()));
    }
}

/// Back or forward was pressed: the address has already changed.
pub fn popped() {
    let spot = history().as_ref().map(position).unwrap_or_default();
    arrive(Route::parse(&address()), Arrival::Back(spot), None);
}
