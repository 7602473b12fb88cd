use api::WebConfig;
use serde::Deserialize;

use super::{Request, json};

/// How the server is configured, as far as the app has to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// As the server says it.
    pub config: WebConfig,
    /// Who takes the payments.
    pub provider: Provider,
}

/// Who takes the payments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provider {
    /// The sandbox, which takes test cards only.
    Sandbox,
    /// Stripe, with the key that the browser introduces itself with.
    Stripe(String),
    /// One that this app has no form for.
    Other,
}

/// Read beside the rest, so that a server that doesn't say it yet is understood too.
#[derive(Deserialize)]
struct Named {
    provider: Option<String>,
}

/// How the server is configured.
pub fn config() -> Request<Settings> {
    Request::new("GET", "/api/payments/config".to_owned(), |reply| {
        let config: WebConfig = json(reply)?;
        let named: Named = json(reply)?;
        let key = config.stripe_publishable_key.clone();
        let provider = match (named.provider.as_deref(), key) {
            (Some("sandbox"), _) | (None, None) => Provider::Sandbox,
            (Some("stripe") | None, Some(key)) => Provider::Stripe(key),
            _ => Provider::Other,
        };
        Some(Settings { config, provider })
    })
}
