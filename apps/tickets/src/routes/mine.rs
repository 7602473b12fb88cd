//! `GET /api/tickets/mine`.

use actix_web::{HttpResponse, web};
use api::{Amount, MyTickets};
use httpkit::{Answer, Session};
use projections::tickets::MAX_PAGE;

use crate::Tickets;

/// The caller's own tickets, with what they earned
#[utoipa::path(
    get,
    path = "/api/tickets/mine",
    tag = "tickets",
    responses(
        (status = 200, description = "All the caller's tickets, newest first", body = MyTickets),
        (status = 401, description = "Nobody is signed in", body = api::Errors),
    )
)]
pub(super) async fn mine(session: Session, tickets: web::Data<Tickets>) -> Answer {
    let mut mine = MyTickets {
        tickets: Vec::new(),
        earned: Amount::default(),
    };
    let mut cursor = None;
    loop {
        let page = tickets
            .view
            .by_seller(session.user_id(), MAX_PAGE, cursor.as_deref())
            .await;
        let page = page.map_err(host::read_failed)?;
        mine.tickets.extend(page.tickets);
        mine.earned = page.earned;
        cursor = page.next;
        if cursor.is_none() {
            return Ok(HttpResponse::Ok().json(mine));
        }
    }
}
