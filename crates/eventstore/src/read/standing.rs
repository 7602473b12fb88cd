//! Whether a commit still exists where it was seen.

use async_nats::jetstream::{message::StreamMessage, stream::RawMessageErrorKind};
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    StoreError,
    commit::commit_ids_of,
    connection::{CommitPlace, Connection},
    error::unavailable,
};

/// With several copies, how long a commit must be missing before it counts as lost. A server that
/// is cut off remains the leader for a moment (1.5 s were seen), and lacks what the others have
/// stored since.
const CERTAIN_AFTER: Duration = Duration::from_secs(3);
/// Interval of the checks in the meantime.
const LOOK: Duration = Duration::from_millis(200);

/// What is found at the place of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The commit.
    Stands,
    /// Nothing, and the stream continues behind it: a message that the server can't read. That is
    /// another fault ([`StoreError::Hole`]) and proves nothing about later messages.
    Hole,
    /// A message with other commits (this is the last of them), or without any.
    Replaced(Option<Uuid>),
    /// Nothing: the stream ends at this sequence.
    Ends(u64),
}

impl Standing {
    /// The result for a place with a message.
    fn of(message: &StreamMessage, place: CommitPlace) -> Self {
        Self::among(
            &commit_ids_of(Some(&message.headers), &message.payload),
            place,
        )
    }

    /// The result for a message with these commits.
    pub fn among(found: &[Uuid], place: CommitPlace) -> Self {
        match place.commit_id {
            Some(expected) if !found.contains(&expected) => Self::Replaced(found.last().copied()),
            _ => Self::Stands,
        }
    }

    /// Whether the log lost its tail.
    pub fn is_lost(self) -> bool {
        matches!(self, Self::Replaced(_) | Self::Ends(_))
    }

    /// Returns an error if the commit is gone.
    pub fn check(self, place: CommitPlace) -> Result<(), StoreError> {
        let found = match self {
            Self::Stands | Self::Hole => return Ok(()),
            Self::Replaced(Some(found)) => format!("commit {found} stands there"),
            Self::Replaced(None) => "a message that is no commit stands there".to_owned(),
            Self::Ends(end) => format!("the stream ends at #{end}"),
        };
        let expected = place.commit_id;
        let expected = expected.map_or("a commit".to_owned(), |id| format!("commit {id}"));
        Err(StoreError::TailLost {
            stream: place.stream,
            sequence: place.sequence,
            expected,
            found,
        })
    }
}

/// Proves that a commit still exists where it was seen: that the log lost no tail since, so it
/// neither ends earlier nor continued differently.
pub(crate) async fn check_still_stands(
    connection: &Connection,
    place: CommitPlace,
) -> Result<(), StoreError> {
    standing_for_certain(connection, place).await?.check(place)
}

/// What is at the place of a commit (any commit, if its ID is unknown), from the leader.
pub(crate) async fn standing(
    connection: &Connection,
    place: CommitPlace,
) -> Result<Standing, StoreError> {
    if let Some(message) = message_by_leader(connection, place).await? {
        return Ok(Standing::of(&message, place));
    }
    let end = connection.stream_end(place.stream).await?;
    if end < place.sequence {
        return Ok(Standing::Ends(end));
    }
    // Between the two answers the stream may have grown over its lost end: then another commit is
    // there now, and only what still can't be read is a hole.
    let message = message_by_leader(connection, place).await?;
    Ok(message.map_or(Standing::Hole, |message| Standing::of(&message, place)))
}

/// Like [`standing`], but reports a loss only if a lagging server can't be the reason.
pub(crate) async fn standing_for_certain(
    connection: &Connection,
    place: CommitPlace,
) -> Result<Standing, StoreError> {
    let found = standing(connection, place).await?;
    if !found.is_lost() {
        return Ok(found);
    }
    let handle = connection.stream(place.stream).await?;
    let info = handle
        .get_info()
        .await
        .map_err(unavailable("asking for a stream's state"))?;
    let since = Instant::now();
    while info.config.num_replicas > 1 && since.elapsed() < CERTAIN_AFTER {
        tokio::time::sleep(LOOK).await;
        let again = standing(connection, place).await?;
        if !again.is_lost() {
            return Ok(again);
        }
    }
    Ok(found)
}

/// Reads a message by its place, from the leader: a replica may not have it yet.
async fn message_by_leader(
    connection: &Connection,
    place: CommitPlace,
) -> Result<Option<StreamMessage>, StoreError> {
    let handle = connection.stream(place.stream).await?;
    match handle.get_raw_message(place.sequence).await {
        Ok(message) => Ok(Some(message)),
        Err(error) if matches!(error.kind(), RawMessageErrorKind::NoMessageFound) => Ok(None),
        Err(error) => Err(unavailable("looking whether a commit stands")(error)),
    }
}
