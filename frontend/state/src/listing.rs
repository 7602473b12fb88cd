//! The list of what is for sale, as it changes under the reader's eyes.
//!
//! Nothing of it moves by itself. A ticket that is taken keeps its place and says so, one that no
//! longer fits the search stays and says so, and new ones are counted: until the reader moves on
//! (by a reload, another search, or "Show new"), whatever is under the pointer stays there.

use api::{Amount, Ticket, TicketStatus};
use uuid::Uuid;

use crate::{Plain, TicketFilter};

/// How many tickets are asked for at once.
pub const PAGE: usize = 24;

/// The most that the server gives at once.
pub const MOST: usize = 200;

/// The list for one filter: pages that were loaded, and everything that happened since.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TicketPages {
    /// What it lists.
    pub filter: TicketFilter,
    entries: Vec<ListedTicket>,
    /// Tickets that came up since and would be listed; not put in, since that would move what
    /// the visitor is reading.
    arrivals: Vec<Uuid>,
    next: Option<String>,
    loaded: bool,
    /// How many pages are under way, and what happened meanwhile: they may not know of it.
    under_way: usize,
    since: Vec<Ticket>,
}

/// One ticket of the list.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedTicket {
    /// The ticket as it is now.
    pub ticket: Ticket,
    /// Why it is no longer what the list is for; none while it is.
    pub mark: Option<Mark>,
    /// Its price when it got its place.
    listed_at: Amount,
}

/// Why a ticket is still here, and no longer what the list is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Somebody holds it.
    Taken,
    /// Somebody bought it.
    Sold,
    /// Its seller took it back.
    Withdrawn,
    /// It is for sale, and was changed into what this search doesn't look for.
    Misfit,
    /// The server no longer lists it; why isn't known.
    Gone,
}

impl ListedTicket {
    fn new(ticket: Ticket) -> Self {
        Self {
            listed_at: ticket.price,
            ticket,
            mark: None,
        }
    }

    /// The price that it got its place by, if it is another one now.
    pub fn price_before(&self) -> Option<Amount> {
        Some(self.listed_at).filter(|before| *before != self.ticket.price)
    }
}

impl TicketPages {
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

    /// What to show.
    pub fn entries(&self) -> &[ListedTicket] {
        &self.entries
    }

    /// How many of them are what the list is for.
    pub fn count(&self) -> usize {
        let whole = self.entries.iter().filter(|entry| entry.mark.is_none());
        whole.count()
    }

    /// The first of those of which isn't known why they are no longer listed.
    pub fn gone(&self) -> Vec<Uuid> {
        let gone = self.entries.iter();
        gone.filter(|entry| entry.mark == Some(Mark::Gone))
            .map(|entry| entry.ticket.id)
            .take(PAGE)
            .collect()
    }

    /// How many tickets came up since the list was loaded.
    pub const fn arrivals(&self) -> usize {
        self.arrivals.len()
    }

    /// The cursor of the page that follows what is loaded.
    pub fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }

    /// A page is asked for.
    pub const fn expect_page(&mut self) {
        self.under_way += 1;
    }

    /// The page that was asked for won't come.
    pub fn give_up_page(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
        if self.under_way == 0 {
            self.since.clear();
        }
    }

    /// The first page came, or all of it anew: it replaces what is here.
    pub fn replace(&mut self, page: Vec<Ticket>, next: Option<String>, plain: Plain) {
        self.entries.clear();
        self.arrivals.clear();
        self.loaded = true;
        self.append(page, next, plain);
    }

    /// The page after the last one came.
    pub fn append(&mut self, page: Vec<Ticket>, next: Option<String>, plain: Plain) {
        for ticket in page {
            // A ticket can move from page to page while the pages are read.
            if !self.knows(ticket.id) {
                self.arrivals.retain(|id| *id != ticket.id);
                self.entries.push(ListedTicket::new(ticket));
            }
        }
        self.next = next;
        self.catch_up(plain);
    }

    /// Whether the list as it was read anew reaches as far as what is here.
    pub fn is_covered_by(&self, read: &[Ticket]) -> bool {
        let mut whole = self.entries.iter().filter(|entry| entry.mark.is_none());
        let last = whole.next_back();
        last.is_none_or(|last| read.iter().any(|ticket| ticket.id == last.ticket.id))
    }

    /// The list was read anew, since something may have been missed: what is here keeps its place.
    ///
    /// What isn't listed any more is marked, what is new among it is counted, and what follows it
    /// is put behind it.
    pub fn sync(&mut self, read: Vec<Ticket>, next: Option<String>, plain: Plain) {
        if self.entries.is_empty() {
            return self.replace(read, next, plain);
        }
        let at = |id: Uuid| read.iter().position(|ticket| ticket.id == id);
        // Where what was read ends, in the order of what is here.
        let last = self
            .entries
            .iter()
            .rposition(|entry| at(entry.ticket.id).is_some());
        for (place, entry) in self.entries.iter_mut().enumerate() {
            match at(entry.ticket.id) {
                Some(found) if read[found].version >= entry.ticket.version => {
                    entry.ticket = read[found].clone();
                    entry.mark = None;
                }
                // Behind that nothing is known: it may be on the next page.
                None if entry.mark.is_none() && (next.is_none() || last > Some(place)) => {
                    entry.mark = Some(Mark::Gone);
                }
                Some(_) | None => {}
            }
        }
        let reaches = last.and_then(|last| at(self.entries[last].ticket.id));
        let (mut arrived, mut behind) = (Vec::new(), Vec::new());
        for (found, ticket) in read.into_iter().enumerate() {
            if self.knows(ticket.id) {
                continue;
            }
            if Some(found) < reaches {
                arrived.push(ticket.id);
            } else {
                behind.push(ListedTicket::new(ticket));
            }
        }
        self.arrivals = arrived;
        self.entries.extend(behind);
        self.next = next;
        self.catch_up(plain);
    }

    /// A ticket changed; tells whether that changes what is shown.
    pub fn apply(&mut self, ticket: &Ticket, plain: Plain) -> bool {
        if self.under_way > 0 {
            self.since.push(ticket.clone());
        }
        self.change(ticket, plain)
    }

    fn knows(&self, id: Uuid) -> bool {
        self.entries.iter().any(|entry| entry.ticket.id == id)
    }

    /// What came while a page was under way is newer than the page.
    fn catch_up(&mut self, plain: Plain) {
        for ticket in self.since.clone() {
            self.change(&ticket, plain);
        }
        self.give_up_page();
    }

    fn change(&mut self, ticket: &Ticket, plain: Plain) -> bool {
        let listed = self
            .entries
            .iter_mut()
            .find(|entry| entry.ticket.id == ticket.id);
        let Some(entry) = listed else {
            return self.arrive(ticket, plain);
        };
        if ticket.version < entry.ticket.version {
            return false;
        }
        let mark = match ticket.status {
            TicketStatus::Reserved => Some(Mark::Taken),
            TicketStatus::Sold => Some(Mark::Sold),
            TicketStatus::Withdrawn => Some(Mark::Withdrawn),
            TicketStatus::Open => (!self.filter.matches(ticket, plain)).then_some(Mark::Misfit),
        };
        if ticket == &entry.ticket && mark == entry.mark {
            return false;
        }
        entry.ticket = ticket.clone();
        entry.mark = mark;
        true
    }

    fn arrive(&mut self, ticket: &Ticket, plain: Plain) -> bool {
        let open = ticket.status == TicketStatus::Open;
        let known = self.arrivals.iter().position(|id| *id == ticket.id);
        match (
            known,
            open && self.loaded && self.filter.matches(ticket, plain),
        ) {
            (None, true) => self.arrivals.push(ticket.id),
            (Some(at), false) => drop(self.arrivals.remove(at)),
            _ => return false,
        }
        true
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::fold::tests::plain;

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

    fn loaded(tickets: &[Ticket]) -> TicketPages {
        let mut listing = TicketPages::default();
        listing.expect_page();
        listing.replace(tickets.to_vec(), None, plain);
        listing
    }

    fn some(numbers: impl IntoIterator<Item = u128>) -> Vec<Ticket> {
        let all = numbers.into_iter();
        all.map(|id| ticket(id, &format!("t{id}"), 100)).collect()
    }

    fn ids(listing: &TicketPages) -> Vec<u128> {
        let entries = listing.entries().iter();
        entries.map(|entry| entry.ticket.id.as_u128()).collect()
    }

    fn marks(listing: &TicketPages) -> Vec<Option<Mark>> {
        listing.entries().iter().map(|entry| entry.mark).collect()
    }

    #[test]
    fn a_taken_ticket_keeps_its_place_and_is_marked() {
        let (a, b) = (ticket(1, "a", 100), ticket(2, "b", 100));
        let mut listing = loaded(&[a.clone(), b]);
        let held = changed(&a, TicketStatus::Reserved);
        assert!(listing.apply(&held, plain));
        assert_eq!(ids(&listing), [1, 2]);
        assert_eq!(marks(&listing), [Some(Mark::Taken), None]);
        assert_eq!(listing.count(), 1);
        // It comes back to where it was.
        assert!(listing.apply(&changed(&held, TicketStatus::Open), plain));
        assert_eq!(marks(&listing), [None, None]);
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
        assert!(listing.apply(&dearer, plain));
        assert!(!listing.apply(&dearer, plain));
        assert!(!listing.apply(&a, plain));
        let entry = &listing.entries()[0];
        assert_eq!(entry.ticket.price.cents, 200);
        assert_eq!(entry.price_before(), Some(Amount::from_cents(100)));
    }

    #[test]
    fn a_ticket_that_no_longer_matches_is_marked() {
        let mut listing = loaded(&some([1, 2]));
        listing.filter.max = "20".into();
        let raised = Ticket {
            price: Amount::from_cents(50_000),
            ..changed(&some([1])[0], TicketStatus::Open)
        };
        assert!(listing.apply(&raised, plain));
        assert_eq!(marks(&listing), [Some(Mark::Misfit), None]);
    }

    #[test]
    fn new_tickets_are_counted_and_not_inserted() {
        let mut listing = loaded(&[ticket(1, "a", 100)]);
        listing.filter.q = "jazz".into();
        let jazz = ticket(2, "Jazz", 100);
        assert!(listing.apply(&jazz, plain));
        assert!(!listing.apply(&ticket(3, "Rock", 100), plain));
        assert_eq!((listing.arrivals(), ids(&listing)), (1, vec![1]));
        listing.apply(&changed(&jazz, TicketStatus::Sold), plain);
        assert_eq!(listing.arrivals(), 0);
    }

    #[test]
    fn events_during_a_request_are_not_lost() {
        let a = ticket(1, "a", 100);
        let mut listing = TicketPages::default();
        listing.expect_page();
        listing.apply(&changed(&a, TicketStatus::Sold), plain);
        listing.replace(vec![a, ticket(2, "b", 100)], None, plain);
        assert_eq!(marks(&listing), [Some(Mark::Sold), None]);
        // Nor is it kept for ever.
        listing.apply(&ticket(3, "c", 100), plain);
        assert_eq!(listing.since, []);
    }

    #[test]
    fn reloading_moves_no_ticket() {
        let mut listing = loaded(&some([5, 4, 3, 2, 1]));
        listing.apply(&changed(&some([2])[0], TicketStatus::Reserved), plain);
        // 3 was taken unseen, 6 is new, 0 follows.
        let read = some([6, 5, 4, 1, 0]);
        assert!(listing.is_covered_by(&read));
        listing.expect_page();
        listing.sync(read, None, plain);
        assert_eq!(ids(&listing), [5, 4, 3, 2, 1, 0]);
        let (gone, taken) = (Some(Mark::Gone), Some(Mark::Taken));
        assert_eq!(marks(&listing), [None, None, gone, taken, None, None]);
        assert_eq!(listing.gone(), [Uuid::from_u128(3)]);
        assert_eq!(listing.arrivals(), 1);
    }

    #[test]
    fn tickets_outside_of_a_reload_are_not_marked_as_gone() {
        let mut listing = loaded(&some([3, 2, 1]));
        let read = some([5, 4, 3]);
        assert!(!listing.is_covered_by(&read));
        listing.sync(read, Some("more".into()), plain);
        assert_eq!(marks(&listing), [None, None, None]);
        assert_eq!((listing.arrivals(), listing.next()), (2, Some("more")));
    }

    #[test]
    fn an_outdated_response_hides_no_newer_event() {
        let a = ticket(1, "a", 100);
        let mut listing = loaded(std::slice::from_ref(&a));
        listing.apply(&changed(&a, TicketStatus::Reserved), plain);
        listing.sync(vec![a], None, plain);
        assert_eq!(marks(&listing), [Some(Mark::Taken)]);
    }

    #[test]
    fn pages_that_overlap_show_each_ticket_once() {
        let mut listing = loaded(&some([1, 2]));
        listing.append(some([2, 3]), Some("x".into()), plain);
        assert_eq!(ids(&listing), [1, 2, 3]);
        assert_eq!(listing.next(), Some("x"));
    }
}
