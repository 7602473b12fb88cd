//! `PUT /api/tickets/{id}`.

use actix_web::{HttpRequest, HttpResponse, web};
use api::NewTicket;
use domain::{TicketId, UserId};
use event_streams::TICKETS;
use httpkit::{HandlerResult, RawBody, Session, error::not_found};
use uuid::Uuid;

use super::{if_match, input::TicketInput};
use crate::{TicketsService, response};

/// Change a ticket's title and price
#[utoipa::path(
    put,
    path = "/api/tickets/{id}",
    tag = "tickets",
    params(
        ("id" = Uuid, Path, description = "The ticket"),
        ("Prefer" = Option<String>, Header),
        ("If-Match" = Option<String>, Header, description = "The ticket's `ETag`, or its version in quotes: nothing is changed if it is another one by now"),
    ),
    request_body = NewTicket,
    responses(
        (status = 200, description = "The ticket; its version is one higher if something changed", body = api::Ticket),
        (status = 400, description = "A field is wrong, or the ticket is reserved"),
        (status = 401, description = "Nobody is signed in, or it is another's"),
        (status = 404, description = "No such ticket"),
        (status = 409, description = "Others kept changing it"),
        (status = 412, description = "It isn't at the version in `If-Match`; what changed"),
    )
)]
pub(super) async fn update(
    session: Session,
    body: RawBody,
    path: web::Path<String>,
    req: HttpRequest,
    tickets: web::Data<TicketsService>,
) -> HandlerResult {
    let by = UserId(session.user_id());
    let input = TicketInput::read(body.parse::<NewTicket>()?, tickets.least_price)?;
    let id: TicketId = path.parse().map_err(|_| not_found())?;
    let expected = if_match::expected_version(&req, &tickets, id).await?;
    let metadata = tickets.runtime.metadata(&req, Uuid::now_v7(), &by);
    let changed = tickets
        .commands
        .revise(by, id, (input.title, input.price), expected, &metadata)
        .await
        .map_err(response::refused)?;
    tickets
        .runtime
        .await_read_model(
            &req,
            tickets.view.runner().progress(),
            (TICKETS, changed.sequence),
        )
        .await;
    Ok(HttpResponse::Ok().json(response::ticket(&changed.listing)))
}
