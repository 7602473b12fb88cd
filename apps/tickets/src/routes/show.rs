//! `GET /api/tickets/{id}`.

use actix_web::{HttpRequest, web};
use httpkit::{HandlerResult, error::not_found};
use uuid::Uuid;

use crate::{TicketsService, response};

/// One ticket, whatever its state
#[utoipa::path(
    get,
    path = "/api/tickets/{id}",
    tag = "tickets",
    params(("id" = Uuid, Path, description = "The ticket")),
    responses(
        (status = 200, description = "The ticket", body = api::Ticket),
        (status = 304, description = "Unchanged since the `ETag` in `If-None-Match`"),
        (status = 404, description = "No such ticket"),
    )
)]
pub(super) async fn show(
    path: web::Path<String>,
    req: HttpRequest,
    tickets: web::Data<TicketsService>,
) -> HandlerResult {
    let id = Uuid::parse_str(&path).map_err(|_| not_found())?;
    let rendered = tickets.view.find(id).await.map_err(runtime::read_failed)?;
    let rendered = rendered.ok_or_else(not_found)?;
    Ok(response::rendered(&req, &rendered))
}
