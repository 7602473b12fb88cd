//! Money on the wire.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::value::RawValue;
use std::{fmt, str::FromStr};

/// An amount of money: a JSON number in whole currency units with at most two decimals, stored as
/// integer cents.
///
/// Reads a number or a string with one, by the same rule and from its text: at most two digits
/// after the point, no exponent. Nothing is rounded, and no floating-point number is involved,
/// which would turn `19.999999999999999999` into 20. It may be zero or negative: the domain decides
/// whether it is a valid *price*.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount {
    /// In cents.
    pub cents: i64,
}

impl Amount {
    /// The error for more than two decimals.
    pub const TOO_PRECISE: &str = "must have at most two decimals";
    /// The error for an exponent.
    pub const EXPONENT: &str = "must be written without an exponent";
    /// The error for a number beyond all prices.
    pub const TOO_LARGE: &str = "is too large";

    /// An amount of this many cents.
    pub const fn from_cents(cents: i64) -> Self {
        Self { cents }
    }

    /// A price, or a sum of prices, of this many cents. Sums of prices stay far below the limit.
    pub const fn of_prices(cents: u64) -> Self {
        Self::from_cents(if cents > i64::MAX as u64 {
            i64::MAX
        } else {
            cents.cast_signed()
        })
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Amount {}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Amount {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        f64::schema()
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

/// Parses `20`, `19.9`, `19.99`; refuses more decimals (even zeros: half of those who write `1.000`
/// mean a thousand), exponents and anything else.
impl FromStr for Amount {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const NOT_A_NUMBER: &str = "must be a number";
        let text = text.trim();
        let (sign, digits) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        if is_exponential(digits) {
            return Err(Self::EXPONENT);
        }
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() && fraction.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return Err(NOT_A_NUMBER);
        }
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

/// Whether it is a number with an exponent, such as `1e2`.
fn is_exponential(digits: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    digits
        .split_once(['e', 'E'])
        .is_some_and(|(number, power)| {
            let power = power.trim_start_matches(['+', '-']);
            !number.is_empty()
                && number.bytes().all(is_digit)
                && !power.is_empty()
                && power.bytes().all(|byte| byte.is_ascii_digit())
        })
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
        const EXPECTED: &str = "must be a number with at most two decimals";
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = match raw.get() {
            string if string.starts_with('"') => {
                serde_json::from_str::<String>(string).map_err(|_| D::Error::custom(EXPECTED))?
            }
            number if number.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
                number.to_owned()
            }
            _ => return Err(D::Error::custom(EXPECTED)),
        };
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_amounts_have_no_decimals_and_others_are_exact() {
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
    fn every_cent_up_to_a_thousand_round_trips() {
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

    #[test]
    fn numbers_and_numeric_strings_are_read_alike() {
        for (text, why) in [
            ("19.999999999999999999", Amount::TOO_PRECISE),
            ("19.990000000000000001", Amount::TOO_PRECISE),
            ("0.999999999999999999999", Amount::TOO_PRECISE),
            ("1.000", Amount::TOO_PRECISE),
            ("1e2", Amount::EXPONENT),
            ("1E-2", Amount::EXPONENT),
            ("1.5e+3", Amount::EXPONENT),
            ("9999999999999999", Amount::TOO_LARGE),
        ] {
            for json in [text.to_owned(), format!("\"{text}\"")] {
                let error = serde_json::from_str::<Amount>(&json).unwrap_err();
                assert_eq!(error.to_string(), why, "{json}");
                let field: crate::Field<Amount> = serde_json::from_str(&json).unwrap();
                assert_eq!(field, crate::Field::Invalid(why.to_owned()), "{json}");
            }
        }
        for (text, cents) in [("-0", 0), ("20.5", 2_050), ("0.50", 50)] {
            for json in [text.to_owned(), format!("\"{text}\"")] {
                let amount: Amount = serde_json::from_str(&json).unwrap();
                assert_eq!(amount.cents, cents, "{json}");
            }
        }
    }

    #[test]
    fn an_amount_is_shown_with_its_sign_and_two_decimals() {
        for (cents, shown) in [
            (1_999, "19.99"),
            (2_000, "20.00"),
            (5, "0.05"),
            (0, "0.00"),
            (-5, "-0.05"),
            (-1_999, "-19.99"),
        ] {
            let amount = Amount::from_cents(cents);
            assert_eq!(amount.to_string(), shown);
            assert_eq!(shown.parse(), Ok(amount));
            let json = serde_json::to_string(&amount).unwrap();
            assert_eq!(serde_json::from_str::<Amount>(&json).unwrap(), amount);
        }
    }

    #[test]
    fn a_number_is_read_in_every_notation() {
        for (text, cents) in [
            (" 5 ", 500),
            ("+5", 500),
            ("5.", 500),
            (".5", 50),
            ("007", 700),
            ("-19.9", -1_990),
            ("999999999999999.99", 99_999_999_999_999_999),
        ] {
            assert_eq!(text.parse(), Ok(Amount::from_cents(cents)), "{text:?}");
        }
    }

    #[test]
    fn text_that_only_resembles_a_number_is_refused() {
        for text in [
            "", ".", "-", "--5", "1,5", "1.x", "x.1", "1.2.3", "0x10", "e5", "1e", "1e+", "xe5",
            "1ex",
        ] {
            let expected = Err("must be a number");
            assert_eq!(text.parse::<Amount>(), expected, "{text:?}");
        }
        for json in ["true", "null", "[]", "{}"] {
            let error = serde_json::from_str::<Amount>(json).unwrap_err();
            let expected = "must be a number with at most two decimals";
            assert_eq!(error.to_string(), expected, "{json}");
        }
    }
}
