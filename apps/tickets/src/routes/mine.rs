//! `GET /api/tickets/mine`.

use actix_web::{HttpRequest, HttpResponse, web};
use api::MyTickets;
use httpkit::{HandlerResult, Session};
use runtime::pages::{self, PageParameters};

use crate::TicketsService;

/// The caller's own tickets, with what they earned
#[utoipa::path(
    get,
    path = "/api/tickets/mine",
    tag = "tickets",
    params(PageParameters),
    responses(
        (status = 200, description = "The caller's tickets, newest first, and what all that are sold brought in", body = MyTickets, headers(("Link" = Option<String>))),
        (status = 400, description = "A parameter is wrong"),
        (status = 401, description = "Nobody is signed in"),
    )
)]
pub(super) async fn mine(
    session: Session,
    parameters: web::Query<PageParameters>,
    req: HttpRequest,
    tickets: web::Data<TicketsService>,
) -> HandlerResult {
    let page = parameters.into_inner().page()?;
    let found = tickets
        .view
        .by_seller(session.user_id(), page.limit, page.cursor.as_deref())
        .await
        .map_err(runtime::read_failed)?;
    let mut answer = HttpResponse::Ok().json(MyTickets {
        tickets: found.tickets,
        earned: found.earned,
    });
    pages::link_next(&req, &mut answer, found.next.as_deref());
    Ok(answer)
}
