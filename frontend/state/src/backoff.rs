//! How long to wait before a read is tried again.

/// Waiting times that double from one second to fifteen.
///
/// No jitter: a page retries one or two reads, and the moment at which each visitor's network
/// comes back is spread by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    const FIRST_MS: u32 = 1_000;
    const LONGEST_MS: u32 = 15_000;

    /// How many milliseconds to wait after one more failure.
    pub fn next_ms(&mut self) -> u32 {
        let wait = Self::FIRST_MS
            .saturating_mul(1 << self.failures.min(8))
            .min(Self::LONGEST_MS);
        self.failures += 1;
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_bounded() {
        let mut backoff = Backoff::default();
        let waits: Vec<u32> = (0..40).map(|_| backoff.next_ms()).collect();
        assert_eq!(waits[..5], [1_000, 2_000, 4_000, 8_000, 15_000]);
        assert!(waits[5..].iter().all(|wait| *wait == 15_000));
    }
}
