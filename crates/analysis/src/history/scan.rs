//! Finds everything that involves a user. No index contains that, so the whole log is read.

use domain::UserId;
use event_streams::{TICKETS, USERS};
use eventstore::{Log, StreamName};
use memchr::memmem::Finder;
use std::collections::{BTreeSet, HashSet, VecDeque};
use uuid::Uuid;

use crate::{AnalysisError, Range, ResolvedRange};

/// Number of commits without a known relation to the user that are remembered: by the clocks, an
/// effect can come slightly before the user's request.
const RECENT: usize = 10_000;

/// The commits that were found, and their aggregates.
#[derive(Default)]
pub(super) struct Found {
    pub commits: HashSet<Uuid>,
    pub aggregates: BTreeSet<(StreamName, String)>,
}

impl Found {
    fn take(&mut self, commit: Uuid, aggregate: &(StreamName, String)) {
        self.commits.insert(commit);
        if !self.aggregates.contains(aggregate) {
            self.aggregates.insert(aggregate.clone());
        }
    }
}

/// Finds a user's commits, their consequences, and commits that mention the user.
pub(super) async fn of_user(
    log: &Log,
    user: UserId,
    mut progress: impl FnMut(u64, u64),
) -> Result<Found, AnalysisError> {
    let id = user.to_string();
    let mentions = Finder::new(id.as_bytes());
    let mut found = Found::default();
    // A user's requests and their consequences have the same correlation ID.
    let mut chains: HashSet<String> = HashSet::new();
    let mut recent = VecDeque::new();
    let mut sells: HashSet<String> = HashSet::new();
    let span = ResolvedRange::resolve(&Range::all(), log, &event_streams::ALL).await?;
    let (mut commits, mut read) = (span.read(log), 0);
    while let Some(commit) = commits.next().await {
        let commit = commit?;
        read += 1;
        progress(read, span.len());
        let metadata = &commit.metadata;
        let asked = metadata.actor == id;
        if asked && chains.insert(metadata.correlation_id.clone()) {
            recent.retain(|(chain, commit, aggregate)| {
                let follows = *chain == metadata.correlation_id;
                if follows {
                    found.take(*commit, aggregate);
                }
                !follows
            });
        }
        let is_own = commit.stream == USERS && commit.aggregate_id == id;
        let is_mentioned = mentions.find(commit.events_json()).is_some();
        // Only the listing names the seller; the ticket's later events don't.
        if commit.stream == TICKETS && commit.version == 0 && is_mentioned {
            sells.insert(commit.aggregate_id.clone());
        }
        let is_sold = commit.stream == TICKETS && sells.contains(&commit.aggregate_id);
        let follows = chains.contains(&metadata.correlation_id);
        if asked || is_own || is_mentioned || is_sold || follows {
            found.take(commit.commit_id, &(commit.stream, commit.aggregate_id));
        } else {
            if recent.len() == RECENT {
                recent.pop_front();
            }
            let aggregate = (commit.stream, commit.aggregate_id);
            recent.push_back((commit.metadata.correlation_id, commit.commit_id, aggregate));
        }
    }
    Ok(found)
}
