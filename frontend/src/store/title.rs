//! What the browser's tab shows.

use dioxus::prelude::*;

use crate::browser::page;

/// The page's name, and the time that runs before it.
#[derive(Clone, Copy)]
pub struct TitleStore {
    /// The page's name.
    pub name: Signal<String>,
    /// The time left of something, which is seen from another tab, too.
    pub time_left: Signal<Option<String>>,
}

impl TitleStore {
    /// A page without a name.
    pub fn new() -> Self {
        Self {
            name: Signal::new(String::new()),
            time_left: Signal::new(None),
        }
    }

    /// Writes it into the tab, and follows it.
    pub fn show(self) {
        let name = self.name.read();
        match &*self.time_left.read() {
            Some(time) => page::set_title(&format!("{time} · {name}")),
            None => page::set_title(&name),
        }
    }
}
