//! An aggregate in memory, and the place in the log that it reflects.

use cqrs_es::{Aggregate, AggregateContext};
use uuid::Uuid;

use crate::{Commit, StoreError, connection::Basis, read::KnownHistory};

/// An aggregate in its state at a place in the log.
#[derive(Clone, Debug)]
pub struct Loaded<A> {
    pub(crate) id: String,
    pub(crate) aggregate: A,
    /// Number of its events: the version of the next event.
    pub(crate) version: u64,
    /// Sequence of its last message in the stream; 0 if it has none.
    pub(crate) last_sequence: u64,
    /// The epoch of the log in which it was read.
    pub(crate) epoch: u64,
    /// Identity of its last commit, and of the command that led to it.
    pub(crate) last: Option<(Uuid, Uuid)>,
}

/// The result of a command.
#[derive(Clone, Debug)]
pub struct CommandOutcome<A: Aggregate> {
    /// The aggregate right after the command.
    pub state: A,
    /// Number of the aggregate's events then.
    pub version: u64,
    /// Stream sequence of the message with the commit that the state reflects: wait until a read
    /// model reaches it to see the effect there. Commits of other commands may share the message.
    pub sequence: u64,
    /// Identity of that commit; `None` if there is none.
    pub commit_id: Option<Uuid>,
    /// Whether the commit was found in the log: the command had taken effect before, and this is
    /// its first result. Also `true` for an append of this very call whose acknowledgment was lost.
    pub was_duplicate: bool,
}

impl<A: Default> Loaded<A> {
    pub(crate) fn empty(id: &str, epoch: u64) -> Self {
        Self {
            id: id.to_owned(),
            aggregate: A::default(),
            version: 0,
            last_sequence: 0,
            epoch,
            last: None,
        }
    }
}

impl<A> Loaded<A> {
    /// The aggregate.
    pub fn state(&self) -> &A {
        &self.aggregate
    }

    /// Number of its events.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Stream sequence of the message with its last commit; 0 if it has none.
    pub fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    /// Identity of its last commit.
    pub fn last_commit(&self) -> Option<Uuid> {
        self.last.map(|(commit, _)| commit)
    }

    /// The basis of a decision on it.
    pub(crate) fn basis(&self) -> Basis {
        Basis {
            last_sequence: self.last_sequence,
            epoch: self.epoch,
        }
    }

    /// How much of its history is loaded.
    pub(crate) fn known_history(&self) -> KnownHistory {
        KnownHistory {
            sequence: self.last_sequence,
            version: self.version,
            commit: self.last_commit(),
        }
    }

    /// The command that led to its last commit.
    pub(crate) fn last_command(&self) -> Option<Uuid> {
        self.last.map(|(_, command)| command)
    }
}

impl<A: Aggregate> Loaded<A> {
    /// Applies a commit from the log, which must be the next.
    pub(crate) fn apply(&mut self, commit: &Commit) -> Result<(), StoreError> {
        if commit.version != self.version {
            return Err(StoreError::Gap {
                stream: commit.stream,
                sequence: commit.sequence,
                expected: format!("version {} of {}", self.version, self.id),
                found: format!("version {}", commit.version),
            });
        }
        for (_, event) in commit.decode::<A::Event>()? {
            self.aggregate.apply(event);
            self.version += 1;
        }
        self.last_sequence = commit.sequence;
        self.last = Some((commit.commit_id, commit.metadata.command_id));
        Ok(())
    }
}

impl<A: Aggregate + Clone> Loaded<A> {
    pub(crate) fn outcome(&self, was_duplicate: bool) -> CommandOutcome<A> {
        CommandOutcome {
            state: self.aggregate.clone(),
            version: self.version,
            sequence: self.last_sequence,
            commit_id: self.last_commit(),
            was_duplicate,
        }
    }
}

impl<A: Aggregate> AggregateContext<A> for Loaded<A> {
    fn aggregate(&mut self) -> &mut A {
        &mut self.aggregate
    }
}
