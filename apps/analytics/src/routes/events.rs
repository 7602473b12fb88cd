//! `GET /api/analytics/events`.

use actix_web::{HttpRequest, web};
use httpkit::{HandlerResult, Session, error::busy};
use std::sync::Arc;

use crate::{AnalyticsService, live};

/// Seconds after which to try again when there are too many viewers.
const ROOM_AGAIN: u64 = 10;

/// The figures of the market, as they change
///
/// Server-sent events: `analytics` holds all figures, once at the beginning and then at most once a
/// second, when something changed. The stream ends when the role or the session does.
#[utoipa::path(
    get,
    path = "/api/analytics/events",
    tag = "analytics",
    responses(
        (status = 200, description = "A stream that goes on until one side ends it", content_type = "text/event-stream", body = String),
        (status = 401, description = "Nobody is signed in"),
        (status = 403, description = "The caller is no analyst"),
        (status = 503, description = "Too many are watching, or the service can't answer now"),
    )
)]
pub(super) async fn events(
    session: Session,
    req: HttpRequest,
    analytics: web::Data<AnalyticsService>,
) -> HandlerResult {
    analytics.analysts.admit(&session).await?;
    let place = Arc::clone(&analytics.room).try_acquire_owned();
    let place =
        place.map_err(|_| busy("Too many are watching, please try again later", ROOM_AGAIN))?;
    let viewer = live::Viewer {
        session,
        req,
        analysts: analytics.analysts.clone(),
        _place: place,
    };
    let chunks = live::watch(viewer, analytics.follower.watch());
    Ok(httpkit::sse::answer(chunks, analytics.runtime.draining()))
}
