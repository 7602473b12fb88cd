use api::{MyTickets, NewTicket, Ticket};
use state::{TicketFilter, next_cursor};
use uuid::Uuid;
use web_sys::EventSource;

use super::{Outcome, parsed, read, send, write};
use crate::browser::happenings::{self, Source};

/// A page of the ticket list.
pub struct Page {
    /// The tickets.
    pub tickets: Vec<Ticket>,
    /// Where the next page begins; none on the last one.
    pub next: Option<String>,
}

/// What is for sale.
pub async fn tickets(filter: &TicketFilter, limit: usize, cursor: Option<&str>) -> Outcome<Page> {
    let url = format!("/api/tickets{}", filter.api_query(limit, cursor));
    let reply = send("GET", &url, None, None).await?;
    Ok(Page {
        tickets: parsed(&reply)?,
        next: reply.link.as_deref().and_then(next_cursor),
    })
}

/// One ticket.
pub async fn ticket(id: Uuid) -> Outcome<Ticket> {
    read(&format!("/api/tickets/{id}")).await
}

/// The visitor's own tickets, and what they earned.
pub async fn my_tickets() -> Outcome<MyTickets> {
    read("/api/tickets/mine").await
}

/// Offers a ticket.
pub async fn offer_ticket(ticket: &NewTicket, key: &str) -> Outcome<Ticket> {
    write("POST", "/api/tickets", ticket, Some(key)).await
}

/// Changes an offer.
pub async fn change_ticket(id: Uuid, ticket: &NewTicket) -> Outcome<Ticket> {
    write("PUT", &format!("/api/tickets/{id}"), ticket, None).await
}

/// Opens the stream of tickets that change.
pub fn ticket_stream() -> Option<EventSource> {
    happenings::open_stream(Source::Tickets, "/api/tickets/events", "ticket")
}
