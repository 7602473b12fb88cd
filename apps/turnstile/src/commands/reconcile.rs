//! `turnstile reconcile`.

use host::Host;
use payments::{
    provider, provider_config,
    reconcile::{Reconciliation, reconcile},
};

use super::{CommandError, Outcome, output::say};

pub(super) async fn run(host: &Host) -> Result<Outcome, CommandError> {
    let failed = |error: String| CommandError::Failed(error);
    let mode = host
        .config
        .payments_to_read()
        .map_err(|e| failed(e.to_string()))?;
    let provider = provider::reader_from_config(&provider_config(&host.config, mode))
        .map_err(|e| failed(e.to_string()))?;
    let found = reconcile(&host.log, provider.as_ref())
        .await
        .map_err(|e| failed(e.to_string()))?;
    for difference in &found.differences {
        say(&difference.to_string())?;
    }
    say(&format!(
        "{}: {} payments in the log, {} intents in the books, {} captured, {} differences",
        provider.name(),
        found.payments,
        found.intents,
        captured(&found),
        found.differences.len()
    ))?;
    Ok(if found.differences.is_empty() {
        Outcome::Well
    } else {
        Outcome::Found
    })
}

/// What was taken and kept, by currency: sums across currencies would mean nothing.
fn captured(found: &Reconciliation) -> String {
    let sums = found.captured_cents.iter();
    let sums: Vec<_> = sums
        .map(|(currency, cents)| format!("{}.{:02} {currency}", cents / 100, cents % 100))
        .collect();
    if sums.is_empty() {
        "nothing".to_owned()
    } else {
        sums.join(" and ")
    }
}
