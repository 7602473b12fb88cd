//! The list of what is for sale, as it changes under the reader's eyes.

use api::{Ticket, TicketStatus};
use uuid::Uuid;

use crate::TicketFilter;

/// How many tickets are asked for at once.
pub const PAGE: usize = 24;

/// The most that the server gives at once.
const MOST: usize = 200;

/// How long a ticket that was taken stays in sight before it leaves, in milliseconds: long enough
/// to see what happened, short enough not to be in the way.
const FAREWELL: f64 = 2_400.0;

/// The list for one filter: pages that were loaded, and everything that happened since.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// What it lists.
    pub filter: TicketFilter,
    entries: Vec<Entry>,
    /// Tickets that came up since and would be listed; not put in, since that would move what
    /// the visitor is reading.
    arrivals: Vec<Uuid>,
    next: Option<String>,
    loaded: bool,
    /// What happened while a page was under way: the page may not know of it.
    since: Option<Vec<Ticket>>,
}

/// One ticket of the list.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The ticket as it is now.
    pub ticket: Ticket,
    /// When it was taken, in local milliseconds; none while it is for sale.
    taken_at: Option<f64>,
}

impl Entry {
    /// Whether it was taken under the reader's eyes.
    pub const fn is_taken(&self) -> bool {
        self.taken_at.is_some()
    }
}

/// What a live event means for the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing to show.
    None,
    /// Something to show now.
    Shown,
    /// Something to show now, and again after so many milliseconds.
    Leaving(u32),
}

impl Listing {
    /// An empty list for a filter, nothing loaded yet.
    pub fn new(filter: TicketFilter) -> Self {
        Self {
            filter,
            ..Self::default()
        }
    }

    /// Whether the first page has come.
    pub const fn is_loaded(&self) -> bool {
        self.loaded
    }

    /// What to show at a local time.
    pub fn shown(&self, now: f64) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(move |entry| entry.taken_at.is_none_or(|taken| now < taken + FAREWELL))
    }

    /// How many tickets came up since the list was loaded.
    pub const fn arrivals(&self) -> usize {
        self.arrivals.len()
    }

    /// The cursor of the page that follows what is loaded.
    pub fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }

    /// How many to ask for, to load all again that is loaded now.
    pub fn reload_limit(&self) -> usize {
        self.entries.len().clamp(PAGE, MOST)
    }

    /// A page is asked for.
    pub fn expect_page(&mut self) {
        self.since = Some(Vec::new());
    }

    /// The first page came, or all of it again: it replaces what is here.
    pub fn replace(&mut self, page: Vec<Ticket>, next: Option<String>) {
        self.entries.clear();
        self.arrivals.clear();
        self.loaded = true;
        self.append(page, next);
    }

    /// Takes over the places of what was taken from a list that this one replaces: so that it says
    /// its farewell in peace, and comes back to where it was.
    pub fn inherit(&mut self, before: &Self) {
        let mut place = 0;
        for old in &before.entries {
            let found = self
                .entries
                .iter()
                .position(|entry| entry.ticket.id == old.ticket.id);
            match found {
                Some(at) => place = at + 1,
                None if old.is_taken() => {
                    self.entries.insert(place, old.clone());
                    place += 1;
                }
                None => {}
            }
        }
    }

    /// The page after the last one came.
    pub fn append(&mut self, page: Vec<Ticket>, next: Option<String>) {
        for ticket in page {
            // A ticket can move from page to page while the pages are read.
            if !self
                .entries
                .iter()
                .any(|entry| entry.ticket.id == ticket.id)
            {
                self.arrivals.retain(|id| *id != ticket.id);
                self.entries.push(Entry {
                    ticket,
                    taken_at: None,
                });
            }
        }
        self.next = next;
        for ticket in self.since.take().unwrap_or_default() {
            // So long ago that no farewell is due.
            self.change(&ticket, f64::NEG_INFINITY);
        }
    }

    /// A ticket changed.
    pub fn apply(&mut self, ticket: &Ticket, now: f64) -> Change {
        if let Some(since) = &mut self.since {
            since.push(ticket.clone());
        }
        self.change(ticket, now)
    }

    fn change(&mut self, ticket: &Ticket, now: f64) -> Change {
        let open = ticket.status == TicketStatus::Open;
        let listed = self
            .entries
            .iter_mut()
            .find(|entry| entry.ticket.id == ticket.id);
        let Some(entry) = listed else {
            return self.arrive(ticket, open);
        };
        if ticket.version < entry.ticket.version || ticket == &entry.ticket {
            return Change::None;
        }
        entry.ticket = ticket.clone();
        match (open, entry.taken_at) {
            // It came back: to where it was.
            (true, _) => entry.taken_at = None,
            (false, None) => {
                entry.taken_at = Some(now);
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                return Change::Leaving(FAREWELL as u32 + 1);
            }
            (false, Some(_)) => return Change::None,
        }
        Change::Shown
    }

    fn arrive(&mut self, ticket: &Ticket, open: bool) -> Change {
        let known = self.arrivals.iter().position(|id| *id == ticket.id);
        match (known, open && self.loaded && self.filter.matches(ticket)) {
            (None, true) => self.arrivals.push(ticket.id),
            (Some(at), false) => drop(self.arrivals.remove(at)),
            _ => return Change::None,
        }
        Change::Shown
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use api::Amount;

    pub(crate) fn ticket(id: u128, title: &str, cents: i64) -> Ticket {
        Ticket {
            id: Uuid::from_u128(id),
            title: title.into(),
            price: Amount::from_cents(cents),
            user_id: Uuid::from_u128(1),
            version: 0,
            order_id: None,
            status: TicketStatus::Open,
        }
    }

    fn changed(of: &Ticket, status: TicketStatus) -> Ticket {
        Ticket {
            version: of.version + 1,
            status,
            ..of.clone()
        }
    }

    fn loaded(tickets: &[Ticket]) -> Listing {
        let mut listing = Listing::default();
        listing.expect_page();
        listing.replace(tickets.to_vec(), None);
        listing
    }

    fn ids(listing: &Listing, now: f64) -> Vec<u128> {
        listing
            .shown(now)
            .map(|entry| entry.ticket.id.as_u128())
            .collect()
    }

    #[test]
    fn a_ticket_that_is_taken_says_so_and_then_leaves() {
        let (a, b) = (ticket(1, "a", 100), ticket(2, "b", 100));
        let mut listing = loaded(&[a.clone(), b]);
        let change = listing.apply(&changed(&a, TicketStatus::Reserved), 1_000.0);
        assert_eq!(change, Change::Leaving(2_401));
        assert_eq!(ids(&listing, 1_000.0), [1, 2]);
        assert!(listing.shown(1_000.0).next().unwrap().is_taken());
        assert_eq!(ids(&listing, 3_401.0), [2]);
    }

    #[test]
    fn a_ticket_that_comes_back_is_where_it_was() {
        let (a, b) = (ticket(1, "a", 100), ticket(2, "b", 100));
        let mut listing = loaded(&[a.clone(), b]);
        let held = changed(&a, TicketStatus::Reserved);
        listing.apply(&held, 0.0);
        assert_eq!(
            listing.apply(&changed(&held, TicketStatus::Open), 9_000.0),
            Change::Shown
        );
        assert_eq!(ids(&listing, 9_000.0), [1, 2]);
        assert_eq!(listing.arrivals(), 0);
    }

    #[test]
    fn an_old_or_repeated_event_changes_nothing() {
        let a = ticket(1, "a", 100);
        let dearer = Ticket {
            price: Amount::from_cents(200),
            ..changed(&a, TicketStatus::Open)
        };
        let mut listing = loaded(std::slice::from_ref(&a));
        assert_eq!(listing.apply(&dearer, 0.0), Change::Shown);
        assert_eq!(listing.apply(&dearer, 0.0), Change::None);
        assert_eq!(listing.apply(&a, 0.0), Change::None);
        assert_eq!(listing.shown(0.0).next().unwrap().ticket.price.cents, 200);
    }

    #[test]
    fn new_tickets_are_counted_and_not_pushed_in() {
        let mut listing = loaded(&[ticket(1, "a", 100)]);
        listing.filter.q = "jazz".into();
        let jazz = ticket(2, "Jazz", 100);
        assert_eq!(listing.apply(&jazz, 0.0), Change::Shown);
        assert_eq!(listing.apply(&ticket(3, "Rock", 100), 0.0), Change::None);
        assert_eq!((listing.arrivals(), ids(&listing, 0.0)), (1, vec![1]));
        listing.apply(&changed(&jazz, TicketStatus::Sold), 0.0);
        assert_eq!(listing.arrivals(), 0);
    }

    #[test]
    fn what_happens_while_a_page_is_under_way_is_not_lost() {
        let a = ticket(1, "a", 100);
        let mut listing = Listing::default();
        listing.expect_page();
        listing.apply(&changed(&a, TicketStatus::Sold), 0.0);
        listing.replace(vec![a, ticket(2, "b", 100)], None);
        assert_eq!(ids(&listing, 0.0), [2]);
    }

    #[test]
    fn a_reload_keeps_the_places_of_what_was_taken() {
        let (a, b, c) = (
            ticket(1, "a", 100),
            ticket(2, "b", 100),
            ticket(3, "c", 100),
        );
        let mut before = loaded(&[a.clone(), b.clone(), c.clone()]);
        let held = changed(&b, TicketStatus::Reserved);
        before.apply(&held, 0.0);
        let mut after = loaded(&[ticket(4, "d", 100), a, c]);
        after.inherit(&before);
        assert_eq!(ids(&after, 0.0), [4, 1, 2, 3]);
        assert_eq!(ids(&after, 9_000.0), [4, 1, 3]);
        after.apply(&changed(&held, TicketStatus::Open), 9_000.0);
        assert_eq!(ids(&after, 9_000.0), [4, 1, 2, 3]);
    }

    #[test]
    fn pages_that_overlap_show_each_ticket_once() {
        let mut listing = loaded(&[ticket(1, "a", 100), ticket(2, "b", 100)]);
        listing.append(
            vec![ticket(2, "b", 100), ticket(3, "c", 100)],
            Some("x".into()),
        );
        assert_eq!(ids(&listing, 0.0), [1, 2, 3]);
        assert_eq!(listing.next(), Some("x"));
    }
}
