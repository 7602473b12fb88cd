//! Random moments that can be repeated.

use std::time::Duration;
use uuid::Uuid;

/// The environment variable that repeats the moments of a failed run.
const SEED: &str = "TIMES_SEED";

/// Random moments. Their seed is printed, so that a failed run can be repeated with the same ones,
/// as far as the load of the machine is the same.
pub struct RandomTimes {
    seed: Uuid,
    taken: u32,
}

impl RandomTimes {
    pub fn new() -> Self {
        let given = std::env::var(SEED).ok();
        let seed = given.map_or_else(Uuid::new_v4, |seed| seed.parse().unwrap());
        eprintln!("the moments of {SEED}={seed}");
        Self { seed, taken: 0 }
    }

    /// A random duration up to this one.
    pub fn within(&mut self, most: Duration) -> Duration {
        let (number, _) = self.next();
        Duration::from_micros(number % u64::try_from(most.as_micros()).unwrap())
    }

    /// Yes or no.
    pub fn either(&mut self) -> bool {
        self.next().0.is_multiple_of(2)
    }

    fn next(&mut self) -> (u64, u64) {
        self.taken += 1;
        Uuid::new_v5(&self.seed, &self.taken.to_be_bytes()).as_u64_pair()
    }
}
