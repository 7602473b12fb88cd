use api::Config;

use super::{Outcome, read};

/// How the server is configured, as far as the app has to know.
pub async fn config() -> Outcome<Config> {
    read("/api/payments/config").await
}
