//! What a seller offers, as it changes.

use api::{Amount, MyTickets, Ticket, TicketStatus};
use uuid::Uuid;

/// A seller's tickets as far as they were loaded, newest first, and what they earned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MySales {
    /// The tickets.
    pub tickets: Vec<Ticket>,
    /// What was sold brought in.
    pub earned: Amount,
    /// Where the next page begins; none on the last one.
    pub next: Option<String>,
}

impl MySales {
    /// The first page.
    pub fn new(page: MyTickets, next: Option<String>) -> Self {
        Self {
            tickets: page.tickets,
            earned: page.earned,
            next,
        }
    }

    /// The page after the last one came.
    pub fn append(&mut self, page: MyTickets, next: Option<String>) {
        for ticket in page.tickets {
            if !self.tickets.iter().any(|known| known.id == ticket.id) {
                self.tickets.push(ticket);
            }
        }
        self.earned = page.earned;
        self.next = next;
    }

    /// A ticket changed; tells whether that changes anything here. Nothing is read anew for it.
    pub fn apply(&mut self, ticket: &Ticket, seller: Option<Uuid>) -> bool {
        let known = self.tickets.iter_mut().find(|known| known.id == ticket.id);
        match known {
            Some(known) if known.version < ticket.version => {
                // A ticket that is held can't be edited: it is sold at the price that it shows.
                if ticket.status == TicketStatus::Sold && known.status != TicketStatus::Sold {
                    self.earned = Amount::from_cents(self.earned.cents + ticket.price.cents);
                }
                *known = ticket.clone();
                true
            }
            // Offered in another tab.
            None if seller == Some(ticket.user_id) && ticket.version == 0 => {
                self.tickets.insert(0, ticket.clone());
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listing::tests::ticket;

    fn changed(of: &Ticket, status: TicketStatus) -> Ticket {
        Ticket {
            version: of.version + 1,
            status,
            ..of.clone()
        }
    }

    #[test]
    fn a_repeated_sale_is_counted_once() {
        let opera = ticket(1, "Opera", 4_000);
        let page = MyTickets {
            tickets: vec![opera.clone()],
            earned: Amount::from_cents(100),
        };
        let mut sales = MySales::new(page, None);
        let seller = Some(opera.user_id);
        let held = changed(&opera, TicketStatus::Reserved);
        let sold = changed(&held, TicketStatus::Sold);
        assert!(sales.apply(&held, seller));
        assert!(sales.apply(&sold, seller));
        assert!(!sales.apply(&sold, seller));
        assert!(!sales.apply(&held, seller));
        assert_eq!(sales.earned.cents, 4_100);
        assert_eq!(sales.tickets, [sold]);
    }

    #[test]
    fn offers_from_another_tab_appear_and_other_sellers_do_not() {
        let mut sales = MySales::default();
        let mine = ticket(1, "Opera", 4_000);
        assert!(!sales.apply(&mine, Some(Uuid::from_u128(99))));
        assert!(!sales.apply(&mine, None));
        assert!(sales.apply(&mine, Some(mine.user_id)));
        assert_eq!(sales.tickets, [mine]);
    }
}
