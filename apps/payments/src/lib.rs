//! The payments service: holds money, and captures it only after the order accepts it.
//!
//! The order is the arbiter. A card is authorized first; the orders service completes the order or
//! refuses, by optimistic concurrency against expiry and cancel; then the money is captured or
//! voided. After a crash at any point, the workers continue.
#![deny(missing_docs)]

mod pay;
pub mod provider;
pub mod reconcile;
mod routes;
mod settle;
mod workers;

use event_streams::{ORDERS, PAYMENTS};
use eventstore::{Store, Worker};
use futures_util::future::{BoxFuture, join_all};
use httpkit::{
    AppError, Config, Constraint, Routes, Service, Unready, config::PaymentsMode,
    error::unavailable,
};
use metrics::{counter, describe_counter, describe_gauge, gauge};
use projections::{MongoStore, RemoteProgress, RunnerSettings};
use read_models::{orders::OrdersProjection, payable_orders::PayableOrders};
use runtime::{Runtime, StartError};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

use domain::payment::Payment;
use eventstore::{HandlerError, Metadata};
use pay::Checkout;
use provider::{Metered, PaymentProvider, ProviderConfig, Timeouts, WebhookEvent, WebhookKind};
use settle::Settlement;

/// The running service. Clones share it.
#[derive(Clone)]
pub struct PaymentsService {
    runtime: Runtime,
    mode: PaymentsMode,
    orders: PayableOrders,
    checkout: Checkout,
    settlement: Settlement,
    workers: Arc<[Worker]>,
}

impl PaymentsService {
    /// Opens the provider, and starts the read model and the workers.
    ///
    /// # Errors
    /// When the provider's configuration is invalid, or the log can't be reached.
    pub async fn start(runtime: &Runtime, read: &MongoStore) -> Result<Self, StartError> {
        let mode = runtime.config.payments_to_serve()?;
        let provider = provider::from_config(&provider_config(&runtime.config, mode))
            .map_err(StartError::service)?;
        tell(mode);
        let provider: Arc<dyn PaymentProvider> = Arc::new(Metered::new(provider));
        let payments: Store<Payment> = runtime.log.store(PAYMENTS);
        let settlement = Settlement {
            orders: runtime.log.store(ORDERS),
            payments: payments.clone(),
            provider: provider.clone(),
        };
        let orders = PayableOrders::start(&runtime.log, read, RunnerSettings::default()).await?;
        let shown = RemoteProgress::listen(
            &OrdersProjection,
            &runtime.log,
            &runtime.config.mongodb_database,
        );
        let checkout = Checkout {
            orders: settlement.orders.clone(),
            payments,
            provider,
            orders_progress: orders.runner().progress().clone(),
            read_model_progress: Arc::new(shown),
        };
        let workers = workers::start(&runtime.log, &settlement);
        Ok(Self {
            runtime: runtime.clone(),
            mode,
            orders,
            checkout,
            settlement,
            workers: workers.into(),
        })
    }

    /// Handles an event of the provider.
    async fn told(&self, event: &WebhookEvent) -> Result<(), AppError> {
        let kind = event.kind;
        if kind.is_about_money_that_leaves() {
            // Nothing here refunds money, so a person or a bank did. A person has to decide what
            // happens to the ticket; `turnstile reconcile` names the payment.
            tracing::warn!(
                reference = %event.reference, ?kind, event = event.id,
                "the provider reports money going back: see turnstile reconcile"
            );
            counter!("payments_reversed_total", "kind" => <&str>::from(kind)).increment(1);
            return Ok(());
        }
        match event.payment_id {
            Some(payment) => {
                tracing::info!(%payment, ?kind, "the provider reported a payment");
                self.refresh_payment(payment).await
            }
            None => Ok(()),
        }
    }

    /// Checks a payment after an event of the provider.
    async fn refresh_payment(&self, payment_id: Uuid) -> Result<(), AppError> {
        let payment = self
            .settlement
            .payments
            .load(&payment_id.to_string())
            .await
            .map_err(runtime::failed)?;
        let Some(begun) = payment.state().begun() else {
            return Ok(());
        };
        let command_id = Uuid::now_v7();
        let metadata = Metadata::of_request(
            command_id,
            command_id.to_string(),
            "payments-webhook",
            chrono::Utc::now(),
        );
        match self.settlement.settle(begun.order_id, &metadata).await {
            Ok(_) => Ok(()),
            // The provider sends it again later.
            Err(
                error @ (HandlerError::Unavailable(_)
                | HandlerError::RetryAfter(_)
                | HandlerError::Poison(_)),
            ) => Err(unavailable("The service", 1).with_source(error)),
        }
    }
}

/// Reports the provider in log and metrics, as a warning where no money moves.
fn tell(mode: PaymentsMode) {
    describe_gauge!(
        "payment_provider",
        "Always 1; the label is the payment provider: stripe, stripe-test or sandbox"
    );
    describe_counter!(
        "payments_lost_total",
        "Payments whose money the provider let go after their order was complete; the sale was undone"
    );
    describe_counter!(
        "payments_reversed_total",
        "Webhooks that reported a refund or a dispute, by kind"
    );
    // From the start; otherwise the first one would be no increase.
    counter!("payments_lost_total").absolute(0);
    for kind in [WebhookKind::Refunded, WebhookKind::Disputed] {
        counter!("payments_reversed_total", "kind" => <&str>::from(kind)).absolute(0);
    }
    gauge!("payment_provider", "mode" => <&str>::from(mode)).set(1.0);
    let name = <&str>::from(mode);
    match mode {
        PaymentsMode::Stripe => tracing::info!(mode = name, "payments go through Stripe"),
        PaymentsMode::StripeTest | PaymentsMode::Sandbox => {
            tracing::warn!(
                mode = name,
                "payments move no money: tickets are given away"
            );
        }
    }
}

/// The provider's part of the configuration.
pub fn provider_config(config: &Config, mode: PaymentsMode) -> ProviderConfig {
    let total: Duration = config.stripe.timeout;
    let default = Timeouts::default();
    ProviderConfig {
        mode,
        stripe_secret_key: config.stripe.secret_key.clone(),
        stripe_api_base: config.stripe.api_base.clone(),
        stripe_webhook_secret: config.stripe.webhook_secret.clone(),
        data_dir: config.data_dir.clone(),
        timeouts: Timeouts {
            connect: default.connect.min(total),
            per_try: default.per_try.min(total),
            total,
        },
    }
}

/// The service's part of the API's description.
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes::all().openapi()
}

impl Service for PaymentsService {
    fn name(&self) -> &'static str {
        "payments"
    }

    fn routes(&self) -> Routes {
        routes::all().with(self.clone())
    }

    fn constraints(&self) -> Vec<Constraint> {
        routes::constraints()
    }

    fn readiness(&self) -> Vec<Unready> {
        Vec::from_iter(runtime::read_model_lacks(
            "payments read model",
            self.orders.runner(),
        ))
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            join_all(self.workers.iter().map(Worker::stop)).await;
            self.orders.runner().stop().await;
        })
    }
}
