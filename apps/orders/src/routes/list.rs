//! `GET /api/orders`.

use actix_web::{HttpRequest, HttpResponse, web};
use httpkit::{HandlerResult, Session};
use runtime::pages::{self, Page};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::Orders;

/// Which page.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// How many, 1 to 200; 100 unless given.
    limit: Option<String>,
    /// Where the page before ended; from its `Link` header.
    cursor: Option<String>,
}

/// The caller's orders, oldest first
#[utoipa::path(
    get,
    path = "/api/orders",
    tag = "orders",
    params(Parameters),
    responses(
        (status = 200, description = "The caller's orders", body = [api::Order], headers(("Link" = Option<String>))),
        (status = 400, description = "A parameter is wrong"),
        (status = 401, description = "Nobody is signed in"),
    )
)]
pub(super) async fn list(
    session: Session,
    parameters: web::Query<Parameters>,
    req: HttpRequest,
    orders: web::Data<Orders>,
) -> HandlerResult {
    let Parameters { limit, cursor } = parameters.into_inner();
    let page = Page::read(limit.as_deref(), cursor)?;
    let mine = orders
        .view
        .by_buyer(session.user_id(), page.limit, page.cursor.as_deref())
        .await
        .map_err(runtime::read_failed)?;
    let mut answer = HttpResponse::Ok().json(mine.orders);
    pages::link_next(&req, &mut answer, mine.next.as_deref());
    Ok(answer)
}
