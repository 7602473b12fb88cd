//! `turnstile web`: the web app and the description of the API, for a deployment that runs each
//! service on its own. It needs neither log nor database.

use actix_web::web::ServiceConfig;
use futures_util::future::BoxFuture;
use httpkit::{
    Config, Gate, Missing, Server, Service, SessionVerifier, service::termination, telemetry,
};
use runtime::StartError;
use std::{io, sync::Arc};
use utoipa::openapi::OpenApi;

/// Runs until SIGTERM or SIGINT.
pub(crate) async fn serve() -> Result<(), StartError> {
    let config = Config::from_env().map_err(|error| StartError::Config(error.to_string()))?;
    telemetry::start(&config, "frontend").map_err(|error| StartError::Config(error.to_string()))?;
    let fault = |error: io::Error| StartError::Serve(error.to_string());
    Server::new(&config.http, Gate::new(), SessionVerifier::default())
        .services(described())
        .fallback(crate::assets::routes)
        .stop_on(termination().map_err(fault)?)
        .bind()
        .map_err(fault)?
        .run()
        .await
        .map_err(fault)
}

/// A service that runs elsewhere: only what it offers is told here.
struct Described {
    name: &'static str,
    openapi: fn() -> OpenApi,
}

fn described() -> impl Iterator<Item = Arc<dyn Service>> {
    [
        ("auth", auth::openapi as fn() -> OpenApi),
        ("tickets", tickets::openapi),
        ("orders", orders::openapi),
        ("payments", payments::openapi),
        ("analytics", analytics::openapi),
    ]
    .into_iter()
    .map(|(name, openapi)| Arc::new(Described { name, openapi }) as Arc<dyn Service>)
}

impl Service for Described {
    fn name(&self) -> &'static str {
        self.name
    }

    fn routes(&self, _: &mut ServiceConfig) {}

    fn openapi(&self) -> OpenApi {
        (self.openapi)()
    }

    fn readiness(&self) -> BoxFuture<'_, Vec<Missing>> {
        Box::pin(async { Vec::new() })
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}
