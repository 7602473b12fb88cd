//! Reading the commits of one aggregate.

use std::time::Duration;
use uuid::Uuid;

use super::{
    ephemeral_consumer::EphemeralConsumer,
    message::Messages,
    standing::{Standing, check_still_stands},
};
use crate::{
    Commit, StoreError, StreamName,
    connection::{CommitPlace, Connection},
    subject::Subject,
};

/// From this number of events on, commits are read through a consumer. An aggregate usually has few
/// commits, each read with a direct get: a consumer costs more to create than that. But an
/// aggregate with thousands must not become unreadable within the time limit of a command.
const MANY: u64 = 64;
/// Pause before a lagging replica is asked again.
const LAG_PAUSE: Duration = Duration::from_millis(5);
/// Number of times a replica may lag before the leader is asked instead, which the replicas are
/// there to relieve. A replica that is cut off would never catch up.
const MISSES: u32 = 2;

/// How much of an aggregate's history is known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KnownHistory {
    /// Sequence of the last known commit; 0 if there is none.
    pub sequence: u64,
    /// Number of events up to there.
    pub version: u64,
    /// Identity of that commit.
    pub commit: Option<Uuid>,
}

/// Reads the commits of one aggregate.
#[derive(Clone, Copy)]
pub(crate) struct History<'a> {
    connection: &'a Connection,
}

impl<'a> History<'a> {
    pub fn of(connection: &'a Connection) -> Self {
        Self { connection }
    }

    /// Reads the commits of an aggregate after a place, and passes each to `take` as it arrives,
    /// oldest first. Returns the sequence of the newest commit; 0 if there is none.
    ///
    /// First proves that the commit at the place itself still exists: if it was lost, as many other
    /// commits may have followed, and nothing would seem to be missing.
    ///
    /// Passes commits one by one instead of all at the end: a reader that is interrupted continues
    /// where it was.
    pub async fn after(
        &self,
        known: KnownHistory,
        aggregate: Subject<'_>,
        mut take: impl FnMut(Commit) -> Result<(), StoreError> + Send,
    ) -> Result<u64, StoreError> {
        let sequence = known.sequence;
        let place = CommitPlace {
            stream: aggregate.stream,
            sequence,
            commit_id: known.commit,
        };
        let messages = Messages::of(self.connection);
        let last = messages.last_commit(aggregate.stream, aggregate.key);
        let Some(last) = last.await? else {
            return Ok(0);
        };
        let end = last.sequence;
        if end == sequence && known.commit.is_some_and(|known| known != last.commit_id) {
            let found = Standing::Replaced(Some(last.commit_id));
            found.check(place)?;
        }
        if end > sequence {
            if known.commit.is_some() {
                check_still_stands(self.connection, place).await?;
            }
            let ahead = last.version.saturating_sub(known.version);
            if ahead == 0 {
                // A single commit of another process, or the only one of the aggregate.
                take(last)?;
            } else if ahead < MANY {
                self.read_via_direct_get(last, sequence + 1, &mut take)
                    .await?;
            } else {
                self.read_via_consumer(last, sequence + 1, &mut take)
                    .await?;
            }
        }
        Ok(end)
    }

    /// Reads the commits of an aggregate up to one of them, oldest first.
    pub async fn up_to(
        &self,
        stream: StreamName,
        sequence: u64,
        mut take: impl FnMut(Commit) -> Result<(), StoreError> + Send,
    ) -> Result<(), StoreError> {
        let last = Messages::of(self.connection)
            .commit_at(stream, sequence)
            .await?;
        match last.version {
            0 => take(last),
            version if version < MANY => self.read_via_direct_get(last, 1, &mut take).await,
            _ => self.read_via_consumer(last, 1, &mut take).await,
        }
    }

    async fn read_via_direct_get(
        &self,
        last: Commit,
        mut from: u64,
        take: &mut (impl FnMut(Commit) -> Result<(), StoreError> + Send),
    ) -> Result<(), StoreError> {
        let messages = Messages::of(self.connection);
        let mut misses = 0;
        loop {
            let (stream, id) = (last.stream, &last.aggregate_id);
            let next = if misses < MISSES {
                messages.next_commit(stream, id, from).await?
            } else {
                messages.next_commit_of_leader(stream, id, from).await?
            };
            let Some(commit) = next else {
                // The leader has it; the replica that answered doesn't yet. The caller's time limit
                // ends this loop.
                misses += 1;
                tokio::time::sleep(LAG_PAUSE).await;
                continue;
            };
            from = commit.sequence + 1;
            let is_last = commit.sequence >= last.sequence;
            // The last commit is already here and needs no request.
            let last_is_next = commit.version + commit.event_count()? == last.version;
            take(commit)?;
            if is_last {
                return Ok(());
            }
            if last_is_next {
                return take(last);
            }
        }
    }

    async fn read_via_consumer(
        &self,
        last: Commit,
        from: u64,
        take: &mut (impl FnMut(Commit) -> Result<(), StoreError> + Send),
    ) -> Result<(), StoreError> {
        let mut commits =
            EphemeralConsumer::open(self.connection, last.stream, Some(&last.aggregate_id), from)
                .await?;
        loop {
            let message = commits.next().await?;
            let commit =
                Commit::delivered(last.stream, &message, &self.connection.config().upcasters)?;
            let is_last = commit.sequence >= last.sequence;
            take(commit)?;
            if is_last {
                return Ok(());
            }
        }
    }
}
