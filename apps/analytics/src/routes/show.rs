//! `GET /api/analytics`.

use actix_web::{HttpResponse, web};
use httpkit::{HandlerResult, Session, error::unavailable};
use std::time::Duration;

use crate::AnalyticsService;

/// How long a response waits for figures of the whole log. After that it contains those of its
/// beginning.
const FIGURES_TIMEOUT: Duration = Duration::from_millis(700);
/// Seconds after which to try again while there are no figures yet.
const AGAIN: u64 = 2;

/// The figures of the market
///
/// Those of `turnstile replay`, of the whole log; for users with the role `analyst`. `progress`
/// states how much of the log they cover: the first request in a while starts reading it.
#[utoipa::path(
    get,
    path = "/api/analytics",
    tag = "analytics",
    responses(
        (status = 200, description = "The figures", body = api::Analytics),
        (status = 401, description = "Nobody is signed in"),
        (status = 403, description = "The caller is no analyst"),
    )
)]
pub(super) async fn show(
    session: Session,
    analytics: web::Data<AnalyticsService>,
) -> HandlerResult {
    analytics.analysts.admit(&session).await?;
    let mut snapshots = analytics.follower.watch();
    let whole =
        snapshots.wait_for(|snapshot| snapshot.as_ref().is_some_and(|snapshot| snapshot.caught_up));
    // The figures after the timeout, or the awaited ones: both are the newest.
    let _ = tokio::time::timeout(FIGURES_TIMEOUT, whole).await;
    let snapshot = snapshots.borrow().clone();
    let snapshot = snapshot.ok_or_else(|| unavailable("The analysis", AGAIN))?;
    Ok(HttpResponse::Ok()
        .insert_header(("Cache-Control", "no-store"))
        .content_type("application/json")
        .body(snapshot.json))
}
