//! `turnstile projections`.

use ::projections::{
    Projection, RebuildProgress, orders::OrdersProjection, payments::PayableOrdersProjection,
    rebuild, tickets::TicketsProjection,
};
use host::Host;

use super::{CommandError, Outcome};
use crate::cli::{ProjectionName, Projections};

pub(super) async fn run(command: Projections, host: &Host) -> Result<Outcome, CommandError> {
    let Projections::Rebuild { name } = command;
    let key = match name {
        ProjectionName::Tickets => TicketsProjection.key(),
        ProjectionName::Orders => OrdersProjection.key(),
        ProjectionName::PayableOrders => PayableOrdersProjection.key(),
    };
    rebuild(&host.read, &key, |progress| show(&key, &progress))
        .await
        .map_err(|error| CommandError::Failed(error.to_string()))?;
    println!("{key}: rebuilt");
    Ok(Outcome::Well)
}

fn show(key: &str, progress: &RebuildProgress) {
    let RebuildProgress {
        done,
        total,
        per_second,
        seconds_left,
    } = progress;
    eprintln!(
        "{key}: {done} of {total} events, {per_second:.0} a second, {seconds_left:.0} s left"
    );
}
