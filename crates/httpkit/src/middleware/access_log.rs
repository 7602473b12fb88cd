//! One log line a request.

use std::time::Duration;

use actix_web::{
    error::Error,
    http::{Method, StatusCode},
};
use uuid::Uuid;

use crate::{AppError, RequestId};

/// What is logged of a request besides what the layer knows anyway.
pub(super) struct Entry<'a> {
    pub route: &'a str,
    pub path: &'a str,
    pub status: StatusCode,
    pub user: Option<Uuid>,
    pub error: Option<&'a Error>,
}

macro_rules! line {
    ($level:ident, $entry:ident, $method:ident, $ids:ident, $elapsed:ident, $($more:tt)*) => {
        tracing::$level!(
            target: "httpkit::access",
            method = $method.as_str(),
            route = $entry.route,
            path = $entry.path,
            status = $entry.status.as_u16(),
            ms = $elapsed.as_secs_f64() * 1e3,
            request_id = $ids.0.as_str(),
            trace_id = $ids.1,
            user_id = $entry.user.map(tracing::field::display),
            $($more)*
        )
    };
}

impl Entry<'_> {
    /// Failures are errors, with what stands behind them. What changes something, or is refused,
    /// is information. Successful reads are for debugging only: they are most of the traffic, and
    /// a line costs more than many of them.
    pub(super) fn log(&self, method: &Method, ids: (&RequestId, Option<&str>), elapsed: Duration) {
        if self.status.is_server_error() {
            let error = self.error.map(ToString::to_string).unwrap_or_default();
            if self.status == StatusCode::SERVICE_UNAVAILABLE {
                line!(warn, self, method, ids, elapsed, error, "unavailable");
            } else {
                line!(error, self, method, ids, elapsed, error, "failed");
            }
        } else if let Some(cause) = self.cause() {
            line!(info, self, method, ids, elapsed, error = cause, "refused");
        } else if method.is_safe() && !self.status.is_client_error() {
            line!(debug, self, method, ids, elapsed, "answered");
        } else {
            line!(info, self, method, ids, elapsed, "answered");
        }
    }

    /// What stands behind a refusal, if anything does.
    fn cause(&self) -> Option<String> {
        let error = self.error?.as_error::<AppError>()?;
        error.cause().map(|_| error.to_string())
    }
}
