//! The pages and their addresses.

use std::fmt;

use uuid::Uuid;

use crate::{TicketFilter, percent};

/// A page. Reading its address and writing it are here only, side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// What is for sale.
    Tickets(TicketFilter),
    /// One ticket.
    Ticket(Uuid),
    /// Offering a ticket.
    NewTicket,
    /// Changing an offer.
    EditTicket(Uuid),
    /// The visitor's orders.
    Orders,
    /// One order.
    Order(Uuid),
    /// The visitor's own tickets.
    MyTickets,
    /// The figures of the market, for analysts.
    Analytics,
    /// Signing in, and where to go then.
    SignIn(Option<String>),
    /// Signing up, and where to go then.
    SignUp(Option<String>),
    /// Anything else.
    NotFound(String),
}

impl Route {
    /// What is for sale, without a search.
    pub fn home() -> Self {
        Self::Tickets(TicketFilter::default())
    }

    /// The page of an address of this site: a path, and a query if there is one.
    pub fn parse(address: &str) -> Self {
        let address = address.split('#').next().unwrap_or_default();
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let id = |text: &str| Uuid::try_parse(text).ok();
        let next = || {
            let found = percent::pairs(query).find(|(name, _)| name == "next");
            found.map(|(_, next)| next).filter(|next| is_ours(next))
        };
        let page = match segments.as_slice() {
            [] => Some(Self::Tickets(TicketFilter::from_query(query))),
            ["tickets", "new"] => Some(Self::NewTicket),
            ["tickets", ticket] => id(ticket).map(Self::Ticket),
            ["tickets", ticket, "edit"] => id(ticket).map(Self::EditTicket),
            ["orders"] => Some(Self::Orders),
            ["orders", order] => id(order).map(Self::Order),
            ["selling"] => Some(Self::MyTickets),
            ["analytics"] => Some(Self::Analytics),
            ["signin"] => Some(Self::SignIn(next())),
            ["signup"] => Some(Self::SignUp(next())),
            _ => None,
        };
        page.unwrap_or_else(|| Self::NotFound(address.to_owned()))
    }

    /// Whether only someone who is signed in can see it.
    pub const fn is_private(&self) -> bool {
        matches!(
            self,
            Self::NewTicket
                | Self::EditTicket(_)
                | Self::Orders
                | Self::Order(_)
                | Self::MyTickets
                | Self::Analytics
        )
    }

    /// Signing in, and back to this page then.
    #[must_use]
    pub fn sign_in_first(&self) -> Self {
        match self {
            Self::SignIn(_) | Self::SignUp(_) => self.clone(),
            page => Self::SignIn(Some(page.to_string())),
        }
    }

    /// Where to go after signing in here: nowhere but to a page of this site, and not to a form
    /// that has just been filled in.
    pub fn after_sign_in(next: Option<&str>) -> Self {
        match next.filter(|next| is_ours(next)).map(Self::parse) {
            None | Some(Self::SignIn(_) | Self::SignUp(_) | Self::NotFound(_)) => Self::home(),
            Some(page) => page,
        }
    }

    /// Whether both are the same page, whatever is searched for on it.
    pub fn is_same_page(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tickets(_), Self::Tickets(_)) => true,
            _ => self == other,
        }
    }
}

/// Whether it is a path of this site: `//host` and `/\host` would lead to another one.
fn is_ours(address: &str) -> bool {
    address.starts_with('/') && !address[1..].starts_with(['/', '\\'])
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let next = |next: &Option<String>| {
            percent::query(&[("next", next.as_deref().unwrap_or_default())])
        };
        match self {
            Self::Tickets(filter) => write!(f, "/{}", filter.to_query()),
            Self::Ticket(id) => write!(f, "/tickets/{id}"),
            Self::NewTicket => f.write_str("/tickets/new"),
            Self::EditTicket(id) => write!(f, "/tickets/{id}/edit"),
            Self::Orders => f.write_str("/orders"),
            Self::Order(id) => write!(f, "/orders/{id}"),
            Self::MyTickets => f.write_str("/selling"),
            Self::Analytics => f.write_str("/analytics"),
            Self::SignIn(to) => write!(f, "/signin{}", next(to)),
            Self::SignUp(to) => write!(f, "/signup{}", next(to)),
            Self::NotFound(address) => f.write_str(address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_round_trips_through_its_address() {
        let id = Uuid::from_u128(7);
        let filter = TicketFilter {
            q: "a/b?c".into(),
            ..TicketFilter::default()
        };
        for page in [
            Route::home(),
            Route::Tickets(filter),
            Route::Ticket(id),
            Route::NewTicket,
            Route::EditTicket(id),
            Route::Orders,
            Route::Order(id),
            Route::MyTickets,
            Route::Analytics,
            Route::SignIn(None),
            Route::SignIn(Some("/tickets/new?a=b".into())),
            Route::SignUp(Some("/orders".into())),
            Route::NotFound("/no/such/page".into()),
        ] {
            assert_eq!(Route::parse(&page.to_string()), page, "{page}");
        }
    }

    #[test]
    fn an_unknown_address_is_not_found() {
        for address in [
            "/tickets/7",
            "/orders/x",
            "/tickets/new/edit",
            "/x",
            "/selling/1",
        ] {
            assert_eq!(Route::parse(address), Route::NotFound(address.into()));
        }
        assert_eq!(Route::parse("/orders/#top"), Route::Orders);
    }

    #[test]
    fn signing_in_leads_to_the_requested_page() {
        let page = Route::Order(Uuid::from_u128(7));
        let Route::SignIn(next) = page.sign_in_first() else {
            panic!("no sign-in page");
        };
        assert_eq!(Route::after_sign_in(next.as_deref()), page);
    }

    #[test]
    fn signing_in_never_leads_to_another_site() {
        for next in [
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "javascript:x",
        ] {
            assert_eq!(Route::after_sign_in(Some(next)), Route::home(), "{next}");
            let address = format!("/signin?next={}", percent::encode(next));
            assert_eq!(Route::parse(&address), Route::SignIn(None), "{next}");
        }
        assert_eq!(Route::after_sign_in(Some("/signup")), Route::home());
    }
}
