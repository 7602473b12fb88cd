//! `GET /api/orders`.

use actix_web::{HttpResponse, web};
use httpkit::{Answer, Session};

use crate::Orders;

/// The caller's orders, oldest first
#[utoipa::path(
    get,
    path = "/api/orders",
    tag = "orders",
    responses(
        (status = 200, description = "All the caller's orders", body = [api::Order]),
        (status = 401, description = "Nobody is signed in", body = api::Errors),
    )
)]
pub(super) async fn list(session: Session, orders: web::Data<Orders>) -> Answer {
    let mine = orders
        .view
        .by_buyer(session.user_id())
        .await
        .map_err(host::read_failed)?;
    Ok(HttpResponse::Ok().json(mine))
}
