//! `POST /api/tickets`.

use actix_web::{HttpRequest, HttpResponse, web};
use api::NewTicket;
use domain::UserId;
use event_streams::TICKETS;
use httpkit::{Body, HandlerResult, Session};

use super::input::TicketInput;
use crate::{TicketsService, response};

/// Offer a ticket
#[utoipa::path(
    post,
    path = "/api/tickets",
    tag = "tickets",
    params(
        ("Idempotency-Key" = Option<String>, Header),
        ("Prefer" = Option<String>, Header),
    ),
    request_body = NewTicket,
    responses(
        (status = 201, description = "The ticket, version 0", body = api::Ticket, headers(("Idempotency-Replayed" = Option<String>))),
        (status = 400, description = "A field is wrong"),
        (status = 401, description = "Nobody is signed in"),
    )
)]
pub(super) async fn create(
    session: Session,
    body: Body<NewTicket>,
    req: HttpRequest,
    tickets: web::Data<TicketsService>,
) -> HandlerResult {
    let seller = UserId(session.user_id());
    let input = TicketInput::read(body.value, tickets.least_price)?;
    tickets
        .runtime
        .run_idempotent(&req, seller.0, &body.raw, async |command_id| {
            let metadata = tickets.runtime.metadata(&req, command_id, &seller);
            let changed = tickets
                .commands
                .list(seller, input.title.clone(), input.price, &metadata)
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
            let answer = HttpResponse::Created().json(response::ticket(&changed.listing));
            let commit = (changed.sequence, changed.commit_id);
            Ok(runtime::telling_of(answer, TICKETS, commit))
        })
        .await
}
