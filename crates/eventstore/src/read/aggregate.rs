//! Reading the commits of one aggregate.

use std::time::Duration;
use uuid::Uuid;

use super::{
    ephemeral_consumer::EphemeralConsumer,
    message::Messages,
    standing::{Standing, check_still_stands},
};
use crate::{
    Commit, StoreError, StreamName, commit,
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
    /// Sequence of the last known message; 0 if there is none.
    pub sequence: u64,
    /// Number of events up to there.
    pub version: u64,
    /// Identity of its last commit.
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
    /// oldest first. Returns the sequence of the newest message; 0 if there is none.
    ///
    /// First proves that the commit at the place itself still exists: if it was lost, as many other
    /// commits may have followed, and nothing would seem to be missing.
    ///
    /// Passes messages one by one instead of all at the end: a reader that is interrupted continues
    /// where it was. The commits of a message are passed without a pause in which it could be.
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
        let last = messages.last_commits(aggregate.stream, aggregate.key);
        let last = last.await?;
        let Some((end, version)) = last.first().map(|first| (first.sequence, first.version)) else {
            return Ok(0);
        };
        if end == sequence {
            let found: Vec<_> = last.iter().map(|commit| commit.commit_id).collect();
            Standing::among(&found, place).check(place)?;
        }
        if end > sequence {
            if known.commit.is_some() {
                check_still_stands(self.connection, place).await?;
            }
            let ahead = version.saturating_sub(known.version);
            if ahead == 0 {
                // A single message of another process, or the only one of the aggregate.
                last.into_iter().try_for_each(take)?;
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

    /// Reads the commits of an aggregate up to the end of a message, oldest first.
    pub async fn up_to(
        &self,
        stream: StreamName,
        sequence: u64,
        mut take: impl FnMut(Commit) -> Result<(), StoreError> + Send,
    ) -> Result<(), StoreError> {
        let last = Messages::of(self.connection)
            .commits_at(stream, sequence)
            .await?;
        match last.first().map_or(0, |first| first.version) {
            0 => last.into_iter().try_for_each(take),
            version if version < MANY => self.read_via_direct_get(last, 1, &mut take).await,
            _ => self.read_via_consumer(last, 1, &mut take).await,
        }
    }

    async fn read_via_direct_get(
        &self,
        last: Vec<Commit>,
        mut from: u64,
        take: &mut (impl FnMut(Commit) -> Result<(), StoreError> + Send),
    ) -> Result<(), StoreError> {
        let Some(first_of_last) = last.first() else {
            return Ok(());
        };
        let (stream, id) = (first_of_last.stream, first_of_last.aggregate_id.clone());
        let (end, version) = (first_of_last.sequence, first_of_last.version);
        let messages = Messages::of(self.connection);
        let mut misses = 0;
        loop {
            let next = if misses < MISSES {
                messages.next_commits(stream, &id, from).await?
            } else {
                messages.next_commits_of_leader(stream, &id, from).await?
            };
            let Some(newest) = next.last() else {
                // The leader has it; the replica that answered doesn't yet. The caller's time limit
                // ends this loop.
                misses += 1;
                tokio::time::sleep(LAG_PAUSE).await;
                continue;
            };
            from = newest.sequence + 1;
            let is_last = newest.sequence >= end;
            // The last message is already here and needs no request.
            let last_is_next = newest.version + newest.event_count()? == version;
            next.into_iter().try_for_each(&mut *take)?;
            if is_last {
                return Ok(());
            }
            if last_is_next {
                return last.into_iter().try_for_each(take);
            }
        }
    }

    async fn read_via_consumer(
        &self,
        last: Vec<Commit>,
        from: u64,
        take: &mut (impl FnMut(Commit) -> Result<(), StoreError> + Send),
    ) -> Result<(), StoreError> {
        let Some(last) = last.first() else {
            return Ok(());
        };
        let (stream, id) = (last.stream, &last.aggregate_id);
        let mut messages = EphemeralConsumer::open(self.connection, stream, Some(id), from).await?;
        let upcasters = &self.connection.config().upcasters;
        loop {
            let message = messages.next().await?;
            let commits = commit::delivered(stream, &message, upcasters)?;
            let is_last = commits
                .first()
                .is_some_and(|first| first.sequence >= last.sequence);
            commits.into_iter().try_for_each(&mut *take)?;
            if is_last {
                return Ok(());
            }
        }
    }
}
