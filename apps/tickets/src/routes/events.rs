//! `GET /api/tickets/events`.

use actix_web::{HttpRequest, web};
use httpkit::{HandlerResult, error::busy, sse::answer};

use crate::{TicketsService, live};

/// Seconds after which to try again when there are too many clients.
const ROOM_AGAIN: u64 = 10;

/// Tickets as they change
///
/// Server-sent events: `ticket` contains a ticket's new state; `reset` asks to reload everything. A
/// client that reconnects with `Last-Event-ID` gets the changes that it missed.
#[utoipa::path(
    get,
    path = "/api/tickets/events",
    tag = "tickets",
    params(("Last-Event-ID" = Option<String>, Header, description = "Where the client was")),
    responses(
        (status = 200, description = "A stream that goes on until one side ends it", content_type = "text/event-stream", body = String),
        (status = 503, description = "Too many are watching, or the service can't answer now"),
    )
)]
pub(super) async fn events(req: HttpRequest, tickets: web::Data<TicketsService>) -> HandlerResult {
    let after = req
        .headers()
        .get("Last-Event-ID")
        .and_then(|id| id.to_str().ok()?.trim().parse().ok());
    let place = tickets
        .room
        .enter()
        .ok_or_else(|| busy("Too many are watching, please try again later", ROOM_AGAIN))?;
    let runtime = &tickets.runtime;
    let events = live::watch(runtime.log.clone(), tickets.view.clone(), after, place);
    Ok(answer(events, runtime.draining()))
}
