//! The time left to pay.

/// What a countdown shows at one moment: always computed from an end and a now, never counted
/// down, so that it can neither drift nor run twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Countdown {
    /// Whole seconds left, rounded up, so that it shows 0 only when the time is over.
    pub seconds: u32,
}

impl Countdown {
    /// The time from now to the end, both in milliseconds of the same clock.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub fn between(now: f64, end: f64) -> Self {
        let seconds = ((end - now) / 1_000.0).ceil();
        Self {
            seconds: seconds.clamp(0.0, f64::from(u32::MAX)) as u32,
        }
    }

    /// No more than the whole of a hold: a clock that stood still while the machine slept would
    /// otherwise promise more, until the server has told the time again.
    #[must_use]
    pub fn at_most(self, seconds: u32) -> Self {
        Self {
            seconds: self.seconds.min(seconds),
        }
    }

    /// Whether the time is over.
    pub const fn is_over(self) -> bool {
        self.seconds == 0
    }

    /// `14:59`, or `1:02:03` from an hour on.
    pub fn digits(self) -> String {
        let (hours, minutes, seconds) = (
            self.seconds / 3_600,
            self.seconds / 60 % 60,
            self.seconds % 60,
        );
        if hours > 0 {
            format!("{hours}:{minutes:02}:{seconds:02}")
        } else {
            format!("{minutes}:{seconds:02}")
        }
    }

    /// What a screen reader is told: rarely, and in words. The same text for a while, so that a
    /// live region that holds it speaks only when it changes.
    pub fn spoken(self) -> String {
        match self.seconds {
            0 => "The time to pay is over".to_owned(),
            1..=10 => "Less than ten seconds left to pay".to_owned(),
            11..=30 => "Less than thirty seconds left to pay".to_owned(),
            31..=60 => "Less than a minute left to pay".to_owned(),
            61..=120 => "Less than two minutes left to pay".to_owned(),
            121..=300 => "Less than five minutes left to pay".to_owned(),
            more => {
                // Up to the next five minutes.
                let minutes = more.div_ceil(300) * 5;
                format!("Less than {minutes} minutes left to pay")
            }
        }
    }

    /// Whether it should look pressing.
    pub const fn is_urgent(self) -> bool {
        self.seconds <= 60
    }
}

/// So many seconds in words: `45 seconds`, `15 minutes`, `2 hours`.
pub fn duration_words(seconds: u64) -> String {
    let some = |count: u64, unit: &str| {
        let plural = if count == 1 { "" } else { "s" };
        format!("{count} {unit}{plural}")
    };
    match seconds {
        0..120 => some(seconds, "second"),
        120..7_200 => some(seconds.div_ceil(60), "minute"),
        more => some(more.div_ceil(3_600), "hour"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(seconds: u32) -> Countdown {
        Countdown { seconds }
    }

    #[test]
    fn the_countdown_shows_zero_only_at_its_end() {
        assert_eq!(Countdown::between(0.0, 900_000.0).digits(), "15:00");
        assert_eq!(Countdown::between(1.0, 900_000.0).digits(), "15:00");
        assert_eq!(Countdown::between(1_000.0, 900_000.0).digits(), "14:59");
        assert_eq!(Countdown::between(899_999.0, 900_000.0).digits(), "0:01");
        assert!(Countdown::between(900_000.0, 900_000.0).is_over());
        assert!(Countdown::between(9e9, 900_000.0).is_over());
        assert_eq!(left(3_723).digits(), "1:02:03");
    }

    #[test]
    fn the_countdown_announces_only_a_few_times() {
        let mut spoken: Vec<String> = (0..=900).map(|s| left(s).spoken()).collect();
        spoken.dedup();
        assert_eq!(spoken.len(), 8, "{spoken:?}");
    }

    #[test]
    fn the_countdown_never_exceeds_the_hold() {
        assert_eq!(left(1_197).at_most(900).digits(), "15:00");
        assert_eq!(left(10).at_most(900).digits(), "0:10");
    }

    #[test]
    fn durations_use_the_largest_fitting_unit() {
        for (seconds, words) in [
            (1, "1 second"),
            (90, "90 seconds"),
            (900, "15 minutes"),
            (130, "3 minutes"),
            (7_200, "2 hours"),
        ] {
            assert_eq!(duration_words(seconds), words);
        }
    }
}
