//! A place in each of several streams.

use eventstore::StreamName;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{borrow::Cow, collections::BTreeMap, fmt};

/// How far each of several streams is: everything up to a sequence, and that commit included.
///
/// Streams that aren't named are at 0, before their first commit. Two positions have no order when
/// each is ahead of the other in one stream; [`Position::reaches`] compares them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position(
    /// Sorted by name, without zeros: equal positions are equal lists. Names that come from another
    /// process are owned: to intern each would let a peer fill this process's memory.
    Vec<(Cow<'static, str>, u64)>,
);

impl Position {
    /// A place in one stream.
    pub fn at(stream: StreamName, sequence: u64) -> Self {
        let mut position = Self::default();
        position.raise(stream, sequence);
        position
    }

    /// The sequence in a stream.
    pub fn of(&self, stream: StreamName) -> u64 {
        self.named(stream.as_str())
    }

    /// Whether it is at least as far as another in every stream.
    pub fn reaches(&self, other: &Self) -> bool {
        other
            .0
            .iter()
            .all(|(stream, sequence)| self.named(stream) >= *sequence)
    }

    /// Moves it forward in one stream, never back.
    pub fn raise(&mut self, stream: StreamName, sequence: u64) {
        self.raise_named(Cow::Borrowed(stream.as_str()), sequence);
    }

    /// Moves it forward to another position in every stream, never back.
    pub fn merge(&mut self, other: &Self) {
        for (stream, sequence) in &other.0 {
            self.raise_named(stream.clone(), *sequence);
        }
    }

    /// Moves it to a sequence of one stream, forward or back.
    pub(crate) fn set(&mut self, stream: StreamName, sequence: u64) {
        self.0.retain(|(name, _)| name != stream.as_str());
        self.raise(stream, sequence);
    }

    /// Number of commits up to it, of all streams.
    pub fn total(&self) -> u64 {
        let sequences = self.0.iter().map(|(_, sequence)| *sequence);
        sequences.fold(0, u64::saturating_add)
    }

    fn named(&self, stream: &str) -> u64 {
        let found = self.0.iter().find(|(name, _)| name == stream);
        found.map_or(0, |(_, sequence)| *sequence)
    }

    fn raise_named(&mut self, stream: Cow<'static, str>, sequence: u64) {
        if sequence == 0 {
            return;
        }
        match self.0.binary_search_by(|(name, _)| name.cmp(&stream)) {
            Ok(there) => self.0[there].1 = self.0[there].1.max(sequence),
            Err(place) => self.0.insert(place, (stream, sequence)),
        }
    }
}

impl FromIterator<(String, u64)> for Position {
    fn from_iter<I: IntoIterator<Item = (String, u64)>>(places: I) -> Self {
        let mut position = Self::default();
        for (stream, sequence) in places {
            position.raise_named(Cow::Owned(stream), sequence);
        }
        position
    }
}

/// As an operator reads it: `ORDERS#5, PAYMENTS#2`.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("the start");
        }
        for (place, (stream, sequence)) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{stream}#{sequence}")?;
        }
        Ok(())
    }
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(stream, sequence)| (stream, sequence)))
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let places = BTreeMap::<String, u64>::deserialize(deserializer)?;
        Ok(places.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: StreamName = StreamName::new("A");
    const B: StreamName = StreamName::new("B");

    fn both(a: u64, b: u64) -> Position {
        let mut position = Position::at(B, b);
        position.raise(A, a);
        position
    }

    #[test]
    fn a_position_reaches_another_only_in_every_stream() {
        assert!(both(2, 2).reaches(&both(2, 1)));
        assert!(!both(2, 2).reaches(&both(1, 3)));
        assert!(!Position::at(A, 9).reaches(&Position::at(B, 1)));
        assert!(Position::default().reaches(&both(0, 0)));
        assert_eq!(both(0, 0), Position::default());
    }

    #[test]
    fn positions_are_merged_stream_by_stream_and_never_go_back() {
        let mut position = both(5, 1);
        position.merge(&both(3, 4));
        assert_eq!(position, both(5, 4));
        assert_eq!(
            (position.of(A), position.of(B), position.total()),
            (5, 4, 9)
        );
        position.set(A, 2);
        assert_eq!(position, both(2, 4));
    }

    #[test]
    fn a_position_is_read_as_it_was_written_and_names_its_streams() {
        let position = both(5, 1);
        let written = serde_json::to_string(&position).unwrap();
        assert_eq!(written, r#"{"A":5,"B":1}"#);
        assert_eq!(
            serde_json::from_str::<Position>(&written).unwrap(),
            position
        );
        assert_eq!(position.to_string(), "A#5, B#1");
        assert_eq!(Position::default().to_string(), "the start");
    }
}
