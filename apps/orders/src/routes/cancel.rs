//! `DELETE /api/orders/{id}`.

use actix_web::{HttpRequest, HttpResponse, web};
use domain::{OrderId, TicketId, UserId};
use event_streams::ORDERS;
use httpkit::{HandlerResult, Session};
use uuid::Uuid;

use crate::{OrdersService, response};

/// Give an order back
#[utoipa::path(
    delete,
    path = "/api/orders/{id}",
    tag = "orders",
    params(
        ("id" = Uuid, Path, description = "The order"),
        ("Prefer" = Option<String>, Header),
    ),
    responses(
        (status = 204, description = "It is cancelled, now or before, and its ticket free"),
        (status = 400, description = "It is paid"),
        (status = 401, description = "Nobody is signed in, or it is another's"),
        (status = 404, description = "No such order"),
        (status = 409, description = "Others kept changing the ticket's orders"),
    )
)]
pub(super) async fn cancel(
    session: Session,
    path: web::Path<String>,
    req: HttpRequest,
    orders: web::Data<OrdersService>,
) -> HandlerResult {
    let by = UserId(session.user_id());
    // The read model only supplies the order's ticket, which never changes.
    let order = orders.find_own(&path, by.0).await?;
    let metadata = orders.runtime.metadata(&req, Uuid::now_v7(), &by);
    let cancelled = orders
        .commands
        .cancel(by, TicketId(order.ticket.id), OrderId(order.id), &metadata)
        .await
        .map_err(response::refused)?;
    orders
        .runtime
        .await_read_model(
            &req,
            orders.view.runner().progress(),
            (ORDERS, cancelled.sequence),
        )
        .await;
    Ok(HttpResponse::NoContent().finish())
}
