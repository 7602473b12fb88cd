//! `GET /api/orders`.

use actix_web::{HttpRequest, HttpResponse, web};
use httpkit::{HandlerResult, Session};
use runtime::pages::{self, PageParameters};

use crate::OrdersService;

/// The caller's orders, oldest first
#[utoipa::path(
    get,
    path = "/api/orders",
    tag = "orders",
    params(PageParameters),
    responses(
        (status = 200, description = "The caller's orders", body = [api::Order], headers(("Link" = Option<String>))),
        (status = 400, description = "A parameter is wrong"),
        (status = 401, description = "Nobody is signed in"),
    )
)]
pub(super) async fn list(
    session: Session,
    parameters: web::Query<PageParameters>,
    req: HttpRequest,
    orders: web::Data<OrdersService>,
) -> HandlerResult {
    let page = parameters.into_inner().page()?;
    let mine = orders
        .view
        .by_buyer(session.user_id(), page.limit, page.cursor.as_deref())
        .await
        .map_err(runtime::read_failed)?;
    let mut answer = HttpResponse::Ok().json(mine.orders);
    pages::link_next(&req, &mut answer, mine.next.as_deref());
    Ok(answer)
}
