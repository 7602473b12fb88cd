//! The list of what is for sale. It outlives its page, so that *back* finds it as it was.

use std::cell::RefCell;

use api::Ticket;
use dioxus::prelude::*;
use state::{Change, Listing, PAGE, TicketFilter};

use super::{live, reads};
use crate::browser::time;
use crate::client::{self, Failure, Outcome};

thread_local! {
    /// The list as it is shown. Not state of its own: most events change nothing that is shown,
    /// and [`VERSION`] says when one does.
    static SHOWN: RefCell<Listing> = RefCell::new(Listing::default());
    /// The list that is on its way, to take the place of what is shown.
    static COMING: RefCell<Option<Listing>> = const { RefCell::new(None) };
    /// How often a refresh was due when what is shown was asked for.
    static AS_OF: RefCell<u32> = const { RefCell::new(0) };
}

/// Counts the changes of what is shown.
static VERSION: GlobalSignal<u32> = Signal::global(|| 0);

/// Why the list couldn't be read.
pub static TROUBLE: GlobalSignal<Option<Failure>> = Signal::global(|| None);

/// Looks at the list, and follows its changes.
pub fn look<T>(at: impl FnOnce(&Listing) -> T) -> T {
    VERSION.read();
    SHOWN.with_borrow(at)
}

fn redraw() {
    *VERSION.write() += 1;
}

/// Whether what is shown is what this filter lists, with nothing missed since.
pub fn is_current(filter: &TicketFilter) -> bool {
    let as_of = AS_OF.with_borrow(|as_of| *as_of);
    SHOWN.with_borrow(|shown| shown.is_loaded() && shown.filter == *filter)
        && as_of == live::refreshes()
}

/// Loads the list for a filter, or all of it again that is shown.
pub async fn load(filter: TicketFilter) {
    let as_of = live::refreshes();
    let limit = SHOWN.with_borrow(|shown| {
        let again = shown.is_loaded() && shown.filter == filter;
        if again { shown.reload_limit() } else { PAGE }
    });
    let outcome = reads::patiently(|| {
        let mut coming = Listing::new(filter.clone());
        coming.expect_page();
        COMING.set(Some(coming));
        let filter = filter.clone();
        async move { client::tickets(&filter, limit, None).await }
    })
    .await;
    // Another filter may be wanted by now.
    let coming = COMING.with_borrow_mut(|coming| coming.take_if(|coming| coming.filter == filter));
    match (coming, outcome) {
        (Some(mut coming), Ok(page)) => {
            coming.replace(page.tickets, page.next);
            SHOWN.with_borrow(|shown| {
                if shown.filter == filter {
                    coming.inherit(shown);
                }
            });
            AS_OF.set(as_of);
            if SHOWN.with_borrow(|shown| *shown != coming) {
                SHOWN.set(coming);
                redraw();
            }
            if TROUBLE.peek().is_some() {
                *TROUBLE.write() = None;
            }
        }
        (Some(_), Err(failure)) => *TROUBLE.write() = Some(failure),
        (None, _) => {}
    }
}

/// Loads the page after the last one.
pub async fn load_more() -> Outcome<()> {
    let (filter, next) = SHOWN.with_borrow_mut(|shown| {
        shown.expect_page();
        (shown.filter.clone(), shown.next().map(str::to_owned))
    });
    let Some(next) = next else { return Ok(()) };
    let page = reads::patiently(|| client::tickets(&filter, PAGE, Some(&next))).await?;
    SHOWN.with_borrow_mut(|shown| {
        if shown.filter == filter && shown.next() == Some(next.as_str()) {
            shown.append(page.tickets, page.next);
        }
    });
    redraw();
    Ok(())
}

/// A ticket changed.
pub fn apply(ticket: &Ticket) {
    COMING.with_borrow_mut(|coming| {
        if let Some(coming) = coming {
            coming.apply(ticket, f64::NEG_INFINITY);
        }
    });
    match SHOWN.with_borrow_mut(|shown| shown.apply(ticket, time::now())) {
        Change::None => {}
        Change::Shown => redraw(),
        Change::Leaving(milliseconds) => {
            redraw();
            dioxus::core::spawn_forever(async move {
                time::sleep(milliseconds).await;
                redraw();
            });
        }
    }
}
