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

/// From this many events on, commits are read through a consumer. An aggregate has a handful of
/// commits as a rule, and each is read with a direct get then: a consumer costs more to create
/// than that. But who has thousands must not become unreadable within the bound of a command.
const MANY: u64 = 64;
/// Pause before a replica that lags is asked again.
const LAG_PAUSE: Duration = Duration::from_millis(5);
/// How often a replica may lag before the leader is asked instead, whom the replicas are there to
/// spare. One that is cut off would never catch up.
const MISSES: u32 = 2;

/// How far the history of an aggregate is known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KnownHistory {
    /// Sequence of the last commit that is known; 0 if none is.
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

    /// Reads what was committed to an aggregate after a place, and hands over each commit as it
    /// comes, oldest first. Gives the sequence of the newest commit; 0 if there is none.
    ///
    /// That the place itself still stands is shown first: what was lost together with it may have
    /// been followed by as much, and nothing would seem to be missing.
    ///
    /// One by one and not all in the end: a reader who is interrupted goes on where it was.
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
                // Somebody else's one commit, or the only one there is.
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
                // The leader has it; the replica that was asked doesn't yet. The caller's bound
                // ends this.
                misses += 1;
                tokio::time::sleep(LAG_PAUSE).await;
                continue;
            };
            from = commit.sequence + 1;
            let is_last = commit.sequence >= last.sequence;
            // The last one is here already and needs no question of its own.
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
