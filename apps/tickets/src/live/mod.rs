//! A stream of changed tickets.
//!
//! The stream follows the read model, so everything it sends can also be read. Each event contains
//! the commit that it reflects; a client that lost the connection sends its last one, and later
//! changes are looked up in the log. So nothing is buffered per client: one that reads too slowly
//! is disconnected, reconnects automatically and continues where it was.
//!
//! Everything here is limited: clients, concurrent look-ups of missed changes, their number and
//! duration. After a restart all clients reconnect at once, each with missed changes.

mod watcher_limit;

pub(crate) use watcher_limit::WatcherLimit;

use bytes::Bytes;
use event_streams::TICKETS;
use eventstore::{Log, StoreError};
use futures_util::{Stream, TryStreamExt, stream};
use httpkit::sse::{HEARTBEAT, append, heartbeat};
use projections::{Applied, Changed, DocumentId, ReadError};
use read_models::tickets::Tickets;
use std::{collections::HashSet, fmt, num::ParseIntError, pin::pin, str::FromStr, time::Duration};
use tokio::{sync::broadcast, time::timeout};
use uuid::Uuid;

use watcher_limit::WatcherPermit;

/// Limit for commits that are looked up for a client that reconnects. After more it is asked to
/// reload everything, which is cheaper for both sides.
const MOST_MISSED: u64 = 1_000;
/// Time limit for looking up missed changes, or for reading what changed. Reloading everything is
/// faster for a client than waiting longer.
const LOOK_UP: Duration = Duration::from_secs(5);

/// A client's position: a place in the stream, and the number of times that the stream had lost
/// commits that were shown before. After a loss the same place means another commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventId {
    lineage: u64,
    sequence: u64,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.lineage {
            0 => write!(f, "{}", self.sequence),
            lineage => write!(f, "{}-{lineage}", self.sequence),
        }
    }
}

impl FromStr for EventId {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        let (sequence, lineage) = text.split_once('-').unwrap_or((text, "0"));
        Ok(Self {
            lineage: lineage.parse()?,
            sequence: sequence.parse()?,
        })
    }
}

/// Server-sent events after a position, or from now on.
pub(crate) fn watch(
    log: Log,
    view: Tickets,
    after: Option<EventId>,
    place: WatcherPermit,
) -> impl Stream<Item = Bytes> {
    let changes = view.runner().progress().changes();
    let state = Watching {
        log,
        view,
        changes,
        place,
        begun: false,
        after,
        ended: false,
    };
    stream::unfold(state, |mut state| async move {
        if state.ended {
            return None;
        }
        let chunk = state.next().await?;
        Some((chunk, state))
    })
}

struct Watching {
    log: Log,
    view: Tickets,
    changes: broadcast::Receiver<Applied>,
    place: WatcherPermit,
    begun: bool,
    after: Option<EventId>,
    ended: bool,
}

impl Watching {
    async fn next(&mut self) -> Option<Bytes> {
        if !std::mem::replace(&mut self.begun, true) {
            return Some(self.begin(self.after).await);
        }
        loop {
            let Ok(step) = timeout(HEARTBEAT, self.changes.recv()).await else {
                return Some(heartbeat());
            };
            // An error means that this client was too slow, or that the process is stopping.
            let step = step.ok()?;
            match step.changed {
                Changed::Some(ids) if ids.is_empty() => {}
                Changed::Some(ids) if ids.len() as u64 > MOST_MISSED => {
                    return Some(reset(self.at(step.to.of(TICKETS))));
                }
                // Changes that can't be read in time aren't sent: the client reconnects later.
                Changed::Some(ids) => {
                    let ids = ids.iter().filter_map(DocumentId::as_uuid).collect();
                    return timeout(LOOK_UP, self.tell(&ids, step.to.of(TICKETS)))
                        .await
                        .ok()?
                        .ok();
                }
                Changed::Any => return Some(reset(self.at(step.to.of(TICKETS)))),
            }
        }
    }

    /// The position of a commit.
    fn at(&self, sequence: u64) -> EventId {
        EventId {
            lineage: self.view.runner().progress().lineage(),
            sequence,
        }
    }

    /// The first chunk: missed changes after a reconnection, or a sign that the stream is open.
    async fn begin(&mut self, after: Option<EventId>) -> Bytes {
        let applied = self.view.runner().progress().applied().of(TICKETS);
        let now = self.at(applied);
        let greeting = Bytes::from(format!("retry: 1000\nid: {now}\n: watching\n\n"));
        let Some(after) = after.filter(|after| *after != now) else {
            return greeting;
        };
        if after.lineage != now.lineage {
            return reset(now);
        }
        let after = after.sequence;
        let missed = async {
            let _turn = self.place.look_up().await;
            let ids = match self.changed_since(after, applied).await {
                Ok(Some(ids)) => ids,
                Ok(None) => return Ok(reset(now)),
                Err(error) => {
                    tracing::debug!(%error, "could not look up what a watcher missed");
                    return Ok(reset(now));
                }
            };
            if ids.is_empty() {
                return Ok(greeting);
            }
            self.tell(&ids, applied).await
        };
        match timeout(LOOK_UP, missed).await {
            Ok(Ok(told)) => told,
            // If missed changes can't be read, the stream ends without a position: with one, the
            // client would reconnect as if it had received them.
            Ok(Err(_)) => {
                self.ended = true;
                Bytes::from_static(b"retry: 1000\n\n")
            }
            Err(_elapsed) => reset(now),
        }
    }

    /// The tickets that changed after a commit; `None` if there are too many to look up, or the
    /// client has followed another log.
    async fn changed_since(
        &self,
        after: u64,
        applied: u64,
    ) -> Result<Option<HashSet<Uuid>>, StoreError> {
        if after > applied || applied - after > MOST_MISSED {
            return Ok(None);
        }
        let mut ids = HashSet::new();
        let mut commits = pin!(self.log.reader().range(TICKETS, after + 1, applied).await?);
        while let Some(commit) = commits.try_next().await? {
            ids.extend(Uuid::parse_str(&commit.aggregate_id));
        }
        Ok(Some(ids))
    }

    /// The current state of the tickets. Only the last event contains the position: a client that
    /// loses the connection in between gets all of them again.
    async fn tell(&self, ids: &HashSet<Uuid>, to: u64) -> Result<Bytes, ReadError> {
        let mut chunk = Vec::new();
        for id in ids {
            if let Some(ticket) = self.view.find(*id).await? {
                append(&mut chunk, "ticket", &ticket.bytes);
            }
        }
        chunk.extend_from_slice(format!("id: {}\n\n", self.at(to)).as_bytes());
        Ok(chunk.into())
    }
}

/// Asks a client to reload everything.
fn reset(to: EventId) -> Bytes {
    Bytes::from(format!("id: {to}\nevent: reset\ndata: {{}}\n\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_names_its_log_and_can_be_parsed() {
        for (text, lineage, sequence) in [("7", 0, 7), ("7-2", 2, 7)] {
            let id = EventId { lineage, sequence };
            assert_eq!(id.to_string(), text);
            assert_eq!(text.parse(), Ok(id));
        }
        for text in ["", "x", "7-", "-7", "7-x", "7-1-2"] {
            assert!(text.parse::<EventId>().is_err(), "{text}");
        }
    }
}
