//! The newest commits of a stream that this process has seen.

use std::collections::VecDeque;
use uuid::Uuid;

/// Number of commits that are remembered. A power cut takes the commits of seconds, or of the two
/// minutes between two syncs; a lost commit that is older than these can't be named.
const KEPT: usize = 10_000;

/// A commit that was read or acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenCommit {
    /// Its sequence in the stream.
    pub sequence: u64,
    /// Identity of the commit.
    pub commit_id: Uuid,
    /// The start of the chain that it belongs to: the request's ID.
    pub correlation_id: String,
}

/// The newest commits that were seen, by sequence, possibly with gaps: a process that follows no
/// stream sees only its own commits.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    seen: VecDeque<SeenCommit>,
    /// The sequence at which a different commit was found than before.
    disagrees: Option<u64>,
}

impl Tail {
    /// Notes a commit. Returns whether it agrees with the commit that was seen at its place.
    pub fn note(&mut self, sequence: u64, commit_id: Uuid, correlation_id: &str) -> bool {
        let commit = || SeenCommit {
            sequence,
            commit_id,
            correlation_id: correlation_id.to_owned(),
        };
        let is_full = self.seen.len() == KEPT;
        if self
            .newest()
            .is_none_or(|newest| newest.sequence < sequence)
        {
            if is_full {
                self.seen.pop_front();
            }
            self.seen.push_back(commit());
            return true;
        }
        if self
            .seen
            .front()
            .is_some_and(|oldest| sequence < oldest.sequence)
        {
            // From a reader of the whole log; it proves nothing about the end.
            return true;
        }
        match self.place_of(sequence) {
            Ok(place) => {
                let agrees = self.seen[place].commit_id == commit_id;
                if !agrees {
                    self.disagrees = Some(sequence);
                }
                agrees
            }
            Err(place) => {
                // Acknowledgments arrive in any order.
                self.seen.insert(place, commit());
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
        let place = self.disagrees.and_then(|place| self.place_of(place).ok());
        place.map_or_else(|| self.newest(), |place| self.seen.get(place))
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
            let place = lost.binary_search_by_key(&seen.sequence, |(sequence, _)| *sequence);
            place.is_ok_and(|place| lost[place].1 == seen.commit_id)
        };
        let all = std::mem::take(&mut self.seen);
        let (gone, stay): (Vec<_>, Vec<_>) = all.into_iter().partition(is_lost);
        self.seen = stay.into();
        self.disagrees = None;
        gone
    }

    fn place_of(&self, sequence: u64) -> Result<usize, usize> {
        self.seen
            .binary_search_by_key(&sequence, |seen| seen.sequence)
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
            assert!(tail.note(*n, id(*n), "request"));
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
        assert!(tail.note(5, id(5), "request"));
        assert!(
            tail.note(1, id(1), "request"),
            "older than all is nobody's business"
        );
        assert_eq!(sequences(&tail), [3, 4, 5, 9]);
        assert_eq!(tail.newest().unwrap().sequence, 9);
    }

    #[test]
    fn another_commit_at_a_place_that_was_seen_is_told() {
        let mut tail = tail(&[3, 4]);
        assert!(!tail.note(4, id(99), "request"));
        assert_eq!(tail.newest().unwrap().commit_id, id(4));
        assert!(tail.note(5, id(5), "request"));
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
            tail.note(n, id(n), "request");
        }
        assert_eq!(tail.places().len(), KEPT);
        assert!(tail.note(2, id(2), "request"));
        assert_eq!(tail.places().len(), KEPT);
        assert_eq!(tail.places()[..2], [(2, id(2)), (3, id(3))]);
    }

    #[test]
    fn another_commit_in_the_place_of_the_oldest_is_told_too() {
        let mut tail = tail(&[3, 4]);
        assert!(!tail.note(3, id(99), "request"));
        assert_eq!(tail.to_prove().unwrap().sequence, 3);
    }

    #[test]
    fn what_is_lost_is_named_and_what_took_its_place_stays() {
        let mut tail = tail(&[3, 4, 6]);
        let known = tail.places();
        assert!(tail.note(5, id(5), "request"));
        let lost = tail.lose(&known[1..]);
        let lost: Vec<_> = lost.into_iter().map(|lost| lost.sequence).collect();
        assert_eq!(lost, [4, 6]);
        assert_eq!(sequences(&tail), [3, 5]);
    }
}
