//! `POST /api/tickets`.

use actix_web::{HttpRequest, HttpResponse, web};
use api::NewTicket;
use domain::UserId;
use eventstore::TICKETS;
use httpkit::{Answer, Body, Session};

use super::input::TicketInput;
use crate::{Tickets, answer};

/// Offer a ticket
#[utoipa::path(
    post,
    path = "/api/tickets",
    tag = "tickets",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Repeats safely: 1 to 255 visible ASCII characters, chosen by the caller"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`: don't wait for the read model"),
    ),
    request_body = NewTicket,
    responses(
        (status = 201, description = "The ticket, version 0", body = api::Ticket, headers(("Idempotency-Replayed" = Option<String>, description = "`true` if this answer was given before"))),
        (status = 400, description = "A field is wrong", body = api::Errors),
        (status = 401, description = "Nobody is signed in", body = api::Errors),
    )
)]
pub(super) async fn create(
    session: Session,
    body: Body<NewTicket>,
    req: HttpRequest,
    tickets: web::Data<Tickets>,
) -> Answer {
    let seller = UserId(session.user_id());
    let input = TicketInput::read(body.value, tickets.least_price)?;
    tickets
        .host
        .once(&req, seller.0, &body.raw, async |command_id| {
            let metadata = tickets.host.metadata(&req, command_id, &seller);
            let changed = tickets
                .commands
                .list(seller, input.title.clone(), input.price, &metadata)
                .await
                .map_err(answer::refused)?;
            tickets
                .host
                .settled(&req, tickets.view.runner().progress(), changed.sequence)
                .await;
            let answer = HttpResponse::Created().json(answer::ticket(&changed.listing));
            let commit = (changed.sequence, changed.commit_id);
            Ok(host::telling_of(answer, TICKETS, commit))
        })
        .await
}
