//! `GET /api/analytics`.

use actix_web::{HttpResponse, web};
use httpkit::{HandlerResult, Session, error::unavailable};
use std::time::Duration;

use crate::Analytics;

/// How long an answer waits for figures of the whole log. After that it tells those of its
/// beginning.
const PATIENCE: Duration = Duration::from_millis(700);
/// After how many seconds somebody may come again for whom there were no figures yet.
const AGAIN: u64 = 2;

/// The figures of the market
///
/// Those of `turnstile replay`, of the whole log; for users with the role `analyst`. `progress`
/// says how much of the log they are of: the first request in a while has it read.
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
pub(super) async fn show(session: Session, analytics: web::Data<Analytics>) -> HandlerResult {
    analytics.analysts.admit(&session).await?;
    let mut snapshots = analytics.follower.watch();
    let whole =
        snapshots.wait_for(|snapshot| snapshot.as_ref().is_some_and(|snapshot| snapshot.caught_up));
    // What there is when the time is over, or what the wait gave: both are the newest.
    let _ = tokio::time::timeout(PATIENCE, whole).await;
    let snapshot = snapshots.borrow().clone();
    let snapshot = snapshot.ok_or_else(|| unavailable("The analysis", AGAIN))?;
    Ok(HttpResponse::Ok()
        .insert_header(("Cache-Control", "no-store"))
        .content_type("application/json")
        .body(snapshot.json))
}
