//! The list of what is for sale. It outlives its page, so that *back* finds it as it was.

use api::Ticket;
use dioxus::prelude::*;
use state::{MOST, PAGE, Route, TicketFilter, TicketPages};

use super::reads::retry_until_online;
use super::requests::Api;
use crate::browser::{history::Navigation, text::plain, time};
use crate::client::{self, ApiResult, Failure};

/// How many pages beyond what is shown are read to find all of it again.
const BEYOND: usize = 3;

/// How often a screen reader announces new tickets, in milliseconds.
const QUIET: f64 = 20_000.0;

/// The list of what is for sale.
#[derive(Clone, Copy)]
pub struct TicketList {
    state: CopyValue<State>,
    /// Counts the changes of what is shown.
    version: Signal<u32>,
    failure: Signal<Option<Failure>>,
    last: Signal<Route>,
    announcement: Signal<String>,
    api: Api,
    navigation: Navigation,
}

/// What is no signal: most events change nothing that is shown.
#[derive(Default)]
struct State {
    /// The list as it is shown.
    shown: TicketPages,
    /// The list that is on its way, to take the place of what is shown.
    coming: Option<TicketPages>,
    /// How often a refresh was requested when what is shown was asked for.
    as_of: u32,
    announced_at: Option<f64>,
    is_to_announce: bool,
}

/// Returns how many tickets there are, in words.
pub fn count_words(list: &TicketPages) -> String {
    match (list.count(), list.next().is_some()) {
        (0, false) => "No tickets".to_owned(),
        (1, false) => "1 ticket".to_owned(),
        (count, false) => format!("{count} tickets"),
        (count, true) => format!("The first {count} tickets"),
    }
}

/// Returns how many are new, in words.
pub fn arrival_words(count: usize) -> String {
    if count == 1 {
        "1 new ticket".to_owned()
    } else {
        format!("{count} new tickets")
    }
}

impl TicketList {
    /// Not read yet.
    pub fn new(api: Api, navigation: Navigation) -> Self {
        Self {
            state: CopyValue::new(State::default()),
            version: Signal::new(0),
            failure: Signal::new(None),
            last: Signal::new(Route::home()),
            announcement: Signal::new(String::new()),
            api,
            navigation,
        }
    }

    /// Calls a function with the list, and follows its changes.
    pub fn read<T>(self, look: impl FnOnce(&TicketPages) -> T) -> T {
        self.version.read();
        look(&self.state.peek().shown)
    }

    /// Returns why the list couldn't be read, and follows that.
    pub fn failure(self) -> Option<Failure> {
        self.failure.cloned()
    }

    /// Returns the list that was shown last, with its search, and follows it: "All tickets" leads
    /// back to it.
    pub fn last(self) -> Route {
        self.last.cloned()
    }

    /// This is the list that is shown.
    pub fn set_last(mut self, filter: TicketFilter) {
        self.last.set(Route::Tickets(filter));
    }

    /// Returns what a screen reader announces, and follows it: what a search found, and from time
    /// to time how many tickets are new. Not each change, or on a busy market it would never stop.
    pub fn announcement(self) -> String {
        self.announcement.cloned()
    }

    fn redraw(mut self) {
        let rows = self.state.peek().shown.entries().len();
        self.navigation.set_rows(rows);
        *self.version.write() += 1;
    }

    fn announce(mut self, words: String) {
        self.state.write().announced_at = Some(time::now());
        if *self.announcement.peek() != words {
            self.announcement.set(words);
        }
    }

    /// Announces how many are new, but not too often.
    fn announce_arrivals(mut self) {
        if self.arrivals() == 0 || self.state.peek().is_to_announce {
            return;
        }
        self.state.write().is_to_announce = true;
        let before = self.state.peek().announced_at;
        let wait = before.map_or(0.0, |before| (before + QUIET - time::now()).max(0.0));
        dioxus::core::spawn_forever(async move {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            time::sleep(wait as u32).await;
            self.state.write().is_to_announce = false;
            let count = self.arrivals();
            if count > 0 {
                self.announce(arrival_words(count));
            }
        });
    }

    fn arrivals(self) -> usize {
        self.state.peek().shown.arrivals()
    }

    fn shows(self, filter: &TicketFilter) -> bool {
        let shown = &self.state.peek().shown;
        shown.is_loaded() && shown.filter == *filter
    }

    /// Brings the list up to date, if it is this filter's; loads it otherwise, with so many rows.
    pub async fn follow(self, filter: TicketFilter, rows: usize) {
        if !self.shows(&filter) {
            return self.load(filter, rows).await;
        }
        self.redraw();
        if self.state.peek().as_of != self.api.refresh.count() {
            self.sync(filter).await;
        }
    }

    /// Loads the list for a filter from its beginning, because the reader asked for it.
    pub async fn load(mut self, filter: TicketFilter, rows: usize) {
        let as_of = self.api.refresh.count();
        let mut coming = TicketPages::new(filter.clone());
        coming.expect_page();
        self.state.write().coming = Some(coming);
        let mut failure = self.failure;
        let late = |why| {
            if !self.shows(&filter) {
                failure.set(Some(why));
            }
        };
        let read = || self.pages(&filter, rows.max(PAGE), |_| true);
        let outcome = retry_until_online(self.api, read, late).await;
        // Another filter may be wanted by now.
        let coming = self
            .state
            .write()
            .coming
            .take_if(|coming| coming.filter == filter);
        let Some(mut coming) = coming else { return };
        match outcome {
            Ok((tickets, next)) => {
                coming.replace(tickets, next, plain);
                self.announce(count_words(&coming));
                {
                    let mut state = self.state.write();
                    state.shown = coming;
                    state.as_of = as_of;
                }
                self.redraw();
                if self.failure.peek().is_some() {
                    self.failure.set(None);
                }
            }
            Err(why) => self.failure.set(Some(why)),
        }
    }

    /// Reads all of it anew that is shown, since something may have been missed. Nothing moves.
    async fn sync(mut self, filter: TicketFilter) {
        let as_of = self.api.refresh.count();
        self.state.write().shown.expect_page();
        let rows = self.state.peek().shown.entries().len();
        let is_enough = |read: &[Ticket]| {
            read.len() >= rows + BEYOND * MOST || self.state.peek().shown.is_covered_by(read)
        };
        let read = || self.pages(&filter, rows.max(PAGE), &is_enough);
        let outcome = retry_until_online(self.api, read, |_| {}).await;
        let is_changed = {
            let state = &mut *self.state.write();
            let before = state.shown.clone();
            match outcome {
                Ok((tickets, next)) if before.filter == filter => {
                    state.shown.sync(tickets, next, plain);
                    state.as_of = as_of;
                }
                _ => state.shown.give_up_page(),
            }
            state.shown != before
        };
        if is_changed {
            self.redraw();
            self.announce_arrivals();
        }
        // What became of those that are gone is asked, for as many as are seen at once.
        let gone = self.state.peek().shown.gone();
        for id in gone {
            if let Ok(ticket) = self.api.call(client::ticket(id)).await {
                self.apply(&ticket);
            }
        }
    }

    /// Reads at least so many tickets, if there are as many, and until it is enough.
    async fn pages(
        self,
        filter: &TicketFilter,
        rows: usize,
        is_enough: impl Fn(&[Ticket]) -> bool,
    ) -> ApiResult<(Vec<Ticket>, Option<String>)> {
        let mut all: Vec<Ticket> = Vec::new();
        let mut next = None;
        loop {
            let limit = rows.saturating_sub(all.len()).clamp(PAGE, MOST);
            let request = client::tickets(filter, limit, next.as_deref());
            let page = self.api.call(request).await?;
            all.extend(page.content);
            next = page.next;
            if next.is_none() || all.len() >= rows && is_enough(&all) {
                return Ok((all, next));
            }
        }
    }

    /// Loads the page after the last one.
    pub async fn load_more(mut self) -> ApiResult<()> {
        let filter = self.state.peek().shown.filter.clone();
        let next = self.state.peek().shown.next().map(str::to_owned);
        let Some(next) = next else { return Ok(()) };
        self.state.write().shown.expect_page();
        let read = || self.api.call(client::tickets(&filter, PAGE, Some(&next)));
        let page = retry_until_online(self.api, read, |_| {}).await;
        {
            let shown = &mut self.state.write().shown;
            match page {
                Ok(page) if shown.filter == filter && shown.next() == Some(next.as_str()) => {
                    shown.append(page.content, page.next, plain);
                }
                other => {
                    shown.give_up_page();
                    other?;
                }
            }
        }
        self.redraw();
        Ok(())
    }

    /// A ticket changed.
    pub fn apply(mut self, ticket: &Ticket) {
        if let Some(coming) = &mut self.state.write().coming {
            coming.apply(ticket, plain);
        }
        let arrivals = self.arrivals();
        let is_changed = self.state.write().shown.apply(ticket, plain);
        if is_changed {
            self.redraw();
            if self.arrivals() > arrivals {
                self.announce_arrivals();
            }
        }
    }
}
