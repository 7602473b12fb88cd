//! Tickets as they change, for those who watch.
//!
//! The stream follows the read model, so what is told can also be read. Each step names the
//! commit that it reflects; a watcher who lost the connection says where it was, and what changed
//! since is looked up in the log. So nothing is buffered for anybody: a reader who is too slow is
//! let go, comes back by itself and goes on where it was.
//!
//! Everything here is bounded: those who watch, those who look up what they missed, how much that
//! may be and how long it may take. After a restart all watchers come back at once, each with
//! something missed.

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

/// How many commits are looked up for a watcher who comes back. After more it is told to read
/// everything anew, which is cheaper for both.
const MOST_MISSED: u64 = 1_000;
/// How long it may take to look up what a watcher missed, or to read what changed. A watcher who
/// waits longer is better served by reading everything anew.
const LOOK_UP: Duration = Duration::from_secs(5);

/// Where a watcher is: a place in the stream, and how often the stream had lost what was shown of
/// it before. After that the same place is another.
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

/// Server-sent events from after a place on, or from now on.
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
            // An error says that this reader was too slow, or that the process ends.
            let step = step.ok()?;
            match step.changed {
                Changed::Some(ids) if ids.is_empty() => {}
                Changed::Some(ids) if ids.len() as u64 > MOST_MISSED => {
                    return Some(reset(self.at(step.to)));
                }
                // What can't be read in time isn't told: the watcher comes back later.
                Changed::Some(ids) => {
                    let ids = ids.iter().filter_map(DocumentId::as_uuid).collect();
                    return timeout(LOOK_UP, self.tell(&ids, step.to)).await.ok()?.ok();
                }
                Changed::Any => return Some(reset(self.at(step.to))),
            }
        }
    }

    /// A place as it is told.
    fn at(&self, sequence: u64) -> EventId {
        EventId {
            lineage: self.view.runner().progress().lineage(),
            sequence,
        }
    }

    /// The first chunk: what a watcher missed who comes back, or a sign that it is heard.
    async fn begin(&mut self, after: Option<EventId>) -> Bytes {
        let applied = self.view.runner().progress().applied();
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
            // If what was missed can't be read, the stream ends without a place in the log: with
            // one, the watcher would come back as if it had been told.
            Ok(Err(_)) => {
                self.ended = true;
                Bytes::from_static(b"retry: 1000\n\n")
            }
            Err(_elapsed) => reset(now),
        }
    }

    /// The tickets that changed after a commit; `None` if they are too many to look up, or the
    /// watcher has seen another log.
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

    /// The tickets as they are now. Only the last carries the commit: a watcher who lost the
    /// connection in between gets all of them again.
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

/// Tells a watcher to read everything anew.
fn reset(to: EventId) -> Bytes {
    Bytes::from(format!("id: {to}\nevent: reset\ndata: {{}}\n\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_names_the_log_that_it_is_of_and_is_read_again() {
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
