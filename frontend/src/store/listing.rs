//! The list of what is for sale. It outlives its page, so that *back* finds it as it was.

use std::cell::{Cell, RefCell};

use api::Ticket;
use dioxus::prelude::*;
use state::{Listing, MOST, PAGE, Route, TicketFilter};

use super::live;
use super::reads::{self, Trouble};
use crate::browser::{history::Navigation, text::plain, time};
use crate::client::{self, Outcome};

thread_local! {
    /// The list as it is shown. Not state of its own: most events change nothing that is shown,
    /// and [`VERSION`] says when one does.
    static SHOWN: RefCell<Listing> = RefCell::new(Listing::default());
    /// The list that is on its way, to take the place of what is shown.
    static COMING: RefCell<Option<Listing>> = const { RefCell::new(None) };
    /// How often a refresh was due when what is shown was asked for.
    static AS_OF: Cell<u32> = const { Cell::new(0) };
    /// When a screen reader was told something last, and whether it is to be told more.
    static SAID_AT: Cell<f64> = const { Cell::new(f64::NEG_INFINITY) };
    static IS_TO_SAY: Cell<bool> = const { Cell::new(false) };
}

/// How many pages beyond what is shown are read to find all of it again.
const BEYOND: usize = 3;

/// How often a screen reader is told of what came up, in milliseconds.
const QUIET: f64 = 20_000.0;

/// Counts the changes of what is shown.
static VERSION: GlobalSignal<u32> = Signal::global(|| 0);

/// Why the list couldn't be read.
pub static TROUBLE: GlobalSignal<Trouble> = Signal::global(|| None);

/// The list that was looked at last, with its search: where "All tickets" leads back to.
pub static LAST_LIST: GlobalSignal<Route> = Signal::global(Route::home);

/// What a screen reader is told: what a search found, and from time to time what came up. Not each
/// change: on a busy market it would never stop.
pub static SAID: GlobalSignal<String> = Signal::global(String::new);

/// Looks at the list, and follows its changes.
pub fn look<T>(at: impl FnOnce(&Listing) -> T) -> T {
    VERSION.read();
    SHOWN.with_borrow(at)
}

fn redraw() {
    let navigation = consume_context::<Navigation>();
    navigation.set_rows(SHOWN.with_borrow(|shown| shown.entries().len()));
    *VERSION.write() += 1;
}

/// How many tickets there are, in words.
pub fn count_words(list: &Listing) -> String {
    match (list.count(), list.next().is_some()) {
        (0, false) => "No tickets".to_owned(),
        (1, false) => "1 ticket".to_owned(),
        (count, false) => format!("{count} tickets"),
        (count, true) => format!("The first {count} tickets"),
    }
}

/// How many came up, in words.
pub fn arrival_words(count: usize) -> String {
    if count == 1 {
        "1 new ticket".to_owned()
    } else {
        format!("{count} new tickets")
    }
}

fn say(words: String) {
    SAID_AT.set(time::now());
    if *SAID.peek() != words {
        *SAID.write() = words;
    }
}

/// Tells of what came up, but not too often.
fn say_arrivals() {
    let count = SHOWN.with_borrow(Listing::arrivals);
    if count == 0 || IS_TO_SAY.replace(true) {
        return;
    }
    let wait = (SAID_AT.get() + QUIET - time::now()).max(0.0);
    dioxus::core::spawn_forever(async move {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        time::sleep(wait as u32).await;
        IS_TO_SAY.set(false);
        let count = SHOWN.with_borrow(Listing::arrivals);
        if count > 0 {
            say(arrival_words(count));
        }
    });
}

fn shows(filter: &TicketFilter) -> bool {
    SHOWN.with_borrow(|shown| shown.is_loaded() && shown.filter == *filter)
}

/// Brings the list up to date, if it is this filter's; loads it otherwise, with so many rows.
pub async fn follow(filter: TicketFilter, rows: usize) {
    if !shows(&filter) {
        return load(filter, rows).await;
    }
    redraw();
    if AS_OF.get() != live::refreshes() {
        sync(filter).await;
    }
}

/// Loads the list for a filter from its beginning: the reader asked for it, and looks at nothing
/// else.
pub async fn load(filter: TicketFilter, rows: usize) {
    let as_of = live::refreshes();
    let mut coming = Listing::new(filter.clone());
    coming.expect_page();
    COMING.set(Some(coming));
    let late = |failure| {
        if !shows(&filter) {
            *TROUBLE.write() = Some(failure);
        }
    };
    let outcome = reads::patiently(|| pages(&filter, rows.max(PAGE), |_| true), late).await;
    // Another filter may be wanted by now.
    let coming = COMING.with_borrow_mut(|coming| coming.take_if(|coming| coming.filter == filter));
    match (coming, outcome) {
        (Some(mut coming), Ok((tickets, next))) => {
            coming.replace(tickets, next, plain);
            say(count_words(&coming));
            SHOWN.set(coming);
            AS_OF.set(as_of);
            redraw();
            if TROUBLE.peek().is_some() {
                *TROUBLE.write() = None;
            }
        }
        (Some(_), Err(failure)) => *TROUBLE.write() = Some(failure),
        (None, _) => {}
    }
}

/// Reads all of it anew that is shown, since something may have been missed. Nothing moves.
async fn sync(filter: TicketFilter) {
    let as_of = live::refreshes();
    let rows = SHOWN.with_borrow_mut(|shown| {
        shown.expect_page();
        shown.entries().len()
    });
    let is_enough = |read: &[Ticket]| {
        read.len() >= rows + BEYOND * MOST || SHOWN.with_borrow(|shown| shown.is_covered_by(read))
    };
    let read = reads::patiently(|| pages(&filter, rows.max(PAGE), &is_enough), |_| {});
    let outcome = read.await;
    let changed = SHOWN.with_borrow_mut(|shown| {
        let before = shown.clone();
        match outcome {
            Ok((tickets, next)) if shown.filter == filter => {
                shown.sync(tickets, next, plain);
                AS_OF.set(as_of);
            }
            _ => shown.give_up_page(),
        }
        *shown != before
    });
    if changed {
        redraw();
        say_arrivals();
    }
    // What became of them is asked, for as many as are seen at once.
    for id in SHOWN.with_borrow(Listing::gone) {
        if let Ok(ticket) = client::ticket(id).await {
            apply(&ticket);
        }
    }
}

/// Reads at least so many tickets, if there are as many, and until it is enough.
async fn pages(
    filter: &TicketFilter,
    rows: usize,
    is_enough: impl Fn(&[Ticket]) -> bool,
) -> Outcome<(Vec<Ticket>, Option<String>)> {
    let mut all: Vec<Ticket> = Vec::new();
    let mut next = None;
    loop {
        let limit = rows.saturating_sub(all.len()).clamp(PAGE, MOST);
        let page = client::tickets(filter, limit, next.as_deref()).await?;
        all.extend(page.tickets);
        next = page.next;
        if next.is_none() || all.len() >= rows && is_enough(&all) {
            return Ok((all, next));
        }
    }
}

/// Loads the page after the last one.
pub async fn load_more() -> Outcome<()> {
    let (filter, next) = SHOWN.with_borrow(|shown| {
        let next = shown.next().map(str::to_owned);
        (shown.filter.clone(), next)
    });
    let Some(next) = next else { return Ok(()) };
    SHOWN.with_borrow_mut(Listing::expect_page);
    let page = reads::patiently(|| client::tickets(&filter, PAGE, Some(&next)), |_| {}).await;
    SHOWN.with_borrow_mut(|shown| match page {
        Ok(page) if shown.filter == filter && shown.next() == Some(next.as_str()) => {
            shown.append(page.tickets, page.next, plain);
            Ok(())
        }
        Ok(_) => {
            shown.give_up_page();
            Ok(())
        }
        Err(failure) => {
            shown.give_up_page();
            Err(failure)
        }
    })?;
    redraw();
    Ok(())
}

/// A ticket changed.
pub fn apply(ticket: &Ticket) {
    COMING.with_borrow_mut(|coming| {
        if let Some(coming) = coming {
            coming.apply(ticket, plain);
        }
    });
    let arrivals = SHOWN.with_borrow(Listing::arrivals);
    if SHOWN.with_borrow_mut(|shown| shown.apply(ticket, plain)) {
        redraw();
        if SHOWN.with_borrow(Listing::arrivals) > arrivals {
            say_arrivals();
        }
    }
}
