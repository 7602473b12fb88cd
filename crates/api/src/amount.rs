//! Money on the wire.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};

/// An amount of money: a JSON number in whole currency units with at most two decimals, integer
/// cents inside.
///
/// Reads a number or a numeric string. It may be zero or below: whether it is a good *price* is
/// the domain's to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount {
    /// In cents.
    pub cents: i64,
}

impl Amount {
    /// What reading says of more than two decimals.
    pub const TOO_PRECISE: &str = "must have at most two decimals";
    /// What reading says of a number beyond all prices.
    pub const TOO_LARGE: &str = "is too large";

    /// An amount of so many cents.
    pub const fn from_cents(cents: i64) -> Self {
        Self { cents }
    }
}

/// Shows whole units with two decimals: `19.99`.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.cents < 0 { "-" } else { "" };
        let cents = self.cents.unsigned_abs();
        write!(f, "{sign}{}.{:02}", cents / 100, cents % 100)
    }
}

/// Reads `20`, `19.9`, `19.99`; refuses more decimals, exponents and anything else.
impl FromStr for Amount {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const NOT_A_NUMBER: &str = "must be a number";
        let text = text.trim();
        let (sign, digits) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() && fraction.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return Err(NOT_A_NUMBER);
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > 2 {
            return Err(Self::TOO_PRECISE);
        }
        let whole = whole.trim_start_matches('0');
        if whole.len() > 15 {
            return Err(Self::TOO_LARGE);
        }
        let number = |part: &str| {
            part.bytes()
                .fold(0, |n: i64, b| n * 10 + i64::from(b - b'0'))
        };
        let cents = number(fraction) * if fraction.len() == 1 { 10 } else { 1 };
        Ok(Self::from_cents(sign * (number(whole) * 100 + cents)))
    }
}

impl Serialize for Amount {
    #[allow(clippy::cast_precision_loss)]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.cents % 100 == 0 {
            serializer.serialize_i64(self.cents / 100)
        } else {
            // The shortest text of the nearest double has the same two decimals: exact for every
            // amount below 2^53 cents.
            serializer.serialize_f64(self.cents as f64 / 100.0)
        }
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Amount;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number with at most two decimals")
            }
            fn visit_i64<E: de::Error>(self, units: i64) -> Result<Amount, E> {
                units
                    .checked_mul(100)
                    .map(Amount::from_cents)
                    .ok_or_else(|| E::custom(Amount::TOO_LARGE))
            }
            fn visit_u64<E: de::Error>(self, units: u64) -> Result<Amount, E> {
                i64::try_from(units)
                    .map_err(|_| E::custom(Amount::TOO_LARGE))
                    .and_then(|u| self.visit_i64(u))
            }
            fn visit_f64<E: de::Error>(self, units: f64) -> Result<Amount, E> {
                self.visit_str(&units.to_string())
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Amount, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_amounts_are_written_without_decimals_and_others_exactly() {
        for (cents, json) in [
            (2_000, "20"),
            (1_999, "19.99"),
            (10, "0.1"),
            (99_999_999, "999999.99"),
        ] {
            let amount = Amount::from_cents(cents);
            assert_eq!(serde_json::to_string(&amount).unwrap(), json);
            assert_eq!(serde_json::from_str::<Amount>(json).unwrap(), amount);
        }
    }

    #[test]
    fn every_cent_up_to_a_thousand_survives_the_wire() {
        for cents in 0..100_000 {
            let json = serde_json::to_string(&Amount::from_cents(cents)).unwrap();
            assert_eq!(serde_json::from_str::<Amount>(&json).unwrap().cents, cents);
        }
    }

    #[test]
    fn a_numeric_string_is_read_and_anything_else_refused() {
        assert_eq!(
            serde_json::from_str::<Amount>("\"19.90\"").unwrap().cents,
            1_990
        );
        for json in [
            "\"abc\"",
            "19.999",
            "true",
            "null",
            "[]",
            "\"\"",
            "1e300",
            "99999999999999999999",
        ] {
            assert!(serde_json::from_str::<Amount>(json).is_err(), "{json}");
        }
    }
}
