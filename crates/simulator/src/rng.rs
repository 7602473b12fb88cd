//! Random numbers from a seed.

use chrono::TimeDelta;
use rand_pcg::{Pcg64Mcg, rand_core::Rng as _};
use uuid::{Builder, Uuid};

/// A random number generator.
///
/// The generator's output never changes. Distributions are computed here, with integers: those of a
/// library may return other values in its next release, and logarithms on another machine, and
/// either would result in another season.
/// machine, and either would be another season.
#[derive(Debug)]
pub(crate) struct Rng(Pcg64Mcg);

impl Rng {
    pub fn new(seed: u64) -> Self {
        let seed = u128::from(seed);
        let mut generator = Pcg64Mcg::new(seed << 64 | seed);
        // The first numbers of similar seeds are similar, too.
        for _ in 0..16 {
            generator.next_u64();
        }
        Self(generator)
    }

    /// A number below another; 0 if that is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        let wide = u128::from(self.0.next_u64()) * u128::from(end);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// An index into a list of this length.
    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }

    /// A number in a range, both ends included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// Returns true with this probability, in percent.
    pub fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    /// An index below `length`, smaller ones more often: few users cause most of the activity.
    pub fn skewed(&mut self, length: usize) -> usize {
        let one = self.index(length);
        self.index(one + 1)
    }

    /// A time between two numbers of milliseconds, to the microsecond.
    pub fn millis(&mut self, low: u64, high: u64) -> TimeDelta {
        let micros = self.between(low * 1_000, high * 1_000);
        TimeDelta::microseconds(i64::try_from(micros).unwrap_or(i64::MAX))
    }

    /// Like [`Rng::millis`], in seconds; the middle is likelier than the ends.
    pub fn seconds(&mut self, low: u64, high: u64) -> TimeDelta {
        let (one, other) = (
            self.between(low * 1_000_000, high * 1_000_000),
            self.between(low * 1_000_000, high * 1_000_000),
        );
        // Whole microseconds: headers of commits have no more, and the two must agree.
        let micros = u64::midpoint(one, other);
        TimeDelta::microseconds(i64::try_from(micros).unwrap_or(i64::MAX))
    }

    /// A random ID.
    pub fn id(&mut self) -> Uuid {
        let bytes = u128::from(self.0.next_u64()) << 64 | u128::from(self.0.next_u64());
        Builder::from_random_bytes(bytes.to_be_bytes()).into_uuid()
    }

    /// A random ID that sorts by a time, in milliseconds.
    pub fn id_at(&mut self, millis: i64) -> Uuid {
        let random = u128::from(self.0.next_u64()) << 64 | u128::from(self.0.next_u64());
        let mut bytes = [0; 10];
        bytes.copy_from_slice(&random.to_be_bytes()[..10]);
        let millis = u64::try_from(millis).unwrap_or(0);
        Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_gives_the_same_numbers() {
        let mut rng = Rng::new(7);
        let rolls: Vec<u64> = (0..6).map(|_| rng.below(1_000)).collect();
        insta::assert_debug_snapshot!(rolls);
    }

    #[test]
    fn numbers_cover_the_range_up_to_its_end() {
        let mut rng = Rng::new(1);
        let mut seen = [false; 6];
        for _ in 0..1_000 {
            seen[rng.index(6)] = true;
        }
        assert_eq!(seen, [true; 6]);
        assert_eq!(rng.below(0), 0);
    }

    #[test]
    fn amounts_are_skewed() {
        let mut rng = Rng::new(1);
        let first_tenth = (0..10_000).filter(|_| rng.skewed(100) < 10).count();
        assert!((2_500..4_500).contains(&first_tenth), "{first_tenth}");
    }
}
