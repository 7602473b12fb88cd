//! Finding everything that has to do with a user. No index tells that, so the whole log is read.

use domain::UserId;
use event_streams::{TICKETS, USERS};
use eventstore::{Log, StreamName};
use memchr::memmem::Finder;
use std::collections::{BTreeSet, HashSet, VecDeque};
use uuid::Uuid;

use crate::{AnalysisError, Range, Span};

/// How many commits are remembered that had nothing to do with the user, as far as was known then:
/// by the clocks, an effect can stand a little before what the user asked for.
const RECENT: usize = 10_000;

/// What was found: commits, and the aggregates that they belong to.
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

/// Everything that a user did, that followed from it, or that mentions the user.
pub(super) async fn of_user(
    log: &Log,
    user: UserId,
    mut progress: impl FnMut(u64, u64),
) -> Result<Found, AnalysisError> {
    let id = user.to_string();
    let mentions = Finder::new(id.as_bytes());
    let mut found = Found::default();
    // What the user asked for, and what follows from that, have the same correlation.
    let mut chains: HashSet<String> = HashSet::new();
    let mut recent = VecDeque::new();
    let mut sells: HashSet<String> = HashSet::new();
    let span = Span::resolve(&Range::all(), log, &event_streams::ALL).await?;
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
        let is_mentioned = mentions.find(commit.payload()).is_some();
        // The listing names the seller, and what happens to the ticket later doesn't.
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
