//! Logs one line per request.

use std::time::Duration;

use actix_web::{
    error::Error,
    http::{Method, StatusCode},
};
use uuid::Uuid;

use super::outages::Outages;
use crate::{AppError, RequestId};

/// The data of a request's log line that the layer doesn't have anyway.
pub(super) struct AccessLogLine<'a> {
    pub route: &'a str,
    pub path: &'a str,
    pub status: StatusCode,
    pub user: Option<Uuid>,
    pub error: Option<&'a Error>,
    /// The reason, where there is no error.
    pub why: Option<String>,
    /// Whether it was refused because a dependency is known to be down.
    pub behind_gate: bool,
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

impl AccessLogLine<'_> {
    /// Logs failures as errors, with their sources; of those caused by an outage, only the first
    /// for a while. Commands and refusals are logged as information. Successful reads are for
    /// debugging only: they are most of the traffic, and logging one costs more than answering
    /// many.
    pub(super) fn log(
        &self,
        method: &Method,
        ids: (&RequestId, Option<&str>),
        elapsed: Duration,
        outages: &Outages,
    ) {
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            let error = self.why();
            // The gate has logged the outage, and will log its end.
            if self.behind_gate {
                line!(debug, self, method, ids, elapsed, error, "unavailable");
                return;
            }
            match outages.failed(self.route) {
                Some(0) => line!(warn, self, method, ids, elapsed, error, "unavailable"),
                Some(more) => line!(warn, self, method, ids, elapsed, error, more, "unavailable"),
                None => line!(debug, self, method, ids, elapsed, error, "unavailable"),
            }
            return;
        }
        for (route, requests) in outages.answered() {
            tracing::warn!(target: "httpkit::access", route, requests, "more were unavailable");
        }
        if self.status.is_server_error() {
            line!(
                error,
                self,
                method,
                ids,
                elapsed,
                error = self.why(),
                "failed"
            );
        } else if self.status.is_client_error() {
            line!(
                info,
                self,
                method,
                ids,
                elapsed,
                error = self.why(),
                "refused"
            );
        } else if method.is_safe() {
            line!(debug, self, method, ids, elapsed, "answered");
        } else {
            line!(info, self, method, ids, elapsed, "answered");
        }
    }

    /// The source; at least the meaning of the status.
    fn why(&self) -> String {
        let words = match self.error {
            // actix's message about a bad request may repeat the request; our messages are public
            // anyway.
            Some(error) if self.status.is_client_error() => {
                error.as_error::<AppError>().map(ToString::to_string)
            }
            Some(error) => Some(error.to_string()),
            None => self.why.clone(),
        };
        let words = words.filter(|words| !words.is_empty());
        words.unwrap_or_else(|| {
            self.status
                .canonical_reason()
                .unwrap_or("failed")
                .to_owned()
        })
    }
}
