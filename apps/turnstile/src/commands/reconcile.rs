//! `turnstile reconcile`.

use payments::{
    provider, provider_config,
    reconcile::{Reconciliation, reconcile},
};
use runtime::Runtime;

use serde_json::{Value, json};

use super::{CliError, ExitOutcome, output::SaidArgs};

/// Compare every payment in the log with the provider's records; exit code 1 if they differ
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct ReconcileArgs {
    #[command(flatten)]
    said: SaidArgs,
}

const AFTER: &str = "As JSON, one object per line: each difference (what), then the totals (provider, payments in the log,
intents, captured_cents by currency, differences).

Examples:
  turnstile reconcile
  turnstile reconcile --json | jq 'select(.kind == \"difference\")'";

pub(crate) async fn run(args: ReconcileArgs, runtime: &Runtime) -> Result<ExitOutcome, CliError> {
    let mode = runtime.config.payments_to_read()?;
    let provider = provider::books_from_config(&provider_config(&runtime.config, mode))
        .map_err(CliError::failed)?;
    let found = reconcile(&runtime.log, provider.as_ref()).await?;
    let mut output = args.said.open();
    for difference in &found.differences {
        let words = difference.to_string();
        output.tell(&words, "difference", &json!({ "what": words }))?;
    }
    let words = format!(
        "{}: {} payments in the log, {} intents in the books, {} captured, {} differences",
        provider.name(),
        found.payments,
        found.intents,
        captured(&found),
        found.differences.len()
    );
    let sums = found.captured_cents.iter();
    let sums = sums.map(|(currency, cents)| (currency.clone(), json!(cents)));
    let counts = json!({
        "provider": provider.name(),
        "payments": found.payments,
        "intents": found.intents,
        "captured_cents": Value::Object(sums.collect()),
        "differences": found.differences.len(),
    });
    output.tell(&words, "books", &counts)?;
    Ok(ExitOutcome::of(found.differences.is_empty()))
}

/// The captured money that was kept, by currency: sums across currencies would mean nothing.
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
