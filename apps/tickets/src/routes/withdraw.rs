//! `DELETE /api/tickets/{id}`.

use actix_web::{HttpRequest, HttpResponse, web};
use domain::{TicketId, UserId};
use event_streams::TICKETS;
use httpkit::{
    HandlerResult, Session,
    error::{not_found, unavailable},
};
use uuid::Uuid;

use crate::{TicketsService, commands::Withdrawal, response};

/// Take a ticket off the market
#[utoipa::path(
    delete,
    path = "/api/tickets/{id}",
    tag = "tickets",
    params(
        ("id" = Uuid, Path, description = "The ticket"),
        ("Prefer" = Option<String>, Header),
    ),
    responses(
        (status = 204, description = "It is off the market, now or before"),
        (status = 400, description = "An order holds it, or it is sold"),
        (status = 401, description = "Nobody is signed in, or it is another's"),
        (status = 404, description = "No such ticket"),
        (status = 409, description = "Others kept changing it"),
    )
)]
pub(super) async fn withdraw(
    session: Session,
    path: web::Path<String>,
    req: HttpRequest,
    tickets: web::Data<TicketsService>,
) -> HandlerResult {
    let by = UserId(session.user_id());
    let id: TicketId = path.parse().map_err(|_| not_found())?;
    let metadata = tickets.runtime.metadata(&req, Uuid::now_v7(), &by);
    let withdrawal = tickets
        .commands
        .withdraw(by, id, &metadata)
        .await
        .map_err(response::refused)?;
    let Withdrawal::Done(withdrawn) = withdrawal else {
        return Err(unavailable("The sale of this ticket", 1)
            .with_source("the ticket's orders haven't decided about its withdrawal"));
    };
    tickets
        .runtime
        .await_read_model(
            &req,
            tickets.view.runner().progress(),
            (TICKETS, withdrawn.sequence),
        )
        .await;
    Ok(HttpResponse::NoContent().finish())
}
