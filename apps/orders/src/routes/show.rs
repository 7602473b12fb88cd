//! `GET /api/orders/{id}`.

use actix_web::{HttpResponse, web};
use httpkit::{HandlerResult, Session};

use crate::OrdersService;

/// One of the caller's orders
#[utoipa::path(
    get,
    path = "/api/orders/{id}",
    tag = "orders",
    params(("id" = Uuid, Path, description = "The order")),
    responses(
        (status = 200, description = "The order", body = api::Order),
        (status = 401, description = "Nobody is signed in, or it is another's"),
        (status = 404, description = "No such order"),
    )
)]
pub(super) async fn show(
    session: Session,
    path: web::Path<String>,
    orders: web::Data<OrdersService>,
) -> HandlerResult {
    let order = orders.find_own(&path, session.user_id()).await?;
    Ok(HttpResponse::Ok().json(order))
}
