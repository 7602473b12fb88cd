use api::{MyTickets, NewTicket, Ticket};
use state::{TicketFilter, next_cursor};
use uuid::Uuid;
use web_sys::EventSource;

use super::{Outcome, body, parsed, read, send};
use crate::browser::fetch::Call;
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
    let reply = send(Call::of("GET", &url)).await?;
    Ok(Page {
        tickets: parsed(&reply)?,
        next: reply.link.as_deref().and_then(next_cursor),
    })
}

/// One ticket.
pub async fn ticket(id: Uuid) -> Outcome<Ticket> {
    read(&format!("/api/tickets/{id}")).await
}

/// A page of the visitor's own tickets, what they earned, and where the next page begins.
pub async fn my_tickets(cursor: Option<&str>) -> Outcome<(MyTickets, Option<String>)> {
    let cursor = cursor.map_or_else(String::new, |cursor| {
        format!("&cursor={}", state::encode(cursor))
    });
    let reply = send(Call::of(
        "GET",
        &format!("/api/tickets/mine?limit=100{cursor}"),
    ))
    .await?;
    let next = reply.link.as_deref().and_then(next_cursor);
    Ok((parsed(&reply)?, next))
}

/// Offers a ticket.
pub async fn offer_ticket(ticket: &NewTicket, key: &str) -> Outcome<Ticket> {
    let call = Call {
        body: body(ticket)?,
        ..Call::of("POST", "/api/tickets").once(key)
    };
    parsed(&send(call).await?)
}

/// Changes an offer, if this is still its version.
pub async fn change_ticket(id: Uuid, version: u64, ticket: &NewTicket) -> Outcome<Ticket> {
    let url = format!("/api/tickets/{id}");
    let call = Call {
        if_match: Some(version),
        body: body(ticket)?,
        ..Call::of("PUT", &url)
    };
    parsed(&send(call).await?)
}

/// Takes an offer off the market.
pub async fn withdraw_ticket(id: Uuid) -> Outcome<()> {
    send(Call::of("DELETE", &format!("/api/tickets/{id}"))).await?;
    Ok(())
}

/// Opens the stream of tickets that change.
pub fn ticket_stream() -> Option<EventSource> {
    happenings::open_stream(Source::Tickets, "/api/tickets/events", "ticket")
}
