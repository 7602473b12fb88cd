//! The expiration service: when an order is placed, it schedules the end of the hold.
//!
//! It has no routes and stores nothing: the NATS server keeps the schedule, and the orders service
//! carries it out.
#![deny(missing_docs)]

use domain::{ExpireOrder, policies, workers};
use event_streams::ORDERS;
use eventstore::Worker;
use futures_util::future::BoxFuture;
use httpkit::Service;
use runtime::Runtime;

/// The running service.
pub struct ExpirationService {
    worker: Worker,
}

impl ExpirationService {
    /// Starts the worker.
    pub fn start(runtime: &Runtime) -> Self {
        Self {
            worker: runtime::reactions::schedule(
                &runtime.log,
                ORDERS,
                workers::EXPIRATION_ON_ORDERS,
                ExpireOrder::KIND,
                policies::expiration_on_orders,
            ),
        }
    }
}

impl Service for ExpirationService {
    fn name(&self) -> &'static str {
        "expiration"
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.worker.stop())
    }
}
