//! Selects a part of the log.

use chrono::{DateTime, Utc};
use eventstore::StreamName;
use std::{collections::BTreeMap, fmt, str::FromStr};

use crate::{AnalysisError, moment};

/// One end of a range.
///
/// ```
/// use analysis::Bound;
///
/// let day: Bound = "2026-03-01".parse()?;
/// let moment: Bound = "2026-03-01T19:30:00Z".parse()?;
/// let place: Bound = "ORDERS:1200".parse()?;
/// let place_in_the_stream_that_is_read: Bound = "1200".parse()?;
/// // A time relative to now needs the current time.
/// assert!("yesterday".parse::<Bound>().is_err());
/// let now = "2026-03-02T10:00:00Z".parse().unwrap();
/// assert_eq!(Bound::parse("yesterday", now)?, day);
/// # Ok::<(), analysis::InvalidBound>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// A moment, in every stream.
    Time(DateTime<Utc>),
    /// A place in a stream, counted from 1.
    Sequence {
        /// The stream; `None` for the only one that is read.
        stream: Option<StreamName>,
        /// The place.
        sequence: u64,
    },
}

/// Why a text is not an end of a range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidBound {
    /// It has no known form.
    #[error(
        "{0:?} is neither a time (2026-03-01, 2026-03-01 19:30, yesterday, -15m) nor a place (ORDERS:1200, or 1200 with one stream)"
    )]
    Form(String),
    /// It has the form of a time, but the time doesn't exist.
    #[error("{0:?} is no time: there is no such day, or no such time of day")]
    NoSuchTime(String),
}

/// The stream of this name, in upper or lower case.
pub fn stream_named(name: &str) -> Option<StreamName> {
    event_streams::ALL
        .into_iter()
        .find(|stream| stream.as_str().eq_ignore_ascii_case(name))
}

impl Bound {
    /// Parses an end of a range, including times relative to now: `now`, `today`, `yesterday`
    /// (midnight, UTC), and a number of `s`, `m`, `h`, `d` or `w` (seconds to weeks) before now,
    /// with or without a minus, such as `-15m`.
    ///
    /// # Errors
    /// When the text is not one.
    pub fn parse(text: &str, now: DateTime<Utc>) -> Result<Self, InvalidBound> {
        match moment::relative(text, now) {
            Some(time) => Ok(Self::Time(time)),
            None => text.parse(),
        }
    }
}

impl FromStr for Bound {
    type Err = InvalidBound;

    fn from_str(text: &str) -> Result<Self, InvalidBound> {
        let invalid = || InvalidBound::Form(text.to_owned());
        let sequence = |text: &str| text.parse().ok().filter(|sequence| *sequence > 0);
        if moment::looks_like_one(text) {
            let time = moment::absolute(text);
            let time = time.ok_or_else(|| InvalidBound::NoSuchTime(text.to_owned()))?;
            return Ok(Self::Time(time));
        }
        if let Some((stream, place)) = text.split_once([':', '#']) {
            return Ok(Self::Sequence {
                stream: Some(stream_named(stream).ok_or_else(invalid)?),
                sequence: sequence(place).ok_or_else(invalid)?,
            });
        }
        Ok(Self::Sequence {
            stream: None,
            sequence: sequence(text).ok_or_else(invalid)?,
        })
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(time) => time
                .to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
                .fmt(f),
            Self::Sequence {
                stream: Some(stream),
                sequence,
            } => write!(f, "{stream}:{sequence}"),
            Self::Sequence {
                stream: None,
                sequence,
            } => sequence.fmt(f),
        }
    }
}

/// A part of the log: from a time (included) to a time (excluded), and in each stream from a
/// sequence to a sequence (both included). Anything unset is not limited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// Commits from this moment on.
    pub from: Option<DateTime<Utc>>,
    /// Commits before this moment.
    pub to: Option<DateTime<Utc>>,
    /// The first sequence, by stream.
    pub first: BTreeMap<StreamName, u64>,
    /// The last sequence, by stream.
    pub last: BTreeMap<StreamName, u64>,
}

impl Range {
    /// The whole log.
    pub fn all() -> Self {
        Self::default()
    }

    /// A range of several bounds from a command line: at each end at most one time and at most one
    /// place per stream; of several, the narrowest counts. `streams` are the streams to read.
    ///
    /// # Errors
    /// [`InvalidBound`] when a place names no stream and there are several.
    pub fn of(from: &[Bound], to: &[Bound], streams: &[StreamName]) -> Result<Self, InvalidBound> {
        let mut range = Self::default();
        let place = |bound: &Bound, stream: Option<StreamName>| match (stream, streams) {
            (Some(stream), _) => Ok(stream),
            (None, [only]) => Ok(*only),
            (None, _) => Err(InvalidBound::Form(bound.to_string())),
        };
        for bound in from {
            match *bound {
                Bound::Time(time) => range.from = range.from.max(Some(time)),
                Bound::Sequence { stream, sequence } => {
                    let first = range.first.entry(place(bound, stream)?).or_insert(1);
                    *first = sequence.max(*first);
                }
            }
        }
        for bound in to {
            match *bound {
                Bound::Time(time) => {
                    range.to = Some(range.to.map_or(time, |other| time.min(other)));
                }
                Bound::Sequence { stream, sequence } => {
                    let last = range.last.entry(place(bound, stream)?).or_insert(u64::MAX);
                    *last = sequence.min(*last);
                }
            }
        }
        Ok(range)
    }

    /// Whether a moment is in the range.
    pub fn contains_time(&self, time: DateTime<Utc>) -> bool {
        self.from.is_none_or(|from| time >= from) && self.to.is_none_or(|to| time < to)
    }

    /// Refuses a range that ends before it begins.
    pub(crate) fn check(&self) -> Result<(), AnalysisError> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from > to
        {
            return Err(AnalysisError::InvertedRange {
                from: Bound::Time(from).to_string(),
                to: Bound::Time(to).to_string(),
            });
        }
        for (stream, first) in &self.first {
            if let Some(last) = self.last.get(stream)
                && first > last
            {
                return Err(AnalysisError::InvertedRange {
                    from: format!("{stream}:{first}"),
                    to: format!("{stream}:{last}"),
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use event_streams::{ORDERS, TICKETS};

    fn bounds(texts: &[&str]) -> Vec<Bound> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_bound_parses_its_own_text() {
        for text in ["2026-03-01T00:00:00Z", "ORDERS:12", "12"] {
            assert_eq!(text.parse::<Bound>().unwrap().to_string(), text);
        }
        assert_eq!(
            "2026-03-01".parse::<Bound>(),
            "2026-03-01T00:00:00Z".parse()
        );
        assert_eq!("orders#12".parse::<Bound>(), "ORDERS:12".parse());
    }

    #[test]
    fn an_invalid_bound_is_refused() {
        for text in ["", "0", "ORDERS:0", "NOTHING:3", "ORDERS:x", "-3", "12:00"] {
            assert!(text.parse::<Bound>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_narrowest_bound_applies() {
        let from = bounds(&["2026-01-01", "2026-02-01", "ORDERS:5", "ORDERS:3"]);
        let to = bounds(&["2026-05-01", "2026-04-01", "TICKETS:9"]);
        let range = Range::of(&from, &to, &event_streams::ALL).unwrap();
        assert_eq!(Bound::Time(range.from.unwrap()), bounds(&["2026-02-01"])[0]);
        assert_eq!(Bound::Time(range.to.unwrap()), bounds(&["2026-04-01"])[0]);
        assert_eq!(range.first, BTreeMap::from([(ORDERS, 5)]));
        assert_eq!(range.last, BTreeMap::from([(TICKETS, 9)]));
    }

    #[test]
    fn a_sequence_without_a_stream_needs_exactly_one_stream() {
        let place = bounds(&["7"]);
        let range = Range::of(&place, &[], &[ORDERS]).unwrap();
        assert_eq!(range.first, BTreeMap::from([(ORDERS, 7)]));
        assert!(Range::of(&place, &[], &event_streams::ALL).is_err());
    }

    #[test]
    fn a_range_includes_its_start_and_excludes_its_end() {
        let range = Range::of(
            &bounds(&["2026-01-01"]),
            &bounds(&["2026-01-02"]),
            &event_streams::ALL,
        )
        .unwrap();
        let (from, to) = (range.from.unwrap(), range.to.unwrap());
        assert!(range.contains_time(from) && !range.contains_time(to));
    }

    #[test]
    fn a_range_that_ends_before_it_begins_is_refused() {
        for (from, to) in [("2026-02-01", "2026-01-01"), ("ORDERS:5", "ORDERS:4")] {
            let range = Range::of(&bounds(&[from]), &bounds(&[to]), &event_streams::ALL).unwrap();
            let refused = range.check().unwrap_err();
            assert!(
                matches!(refused, AnalysisError::InvertedRange { .. }),
                "{refused}"
            );
        }
    }
}
