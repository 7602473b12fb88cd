//! The newest commits of a stream that this process has seen.

use std::collections::VecDeque;
use uuid::Uuid;

/// Number of commits that are remembered. A power cut takes the commits of seconds, or of the two
/// minutes between two syncs; a lost commit that is older than these can't be named.
const KEPT: usize = 10_000;

/// A commit that was read or acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenCommit {
    /// The sequence of its message in the stream.
    pub sequence: u64,
    /// Its place in the message, from 0.
    pub index: u32,
    /// Identity of the commit.
    pub commit_id: Uuid,
    /// The start of the chain that it belongs to: the request's ID.
    pub correlation_id: String,
}

impl SeenCommit {
    fn place(&self) -> (u64, u32) {
        (self.sequence, self.index)
    }
}

/// The newest commits that were seen, by sequence, possibly with gaps: a process that follows no
/// stream sees only its own commits.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    seen: VecDeque<SeenCommit>,
    /// The place at which a different commit was found than before.
    disagrees: Option<(u64, u32)>,
}

impl Tail {
    /// Notes a commit, by its sequence and its place in the message. Returns whether it agrees with
    /// the commit that was seen at its place.
    pub fn note(&mut self, place: (u64, u32), commit_id: Uuid, correlation_id: &str) -> bool {
        let (sequence, index) = place;
        let commit = || SeenCommit {
            sequence,
            index,
            commit_id,
            correlation_id: correlation_id.to_owned(),
        };
        let is_full = self.seen.len() == KEPT;
        if self.newest().is_none_or(|newest| newest.place() < place) {
            if is_full {
                self.seen.pop_front();
            }
            self.seen.push_back(commit());
            return true;
        }
        if self
            .seen
            .front()
            .is_some_and(|oldest| place < oldest.place())
        {
            // From a reader of the whole log; it proves nothing about the end.
            return true;
        }
        match self.position_of(place) {
            Ok(position) => {
                let agrees = self.seen[position].commit_id == commit_id;
                if !agrees {
                    self.disagrees = Some(place);
                }
                agrees
            }
            Err(position) => {
                // Acknowledgments arrive in any order.
                self.seen.insert(position, commit());
                if is_full {
                    self.seen.pop_front();
                }
                true
            }
        }
    }

    /// Whether a commit would be the newest, and hide what was seen before it.
    pub fn would_hide(&self, sequence: u64) -> bool {
        self.newest()
            .is_some_and(|newest| newest.sequence < sequence)
    }

    /// The commit that proves that all of them still exist: the newest, or one at whose place
    /// another was found.
    pub fn to_prove(&self) -> Option<&SeenCommit> {
        let position = self
            .disagrees
            .and_then(|place| self.position_of(place).ok());
        position.map_or_else(|| self.newest(), |position| self.seen.get(position))
    }

    /// Notes that it still exists.
    pub fn agrees(&mut self) {
        self.disagrees = None;
    }

    /// The newest commit that was seen.
    pub fn newest(&self) -> Option<&SeenCommit> {
        self.seen.back()
    }

    /// All of them, oldest first.
    pub fn places(&self) -> Vec<(u64, Uuid)> {
        let places = self.seen.iter();
        places.map(|seen| (seen.sequence, seen.commit_id)).collect()
    }

    /// Removes commits that the stream has lost, and returns them. Commits that were seen in their
    /// place since then stay.
    pub fn lose(&mut self, lost: &[(u64, Uuid)]) -> Vec<SeenCommit> {
        let is_lost = |seen: &SeenCommit| {
            let first = lost.partition_point(|(sequence, _)| *sequence < seen.sequence);
            let of_message = lost[first..]
                .iter()
                .take_while(|(sequence, _)| *sequence == seen.sequence);
            of_message.into_iter().any(|(_, id)| *id == seen.commit_id)
        };
        let all = std::mem::take(&mut self.seen);
        let (gone, stay): (Vec<_>, Vec<_>) = all.into_iter().partition(is_lost);
        self.seen = stay.into();
        self.disagrees = None;
        gone
    }

    fn position_of(&self, place: (u64, u32)) -> Result<usize, usize> {
        self.seen.binary_search_by_key(&place, SeenCommit::place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u64) -> Uuid {
        Uuid::from_u128(n.into())
    }

    fn tail(sequences: &[u64]) -> Tail {
        let mut tail = Tail::default();
        for n in sequences {
            assert!(tail.note((*n, 0), id(*n), "request"));
        }
        tail
    }

    fn sequences(tail: &Tail) -> Vec<u64> {
        tail.places()
            .into_iter()
            .map(|(sequence, _)| sequence)
            .collect()
    }

    #[test]
    fn commits_are_kept_in_order_however_they_come_and_each_once() {
        let mut tail = tail(&[3, 5, 4, 9]);
        assert!(tail.note((5, 0), id(5), "request"));
        assert!(
            tail.note((1, 0), id(1), "request"),
            "older than all is nobody's business"
        );
        assert_eq!(sequences(&tail), [3, 4, 5, 9]);
        assert_eq!(tail.newest().unwrap().sequence, 9);
    }

    #[test]
    fn a_replaced_commit_is_detected() {
        let mut tail = tail(&[3, 4]);
        assert!(!tail.note((4, 0), id(99), "request"));
        assert_eq!(tail.newest().unwrap().commit_id, id(4));
        assert!(tail.note((5, 0), id(5), "request"));
        assert_eq!(tail.to_prove().unwrap().sequence, 4);
        tail.agrees();
        assert_eq!(tail.to_prove().unwrap().sequence, 5);
        assert!(tail.would_hide(6) && !tail.would_hide(5));
    }

    #[test]
    fn only_the_newest_are_kept() {
        let kept = KEPT as u64;
        let tail = tail(&(1..=kept + 3).collect::<Vec<_>>());
        assert_eq!(tail.places().len(), KEPT);
        assert_eq!(tail.places()[0], (4, id(4)));
        // Even if it comes late.
        let mut tail = self::tail(&[1, 3]);
        for n in 4..=kept + 1 {
            tail.note((n, 0), id(n), "request");
        }
        assert_eq!(tail.places().len(), KEPT);
        assert!(tail.note((2, 0), id(2), "request"));
        assert_eq!(tail.places().len(), KEPT);
        assert_eq!(tail.places()[..2], [(2, id(2)), (3, id(3))]);
    }

    #[test]
    fn a_replaced_oldest_commit_is_detected() {
        let mut tail = tail(&[3, 4]);
        assert!(!tail.note((3, 0), id(99), "request"));
        assert_eq!(tail.to_prove().unwrap().sequence, 3);
    }

    #[test]
    fn commits_of_a_message_are_distinguished_and_lost_together() {
        let mut tail = tail(&[3]);
        assert!(tail.note((4, 0), id(40), "request") && tail.note((4, 1), id(41), "request"));
        assert!(tail.note((4, 0), id(40), "request"), "read once more");
        assert!(!tail.note((4, 1), id(99), "request"));
        assert_eq!(tail.to_prove().unwrap().commit_id, id(41));
        let known = tail.places();
        assert_eq!(known, [(3, id(3)), (4, id(40)), (4, id(41))]);
        let lost: Vec<_> = tail
            .lose(&known[1..])
            .into_iter()
            .map(|it| it.index)
            .collect();
        assert_eq!(lost, [0, 1]);
        assert_eq!(sequences(&tail), [3]);
    }

    #[test]
    fn what_is_lost_is_named_and_what_took_its_place_stays() {
        let mut tail = tail(&[3, 4, 6]);
        let known = tail.places();
        assert!(tail.note((5, 0), id(5), "request"));
        let lost = tail.lose(&known[1..]);
        let lost: Vec<_> = lost.into_iter().map(|lost| lost.sequence).collect();
        assert_eq!(lost, [4, 6]);
        assert_eq!(sequences(&tail), [3, 5]);
    }
}
