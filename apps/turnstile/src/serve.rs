//! `turnstile serve`: all services and the web app in one process.

use host::StartError;
use httpkit::Service;
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
    host::launch_with(
        config,
        "turnstile",
        Some(crate::web::routes),
        async |host| {
            Ok(vec![
                Arc::new(auth::Auth::start(&host).await?) as Arc<dyn Service>,
                Arc::new(tickets::Tickets::start(&host).await?),
                Arc::new(orders::Orders::start(&host).await?),
                Arc::new(payments::Payments::start(&host).await?),
                Arc::new(expiration::Expiration::start(&host).await?),
                Arc::new(analytics::Analytics::start(&host)),
            ])
        },
    )
    .await
}
