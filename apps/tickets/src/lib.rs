//! The tickets service: what is for sale, by which seller, at which price, and what is held.
//!
//! Commands append to the log, queries read the service's own read model, and a worker follows the
//! orders to record which tickets they hold.
#![deny(missing_docs)]

mod commands;
mod live;
mod response;
mod routes;

use domain::{Price, policies, workers};
use event_streams::{ORDERS, TICKETS};
use eventstore::Worker;
use futures_util::future::BoxFuture;
use httpkit::{Constraint, Routes, Service, Unready};
use projections::{MongoStore, RunnerSettings};
use runtime::{Runtime, StartError};
use std::sync::Arc;

use commands::Commands;

/// The running service. Clones share it.
#[derive(Clone)]
pub struct TicketsService {
    runtime: Runtime,
    commands: Commands,
    view: read_models::tickets::Tickets,
    room: live::WatcherLimit,
    /// The lowest price that a card can pay.
    least_price: Price,
    worker: Arc<Worker>,
}

impl TicketsService {
    /// Starts the read model and the worker.
    ///
    /// # Errors
    /// When the log can't be reached.
    pub async fn start(runtime: &Runtime, read: &MongoStore) -> Result<Self, StartError> {
        let commands = Commands {
            tickets: runtime.log.store(TICKETS),
            orders: runtime.log.store(ORDERS),
        };
        let view =
            read_models::tickets::Tickets::start(&runtime.log, read, RunnerSettings::default())
                .await?;
        let worker = runtime::reactions::react(
            &runtime.log,
            ORDERS,
            workers::TICKETS_ON_ORDERS,
            commands.tickets.clone(),
            policies::tickets_on_orders,
        );
        let least_price = Price::from_cents(runtime.config.stripe.smallest_charge())
            .map_err(|error| StartError::setting("CURRENCY", error))?;
        Ok(Self {
            runtime: runtime.clone(),
            commands,
            view,
            room: live::WatcherLimit::new(runtime.config.live_watchers),
            least_price,
            worker: Arc::new(worker),
        })
    }
}

/// The service's part of the API's description.
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes::all().openapi()
}

impl Service for TicketsService {
    fn name(&self) -> &'static str {
        "tickets"
    }

    fn routes(&self) -> Routes {
        routes::all().with(self.clone())
    }

    fn constraints(&self) -> Vec<Constraint> {
        routes::constraints(self.least_price)
    }

    fn readiness(&self) -> Vec<Unready> {
        Vec::from_iter(runtime::read_model_lacks(
            "tickets read model",
            self.view.runner(),
        ))
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.worker.stop().await;
            self.view.runner().stop().await;
        })
    }
}
