//! Reading the commits of one aggregate.

use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use futures_util::StreamExt;
use std::time::Duration;

use crate::{Log, Recorded, StoreError, StreamName, error::unavailable};

/// From this many events on, commits are read through a consumer. An aggregate has a handful of
/// commits as a rule, and each is read with a direct get then: a consumer costs more to create
/// than that. But who has thousands must not become unreadable within the bound of a command.
const MANY: u64 = 64;
/// Pause before a replica that lags is asked again.
const LAG_PAUSE: Duration = Duration::from_millis(5);

/// The commits of an aggregate after a place in the log, up to the newest.
pub(crate) struct History {
    /// Sequence of the newest commit; 0 if there is none.
    pub end: u64,
    /// Oldest first.
    pub commits: Vec<Recorded>,
}

impl Log {
    /// Reads what was committed to an aggregate since `sequence`, when it had `version` events.
    pub(crate) async fn history(
        &self,
        stream: StreamName,
        aggregate_id: &str,
        sequence: u64,
        version: u64,
    ) -> Result<History, StoreError> {
        let last = self.last_commit(stream, aggregate_id).await?;
        let end = last.as_ref().map_or(0, |commit| commit.sequence);
        let commits = match last {
            Some(last) if end > sequence => {
                let ahead = last.version.saturating_sub(version);
                if ahead == 0 {
                    // Somebody else's one commit, or the only one there is.
                    vec![last]
                } else if ahead < MANY {
                    self.one_by_one(last, sequence + 1).await?
                } else {
                    self.all_at_once(last, sequence + 1).await?
                }
            }
            _ => Vec::new(),
        };
        Ok(History { end, commits })
    }

    async fn one_by_one(&self, last: Recorded, mut from: u64) -> Result<Vec<Recorded>, StoreError> {
        let mut commits = Vec::new();
        loop {
            let next = self
                .next_commit(last.stream, &last.aggregate_id, from)
                .await?;
            let Some(commit) = next else {
                // The leader has it; the replica that was asked doesn't yet. The caller's bound
                // ends this.
                tokio::time::sleep(LAG_PAUSE).await;
                continue;
            };
            from = commit.sequence + 1;
            let is_last = commit.sequence >= last.sequence;
            // The last one is here already and needs no question of its own.
            let last_is_next = commit.version + commit.event_count()? == last.version;
            commits.push(commit);
            if is_last {
                return Ok(commits);
            }
            if last_is_next {
                commits.push(last);
                return Ok(commits);
            }
        }
    }

    async fn all_at_once(&self, last: Recorded, from: u64) -> Result<Vec<Recorded>, StoreError> {
        let consumer = self
            .stream(last.stream)
            .await?
            .create_consumer(pull::OrderedConfig {
                filter_subject: last.stream.subject(&last.aggregate_id),
                deliver_policy: DeliverPolicy::ByStartSequence {
                    start_sequence: from,
                },
                ..pull::OrderedConfig::default()
            })
            .await
            .map_err(unavailable)?;
        let mut messages = consumer.messages().await.map_err(unavailable)?;
        let mut commits = Vec::new();
        while let Some(message) = messages.next().await {
            let commit = Recorded::delivered(
                last.stream,
                &message.map_err(unavailable)?,
                &self.config().upcasters,
            )?;
            let is_last = commit.sequence >= last.sequence;
            commits.push(commit);
            if is_last {
                break;
            }
        }
        Ok(commits)
    }
}
