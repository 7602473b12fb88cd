//! The expiration service: when an order is placed, it schedules the end of the hold.
//!
//! It has no routes and keeps nothing: the schedule lives in the log's server, and the orders
//! service carries it out.
#![deny(missing_docs)]

mod scheduler;

use actix_web::web;
use eventstore::Worker;
use futures_util::future::BoxFuture;
use httpkit::{Missing, Service};
use runtime::{Runtime, StartError};

/// The service, running.
pub struct Expiration {
    worker: Worker,
}

impl Expiration {
    /// Starts the worker.
    ///
    /// # Errors
    /// None today; the other services' starts can fail, and this one looks the same.
    #[allow(clippy::unused_async)]
    pub async fn start(runtime: &Runtime) -> Result<Self, StartError> {
        Ok(Self {
            worker: scheduler::start(&runtime.log),
        })
    }
}

impl Service for Expiration {
    fn name(&self) -> &'static str {
        "expiration"
    }

    fn routes(&self, _: &mut web::ServiceConfig) {}

    fn openapi(&self) -> utoipa::openapi::OpenApi {
        utoipa::openapi::OpenApi::default()
    }

    fn readiness(&self) -> BoxFuture<'_, Vec<Missing>> {
        Box::pin(async { Vec::new() })
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.worker.stop())
    }
}
