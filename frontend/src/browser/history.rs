//! Going from page to page: the address bar and the back button.
//!
//! [`Navigation`] is the history behind Dioxus's router. Dioxus's own history for the web restores
//! the scroll position before a list is drawn, does not know how many rows the list had, and loses
//! both when the app is loaded again.

use std::sync::Arc;

use dioxus::prelude::*;
use dioxus::router::NavigationTarget;
use dioxus_history::History;
use state::Route;
use wasm_bindgen::JsValue;
use web_sys::ScrollRestoration;

use super::{page, time, window};

/// How the visitor came to the page that is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Visit {
    /// How the visitor came.
    pub arrival: Arrival,
    /// Counts the moves.
    pub moves: u32,
    /// The page before it in the history, if the visitor came from there.
    from: Option<Route>,
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

/// Where the visitor is, and how to go elsewhere.
#[derive(Clone, Copy)]
pub struct Navigation {
    visit: Signal<Visit>,
    /// How many rows the page has now.
    rows: CopyValue<usize>,
    /// The page is being scrolled to where it was left, which must not be overwritten meanwhile.
    is_returning: CopyValue<bool>,
    /// Counts the times that the page was scrolled.
    scrolls: CopyValue<u32>,
    /// Tells the router that the address has changed.
    updater: CopyValue<Option<Updater>>,
}

type Updater = Arc<dyn Fn() + Send + Sync>;

/// How often scrolling back is tried, a twentieth of a second apart.
const RETURN_TRIES: u32 = 200;

/// How long the scrolling has to rest before its place is stored, in milliseconds.
const RESTING: u32 = 200;

/// Returns the app's navigation.
pub fn use_navigation() -> Navigation {
    use_context()
}

/// Returns the page that is shown, and follows it.
pub fn current_route() -> Route {
    Route::parse(&router().full_route_string())
}

/// Goes to a page. The page that is shown already gets no new entry.
pub fn go(route: &Route) {
    navigator().push(NavigationTarget::Internal(route.to_string()));
}

/// Goes to a page that takes the place of this one: back leads past it.
pub fn replace(route: &Route) {
    navigator().replace(NavigationTarget::Internal(route.to_string()));
}

impl Navigation {
    /// Begins at the address that the app was opened with.
    pub fn new() -> Self {
        if let Some(history) = browser_history() {
            // The lists are drawn after the browser would scroll, so the app does it.
            let _ = history.set_scroll_restoration(ScrollRestoration::Manual);
        }
        let spot = left_at();
        Self {
            visit: Signal::new(Visit {
                // After a reload there is a position; in a page that was just opened there is none.
                arrival: if spot.y > 0 {
                    Arrival::Back(spot)
                } else {
                    Arrival::Start
                },
                moves: 0,
                from: None,
            }),
            rows: CopyValue::new(0),
            is_returning: CopyValue::new(false),
            scrolls: CopyValue::new(0),
            updater: CopyValue::new(None),
        }
    }

    /// Returns how the visitor came to it, and follows that.
    pub fn visit(self) -> Visit {
        self.visit.cloned()
    }

    /// Counts the moves so far, without following them.
    pub fn moves(self) -> u32 {
        self.visit.peek().moves
    }

    /// Stores where the page is scrolled, for coming back to it or loading it again.
    pub fn remember(self) {
        if *self.is_returning.peek() {
            return;
        }
        if let Some(history) = browser_history() {
            let spot = format!("{} {}", page::scroll_position(), self.rows.peek());
            let _ = history.replace_state(&JsValue::from_str(&spot), "");
        }
    }

    /// Stores it once the scrolling rests: browsers allow only so many changes of the history.
    pub fn remember_later(mut self) {
        *self.scrolls.write() += 1;
        let (scrolls, moves) = (*self.scrolls.peek(), self.moves());
        dioxus::core::spawn_forever(async move {
            time::sleep(RESTING).await;
            if *self.scrolls.peek() == scrolls && self.moves() == moves {
                self.remember();
            }
        });
    }

    /// Takes note of how many rows the page has.
    pub fn set_rows(mut self, rows: usize) {
        self.rows.set(rows);
    }

    /// Returns how many rows the page had when the visitor left it, after coming back to it.
    pub fn rows_before(self) -> usize {
        match self.visit.peek().arrival {
            Arrival::Back(spot) => spot.rows,
            _ => 0,
        }
    }

    /// Scrolls back to where a page was left, as soon as there is enough of it: lists come later
    /// than their pages. A visitor who scrolls in the meantime is left alone.
    pub async fn return_to(mut self, spot: Spot) {
        let moves = self.moves();
        self.is_returning.set(true);
        let mut last = page::scroll_position();
        for _ in 0..RETURN_TRIES {
            if self.moves() != moves {
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
        self.is_returning.set(false);
    }

    /// Goes back to a page if it is the one before this, and else forward to it.
    pub fn go_back_to(self, route: &Route) {
        if self.visit.peek().from.as_ref() == Some(route) {
            self.go_back();
        } else {
            go(route);
        }
    }

    /// Changes what is searched for on this page. If `anew`, back leads to the search before it;
    /// while something is typed, back skips the single letters.
    pub fn search(mut self, route: &Route, anew: bool) {
        if anew {
            go(route);
        } else {
            replace(route);
        }
        self.visit.write().arrival = Arrival::Search;
    }

    /// Follows the browser to an entry that it has already gone to.
    pub fn popped(self) {
        self.arrive(Arrival::Back(left_at()), None);
        if let Some(update) = &*self.updater.peek() {
            update();
        }
    }

    fn arrive(mut self, arrival: Arrival, from: Option<Route>) {
        self.is_returning.set(false);
        self.rows.set(0);
        let mut visit = self.visit.write();
        visit.arrival = arrival;
        visit.moves += 1;
        visit.from = from;
    }
}

impl History for Navigation {
    fn current_route(&self) -> String {
        // As the router writes it: otherwise the router would replace the entry, with what is stored.
        here().to_string()
    }

    fn go_back(&self) {
        let _ = browser_history().map(|history| history.back());
    }

    fn go_forward(&self) {
        let _ = browser_history().map(|history| history.forward());
    }

    fn push(&self, address: String) {
        let here = here();
        if here.to_string() == address {
            let from = self.visit.peek().from.clone();
            return self.arrive(Arrival::Link, from);
        }
        self.remember();
        if let Some(history) = browser_history() {
            let _ = history.push_state_with_url(&JsValue::NULL, "", Some(&address));
        }
        self.arrive(Arrival::Link, Some(here));
    }

    fn replace(&self, address: String) {
        if let Some(history) = browser_history() {
            let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&address));
        }
        let from = self.visit.peek().from.clone();
        // What was left out isn't before itself.
        self.arrive(
            Arrival::Link,
            from.filter(|from| from.to_string() != address),
        );
    }

    fn updater(&self, callback: Updater) {
        let mut updater = self.updater;
        updater.set(Some(callback));
    }
}

fn browser_history() -> Option<web_sys::History> {
    window().history().ok()
}

fn here() -> Route {
    let location = window().location();
    let part = |part: Result<String, JsValue>| part.unwrap_or_default();
    let (path, query) = (part(location.pathname()), part(location.search()));
    Route::parse(&format!("{path}{query}"))
}

/// Returns where the entry that is shown was left.
fn left_at() -> Spot {
    let state = browser_history().and_then(|history| history.state().ok());
    let stored = state.and_then(|state| state.as_string());
    let read = stored.as_deref().and_then(|stored| {
        let (y, rows) = stored.split_once(' ')?;
        Some(Spot {
            y: y.parse().ok()?,
            rows: rows.parse().ok()?,
        })
    });
    read.unwrap_or_default()
}
