//! `turnstile reconcile`.

use host::Host;
use payments::{provider, provider_config, reconcile::reconcile};

use super::{CommandError, Outcome, output::say};

pub(super) async fn run(host: &Host) -> Result<Outcome, CommandError> {
    let failed = |error: String| CommandError::Failed(error);
    let mode = host
        .config
        .payments_to_read()
        .map_err(|e| failed(e.to_string()))?;
    let provider = provider::reader_from_config(&provider_config(&host.config, mode))
        .map_err(|e| failed(e.to_string()))?;
    let found = reconcile(&host.log, provider.as_ref(), &host.config.stripe.currency)
        .await
        .map_err(|e| failed(e.to_string()))?;
    for difference in &found.differences {
        say(&difference.to_string())?;
    }
    say(&format!(
        "{}: {} payments in the log, {} intents in the books, {}.{:02} captured, {} differences",
        provider.name(),
        found.payments,
        found.intents,
        found.captured_cents / 100,
        found.captured_cents % 100,
        found.differences.len()
    ))?;
    Ok(if found.differences.is_empty() {
        Outcome::Well
    } else {
        Outcome::Found
    })
}
