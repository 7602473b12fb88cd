//! `turnstile verify`.

use ::projections::{
    Projection, orders::OrdersProjection, payments::PayableOrdersProjection,
    tickets::TicketsProjection, verify,
};
use host::Host;

use super::{CommandError, Outcome};

pub(super) async fn run(host: &Host) -> Result<Outcome, CommandError> {
    let results = [
        check(&TicketsProjection, host).await?,
        check(&OrdersProjection, host).await?,
        check(&PayableOrdersProjection, host).await?,
    ];
    Ok(if results.contains(&Outcome::Found) {
        Outcome::Found
    } else {
        Outcome::Well
    })
}

async fn check<P: Projection>(projection: &P, host: &Host) -> Result<Outcome, CommandError> {
    let key = projection.key();
    let difference = verify(projection, &host.log, &host.read)
        .await
        .map_err(|error| CommandError::Failed(error.to_string()))?;
    let Some(difference) = difference else {
        println!("{key}: equals a replay of {}", projection.stream());
        return Ok(Outcome::Well);
    };
    let shown = |document: Option<_>| {
        document.map_or_else(|| "nothing".to_owned(), |document| format!("{document}"))
    };
    println!("{key}: document {} differs", difference.id);
    println!("  a replay gives {}", shown(difference.replayed));
    println!("  stored is      {}", shown(difference.stored));
    Ok(Outcome::Found)
}
