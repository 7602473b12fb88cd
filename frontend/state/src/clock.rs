//! The server's time, as far as its answers tell.

/// What is known of the difference between the server's clock and the browser's steady one.
///
/// An answer's `Date` header is cut to whole seconds, and the moment at which it was written lies
/// somewhere between sending and receiving. So each answer only bounds the difference, and the
/// bounds of several answers are intersected: a few answers give it to some milliseconds, where
/// taking the newest one would make a countdown jump by up to a second each time.
///
/// All times are milliseconds; local ones are of a clock that never jumps.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ServerClock {
    bounds: Option<(f64, f64)>,
}

impl ServerClock {
    /// A `Date` header names the second that began then.
    const RESOLUTION: f64 = 1_000.0;

    /// Learns from an answer: its date, and the local times of sending and of receiving.
    pub fn learn(&mut self, date: f64, sent: f64, received: f64) {
        let (low, high) = (date - received, date + Self::RESOLUTION - sent);
        if low > high {
            return;
        }
        self.bounds = Some(match self.bounds {
            // Bounds that exclude each other mean that one of the clocks was set, or that the
            // machine slept: what was known is worth nothing then.
            Some((known_low, known_high)) if low <= known_high && known_low <= high => {
                (low.max(known_low), high.min(known_high))
            }
            _ => (low, high),
        });
    }

    /// The server's time at a local time; none before the first answer.
    pub fn at(&self, local: f64) -> Option<f64> {
        self.bounds
            .map(|(low, high)| local + f64::midpoint(low, high))
    }
}

/// Whether two clocks of the machine, the steady one and the one on the wall, moved apart since
/// both were looked at before: the machine slept, in which the steady one of some stands still, or
/// the other was set. All in milliseconds, each pair `(steady, wall)`.
///
/// Which of the two it was can't be told. So nothing is computed from it: the server is asked.
pub fn is_time_lost(before: (f64, f64), now: (f64, f64)) -> bool {
    ((now.1 - before.1) - (now.0 - before.0)).abs() > 2_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The date header of an answer written at a server time.
    fn date(server: f64) -> f64 {
        (server / 1_000.0).floor() * 1_000.0
    }

    #[test]
    fn the_clock_is_unknown_before_a_response() {
        assert_eq!(ServerClock::default().at(5.0), None);
    }

    #[test]
    fn one_response_sets_the_clock_to_within_a_second() {
        let mut clock = ServerClock::default();
        clock.learn(date(1_000_700.0), 100.0, 120.0);
        let error = clock.at(110.0).unwrap() - 1_000_700.0;
        assert!(error.abs() <= 520.0, "{error}");
    }

    #[test]
    fn more_responses_improve_the_clock() {
        let ahead = 1_000_000.0;
        let mut clock = ServerClock::default();
        for local in (0..40).map(|i| f64::from(i) * 1_137.0) {
            clock.learn(date(local + 10.0 + ahead), local, local + 20.0);
        }
        let error = clock.at(50_000.0).unwrap() - (50_000.0 + ahead);
        assert!(error.abs() <= 60.0, "{error}");
    }

    #[test]
    fn a_changed_clock_is_noticed_at_once() {
        let mut clock = ServerClock::default();
        clock.learn(1_000_000.0, 0.0, 10.0);
        clock.learn(5_000_000.0, 1_000.0, 1_010.0);
        let now = clock.at(1_010.0).unwrap();
        assert!((now - 5_000_000.0).abs() <= 1_010.0, "{now}");
    }

    #[test]
    fn a_sleep_is_noticed_and_a_slow_tick_is_not() {
        assert!(is_time_lost((0.0, 1e12), (1_000.0, 1e12 + 301_000.0)));
        assert!(is_time_lost((0.0, 1e12), (1_000.0, 1e12 - 3_600_000.0)));
        assert!(!is_time_lost((0.0, 1e12), (60_000.0, 1e12 + 60_900.0)));
    }
}
