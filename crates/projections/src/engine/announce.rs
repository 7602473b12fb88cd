//! The leader's announcements to the followers.
//!
//! Sent over core NATS, so they may get lost. Nothing relies on them alone: each message states
//! where it begins, which reveals a lost one, and followers read the checkpoint about once a
//! second.

use serde::{Deserialize, Serialize};
use std::{collections::HashSet, sync::Arc};
use uuid::{Uuid, fmt::Hyphenated};

use crate::{Changed, DocumentId, Position};

/// Limit for IDs in one announcement; with more, it states that any document may have changed.
pub(crate) const MAX_IDS: usize = 256;

/// Maximum number of bytes before the holder in an encoded announcement; IDs come after it.
const HOLDER_WITHIN: usize = 48;

/// A message to the other processes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub(crate) enum Announcement {
    /// Documents reflect these commits now.
    Applied {
        /// The leader.
        holder: Uuid,
        /// The last commits before these.
        after: Position,
        /// The last of these.
        to: Position,
        /// The documents that changed, or `null` for any.
        ids: Option<HashSet<DocumentId>>,
    },
    /// The leader began, or returned to its checkpoint.
    Restarted {
        /// The leader.
        holder: Uuid,
        /// Identity of the streams.
        origin: String,
        /// The commits that are certain.
        applied: Position,
    },
    /// A rebuilt collection replaced one that could not continue.
    Replaced {
        /// The leader.
        holder: Uuid,
        /// Identity of the streams.
        origin: String,
        /// The applied commits.
        applied: Position,
    },
    /// The log lost its tail: the model is being rebuilt, and must not be shown.
    Healing {
        /// The leader.
        holder: Uuid,
    },
    /// The lease is free.
    Released {
        /// The leader until now.
        holder: Uuid,
    },
}

impl Announcement {
    /// The sender.
    pub fn holder(&self) -> Uuid {
        match self {
            Self::Applied { holder, .. }
            | Self::Restarted { holder, .. }
            | Self::Replaced { holder, .. }
            | Self::Healing { holder }
            | Self::Released { holder } => *holder,
        }
    }

    /// The applied commits according to the message; `None` if it doesn't state them.
    pub fn applied(&self) -> Option<&Position> {
        match self {
            Self::Applied { to, .. } => Some(to),
            Self::Restarted { applied, .. } | Self::Replaced { applied, .. } => Some(applied),
            Self::Healing { .. } | Self::Released { .. } => None,
        }
    }

    /// Whether a message is from this holder, as far as its beginning shows.
    pub fn is_of(bytes: &[u8], holder: Uuid) -> bool {
        let mut text = [0; Hyphenated::LENGTH];
        let text = holder.hyphenated().encode_lower(&mut text).as_bytes();
        bytes
            .windows(text.len())
            .take(HOLDER_WITHIN)
            .any(|part| part == text)
    }

    /// As it is sent.
    pub fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Decodes a message; `None` for one of another release.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

/// The IDs, unless there are too many to announce.
pub(crate) fn capped_ids(ids: HashSet<DocumentId>) -> Option<HashSet<DocumentId>> {
    (ids.len() <= MAX_IDS).then_some(ids)
}

/// The change that announced IDs describe.
pub(crate) fn change_of(ids: Option<HashSet<DocumentId>>) -> Changed {
    ids.map_or(Changed::Any, |ids| Changed::Some(Arc::new(ids)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use eventstore::StreamName;

    fn at(sequence: u64) -> Position {
        Position::at(StreamName::new("S"), sequence)
    }

    #[test]
    fn ones_own_announcement_is_recognized_by_its_beginning() {
        let (me, another) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let by = |holder| {
            let origin = "s".to_owned();
            [
                Announcement::Applied {
                    holder,
                    after: at(0),
                    to: at(2),
                    ids: Some(HashSet::from([
                        me.into(),
                        another.into(),
                        "a".into(),
                        1.into(),
                    ])),
                },
                Announcement::Restarted {
                    holder,
                    origin: origin.clone(),
                    applied: at(1),
                },
                Announcement::Replaced {
                    holder,
                    origin,
                    applied: at(1),
                },
                Announcement::Healing { holder },
                Announcement::Released { holder },
            ]
        };
        for announcement in by(me) {
            assert!(Announcement::is_of(&announcement.encode().unwrap(), me));
        }
        for announcement in by(another) {
            assert!(!Announcement::is_of(&announcement.encode().unwrap(), me));
        }
    }

    #[test]
    fn an_announcement_round_trips_with_its_position() {
        let holder = Uuid::from_u128(7);
        let origin = || "s".to_owned();
        for (announcement, applied) in [
            (
                Announcement::Applied {
                    holder,
                    after: at(2),
                    to: at(5),
                    ids: None,
                },
                Some(at(5)),
            ),
            (
                Announcement::Restarted {
                    holder,
                    origin: origin(),
                    applied: at(6),
                },
                Some(at(6)),
            ),
            (
                Announcement::Replaced {
                    holder,
                    origin: origin(),
                    applied: at(8),
                },
                Some(at(8)),
            ),
            (Announcement::Healing { holder }, None),
            (Announcement::Released { holder }, None),
        ] {
            let received = Announcement::decode(&announcement.encode().unwrap());
            assert_eq!(received.as_ref(), Some(&announcement));
            assert_eq!(announcement.holder(), holder);
            assert_eq!(announcement.applied(), applied.as_ref());
        }
        assert_eq!(Announcement::decode(br#"{"kind":"of_tomorrow"}"#), None);
    }

    #[test]
    fn too_many_changes_are_announced_as_any() {
        let ids = |n: usize| (0..n).map(|n| Uuid::from_u128(n as u128).into()).collect();
        let few: HashSet<_> = ids(MAX_IDS);
        assert_eq!(
            change_of(capped_ids(few.clone())),
            Changed::Some(Arc::new(few))
        );
        assert_eq!(change_of(capped_ids(ids(MAX_IDS + 1))), Changed::Any);
    }
}
