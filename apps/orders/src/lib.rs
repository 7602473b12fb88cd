//! The orders service: which buyer holds which ticket, until when, and which buyer gets it.
//!
//! All orders of a ticket are one aggregate, which is the arbiter of every race: for the ticket,
//! and between paying, cancelling and expiring.
#![deny(missing_docs)]

mod commands;
mod response;
mod routes;
mod workers;

use domain::InvalidCurrency;
use event_streams::{ORDERS, TICKETS};
use eventstore::Worker;
use futures_util::future::{BoxFuture, join_all};
use httpkit::{
    AppError, Constraint, Routes, Service, Unready,
    error::{not_found, unauthorized},
};
use projections::{MongoStore, RunnerSettings};
use runtime::{Runtime, StartError};
use std::sync::Arc;
use uuid::Uuid;

use commands::Commands;

/// The running service. Clones share it.
#[derive(Clone)]
pub struct OrdersService {
    runtime: Runtime,
    commands: Commands,
    view: read_models::orders::Orders,
    workers: Arc<[Worker]>,
}

impl OrdersService {
    /// Starts the read model and the workers.
    ///
    /// # Errors
    /// When the log can't be reached.
    pub async fn start(runtime: &Runtime, read: &MongoStore) -> Result<Self, StartError> {
        let currency = runtime.config.stripe.currency.parse();
        let currency =
            currency.map_err(|error: InvalidCurrency| StartError::setting("CURRENCY", error))?;
        let commands = Commands {
            orders: runtime.log.store(ORDERS),
            tickets: runtime.log.store(TICKETS),
            hold: runtime.config.order_hold,
            currency,
        };
        let view =
            read_models::orders::Orders::start(&runtime.log, read, RunnerSettings::default())
                .await?;
        let workers = workers::start(&runtime.log, &commands);
        tokio::spawn(workers::expiry::sweep(
            commands.clone(),
            view.clone(),
            runtime.stopping(),
        ));
        Ok(Self {
            runtime: runtime.clone(),
            commands,
            view,
            workers: workers.into(),
        })
    }

    /// An order of the caller: 404 if it doesn't exist, 401 if it belongs to another user.
    async fn find_own(&self, id: &str, caller: Uuid) -> Result<api::Order, AppError> {
        let id = Uuid::parse_str(id).map_err(|_| not_found())?;
        let order = self
            .view
            .find(id)
            .await
            .map_err(runtime::read_failed)?
            .ok_or_else(not_found)?;
        if order.user_id == caller {
            Ok(order)
        } else {
            Err(unauthorized())
        }
    }
}

/// The service's part of the API's description.
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes::all().openapi()
}

impl Service for OrdersService {
    fn name(&self) -> &'static str {
        "orders"
    }

    fn routes(&self) -> Routes {
        routes::all().with(self.clone())
    }

    fn constraints(&self) -> Vec<Constraint> {
        routes::constraints()
    }

    fn readiness(&self) -> Vec<Unready> {
        Vec::from_iter(runtime::read_model_lacks(
            "orders read model",
            self.view.runner(),
        ))
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            join_all(self.workers.iter().map(Worker::stop)).await;
            self.view.runner().stop().await;
        })
    }
}
