//! Checks whether the ends of the streams are still as this process saw them.
//!
//! [`TailTracker`] states why.

use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

use super::standing::{standing, standing_for_certain};
use crate::{
    StoreError,
    connection::{CommitPlace, Connection, TailTracker, WeakConnection},
};

/// Interval of the checks while the connection is up: a server of a cluster may lose the last
/// writes of its disk while this process is connected to another.
const LOOK: Duration = Duration::from_secs(5);
/// Pause before a check is repeated.
const PAUSE: Duration = Duration::from_millis(100);

/// Checks the ends after each connection, when there is doubt, and at intervals, for as long as the
/// log is in use.
pub(crate) async fn keep_proved(
    log: WeakConnection,
    tails: Arc<TailTracker>,
    mut connected: watch::Receiver<bool>,
) {
    loop {
        connected.borrow_and_update();
        let is_connected = tails.begin();
        let Some(connection) = log.upgrade() else {
            return;
        };
        // First the publisher, then the check: it proves the state of the server that the publisher
        // is connected to.
        let proved = is_connected
            && tails.ensure_publisher(connection.config()).await
            && prove_tails(&connection).await;
        drop(connection);
        if proved {
            tails.set_proved(true);
        }
        let pause = if proved || !is_connected { LOOK } else { PAUSE };
        tokio::select! {
            changed = connected.changed() => if changed.is_err() { return },
            () = tails.doubted() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Checks whether the newest commits that were seen still exist. Returns whether that is known.
async fn prove_tails(connection: &Connection) -> bool {
    let mut proved = true;
    for place in connection.tails().to_prove() {
        if let Err(error) = prove_tail(connection, place).await {
            let stream = place.stream;
            tracing::debug!(%stream, %error, "can't look whether the end of the log stands");
            proved = false;
        }
    }
    proved
}

async fn prove_tail(connection: &Connection, place: CommitPlace) -> Result<(), StoreError> {
    let CommitPlace {
        stream, sequence, ..
    } = place;
    let tails = connection.tails();
    if !standing(connection, place).await?.is_lost() {
        tails.agrees(stream);
        return Ok(());
    }
    // Nothing may be decided on cached state until it is known what is left of it.
    tails.set_proved(false);
    if !standing_for_certain(connection, place).await?.is_lost() {
        tails.agrees(stream);
        return Ok(());
    }
    let is_lost = async |(sequence, commit_id)| {
        let place = CommitPlace {
            stream,
            sequence,
            commit_id: Some(commit_id),
        };
        Ok::<_, StoreError>(standing(connection, place).await?.is_lost())
    };
    // The commits that still exist are the oldest ones, so a binary search finds their end.
    let mut places = tails.places(stream);
    // Without commits that were seen since the log continued.
    while let Some(last) = places.last()
        && last.0 > sequence
        && !is_lost(*last).await?
    {
        places.pop();
    }
    let (mut low, mut high) = (0, places.partition_point(|(place, _)| *place <= sequence));
    while low < high {
        let middle = low.midpoint(high);
        if is_lost(places[middle]).await? {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    tails.lose(stream, &places, low);
    Ok(())
}
