//! `turnstile serve`: all services and the web app in one process.

use httpkit::Service;
use runtime::StartError;
use std::sync::Arc;

use crate::commands::Servers;

/// Runs until SIGTERM or SIGINT.
pub(crate) async fn serve(servers: &Servers) -> Result<(), StartError> {
    let config = servers
        .config()
        .map_err(|error| StartError::Config(error.to_string()))?;
    // Before anything is waited for.
    config
        .payments_to_serve()
        .map_err(|error| StartError::Config(error.to_string()))?;
    runtime::launch_with(
        config,
        "turnstile",
        Some(crate::assets::routes),
        async |runtime| {
            Ok(vec![
                Arc::new(auth::Auth::start(&runtime).await?) as Arc<dyn Service>,
                Arc::new(tickets::Tickets::start(&runtime).await?),
                Arc::new(orders::Orders::start(&runtime).await?),
                Arc::new(payments::Payments::start(&runtime).await?),
                Arc::new(expiration::Expiration::start(&runtime).await?),
                Arc::new(analytics::Analytics::start(&runtime)),
            ])
        },
    )
    .await
}
