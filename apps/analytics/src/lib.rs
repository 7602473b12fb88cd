//! The analytics service: the figures of the market, live, for users with the role `analyst`.
//!
//! It only reads the log, and stores nothing: it has no stream, no read model and no checkpoint,
//! only the state of its folds in memory. While no analyst watches, it does not even read.
#![deny(missing_docs)]

mod access;
mod figures;
mod follower;
mod live;
mod routes;

use event_streams::USERS;
use futures_util::future::BoxFuture;
use httpkit::{Routes, Service};
use runtime::Runtime;
use std::sync::Arc;
use tokio::sync::Semaphore;

use access::Analysts;
use follower::{FollowerConfig, LogFollower};

/// Limit for watchers, unless the operator allows fewer live streams. Each receives all figures up
/// to once per second, and its role is checked as often; analysts are few.
const MOST_WATCHERS: usize = 200;

/// The running service. Clones share it.
#[derive(Clone)]
pub struct AnalyticsService {
    runtime: Runtime,
    analysts: Analysts,
    follower: LogFollower,
    room: Arc<Semaphore>,
}

impl AnalyticsService {
    /// Prepares it. The log is read on the first request.
    pub fn start(runtime: &Runtime) -> Self {
        Self {
            runtime: runtime.clone(),
            analysts: Analysts(runtime.log.store(USERS)),
            follower: LogFollower::new(&runtime.log, FollowerConfig::default()),
            room: Arc::new(Semaphore::new(
                MOST_WATCHERS.min(runtime.config.live_watchers),
            )),
        }
    }
}

/// The service's part of the API's description.
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes::all().openapi()
}

impl Service for AnalyticsService {
    fn name(&self) -> &'static str {
        "analytics"
    }

    fn routes(&self) -> Routes {
        routes::all().with(self.clone())
    }

    // It is ready before it has figures: it reads the log only while an analyst watches, and a pod
    // that isn't ready gets no request that could start that.

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.follower.stop())
    }
}
