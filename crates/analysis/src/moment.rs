//! Parses times as users write them.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};

/// Forms of a time without an offset, which is in UTC: as this tool prints it, and as in other
/// tools.
const FORMS: [&str; 4] = [
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
];

/// Whether a text has the form of a time, valid or not: it begins with a date.
pub(crate) fn looks_like_one(text: &str) -> bool {
    let form = b"dddd-dd-dd";
    text.len() >= form.len()
        && text.bytes().zip(form).all(|(byte, form)| match form {
            b'd' => byte.is_ascii_digit(),
            other => byte == *other,
        })
}

/// An absolute time: a day (its midnight), a time in UTC, or one with its offset.
pub(crate) fn absolute(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Some(day.and_time(NaiveTime::MIN).and_utc());
    }
    let parsed = FORMS
        .iter()
        .map(|form| NaiveDateTime::parse_from_str(text, form));
    parsed.flatten().next().map(|time| time.and_utc())
}

/// A time relative to now.
pub(crate) fn relative(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let midnight = now.date_naive().and_time(NaiveTime::MIN).and_utc();
    match text {
        "now" => return Some(now),
        "today" => return Some(midnight),
        "yesterday" => return midnight.checked_sub_signed(TimeDelta::days(1)),
        _ => {}
    }
    let text = text.strip_suffix(" ago").unwrap_or(text);
    let text = text.strip_prefix('-').unwrap_or(text);
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i64 = number.parse().ok()?;
    let ago = match unit {
        "s" => TimeDelta::try_seconds(number),
        "m" => TimeDelta::try_minutes(number),
        "h" => TimeDelta::try_hours(number),
        "d" => TimeDelta::try_days(number),
        "w" => TimeDelta::try_weeks(number),
        _ => None,
    }?;
    now.checked_sub_signed(ago)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn times_are_accepted_in_printed_and_other_formats() {
        for (text, expected) in [
            ("2026-03-01", "2026-03-01T00:00:00Z"),
            ("2026-03-01 19:30:00", "2026-03-01T19:30:00Z"),
            ("2026-03-01 19:30:00.123", "2026-03-01T19:30:00.123Z"),
            ("2026-03-01T19:30:00", "2026-03-01T19:30:00Z"),
            ("2026-03-01 19:30", "2026-03-01T19:30:00Z"),
            ("2026-03-01T19:30", "2026-03-01T19:30:00Z"),
            ("2026-03-01T19:30:00.5+02:00", "2026-03-01T17:30:00.5Z"),
        ] {
            assert!(looks_like_one(text), "{text}");
            assert_eq!(absolute(text), Some(time(expected)), "{text}");
        }
        for text in ["2026-02-30", "2026-03-01 25:00", "2026-03-01x"] {
            assert!(looks_like_one(text), "{text}");
            assert_eq!(absolute(text), None, "{text}");
        }
        assert!(!looks_like_one("ORDERS:1200") && !looks_like_one("20260301"));
    }

    #[test]
    fn relative_times_count_from_now() {
        let now = time("2026-03-02T10:20:30Z");
        for (text, expected) in [
            ("now", "2026-03-02T10:20:30Z"),
            ("today", "2026-03-02T00:00:00Z"),
            ("yesterday", "2026-03-01T00:00:00Z"),
            ("-15m", "2026-03-02T10:05:30Z"),
            ("15m", "2026-03-02T10:05:30Z"),
            ("2h ago", "2026-03-02T08:20:30Z"),
            ("30s", "2026-03-02T10:20:00Z"),
            ("1d", "2026-03-01T10:20:30Z"),
            ("1w", "2026-02-23T10:20:30Z"),
        ] {
            assert_eq!(relative(text, now), Some(time(expected)), "{text}");
        }
        for text in [
            "",
            "m",
            "-m",
            "15",
            "-15",
            "15x",
            "1.5h",
            "--15m",
            "é",
            "99999999999999999d",
            "9223372036854775807w",
            "tomorrow",
        ] {
            assert_eq!(relative(text, now), None, "{text}");
        }
    }
}
