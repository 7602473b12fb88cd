//! Money, as whole cents.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The highest price of a ticket, in cents: card companies accept eight digits.
pub const MAX_PRICE_CENTS: u64 = 99_999_999;

/// A price: more than zero, at most 999,999.99, exact to the cent. The lowest payable price depends
/// on the currency: see [`Price::at_least`].
///
/// Stored as integer cents. Floats were rejected: their sums are not exact, and the totals of
/// analysts must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Price(u64);

/// Why a number is not a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPrice {
    /// Not a decimal number.
    #[error("Price must be a number")]
    NotANumber,
    /// Zero or less.
    #[error("Price must be greater than 0")]
    NotPositive,
    /// A fraction of a cent.
    #[error("Price must have at most two decimals")]
    FractionOfCent,
    /// Above [`MAX_PRICE_CENTS`].
    #[error("Price must be at most 999,999.99")]
    TooHigh,
    /// Less than the card company accepts.
    #[error("Price must be at least {least}")]
    TooLow {
        /// The lowest price that it accepts.
        least: Price,
    },
}

impl Price {
    /// Returns the price of this number of cents.
    ///
    /// # Errors
    /// When it is zero or above [`MAX_PRICE_CENTS`].
    pub const fn from_cents(cents: u64) -> Result<Self, InvalidPrice> {
        match cents {
            0 => Err(InvalidPrice::NotPositive),
            1..=MAX_PRICE_CENTS => Ok(Self(cents)),
            _ => Err(InvalidPrice::TooHigh),
        }
    }

    /// Returns the price, if the card company accepts it in its currency.
    ///
    /// Not part of what a price *is*: the limit depends on the currency, and prices in the log
    /// remain valid after the currency was changed.
    ///
    /// # Errors
    /// When it is lower.
    pub fn at_least(self, least: Self) -> Result<Self, InvalidPrice> {
        if self < least {
            return Err(InvalidPrice::TooLow { least });
        }
        Ok(self)
    }

    /// The price in cents.
    pub const fn cents(self) -> u64 {
        self.0
    }
}

impl TryFrom<u64> for Price {
    type Error = InvalidPrice;
    fn try_from(cents: u64) -> Result<Self, Self::Error> {
        Self::from_cents(cents)
    }
}

impl From<Price> for u64 {
    fn from(price: Price) -> Self {
        price.0
    }
}

/// Shows the price in whole units with two decimals: `19.99`.
impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

/// Reads a decimal number of whole units (`20`, `19.9`, `19.99`, `19.9900`) exactly.
impl FromStr for Price {
    type Err = InvalidPrice;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() && fraction.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return Err(InvalidPrice::NotANumber);
        }
        if negative {
            return Err(InvalidPrice::NotPositive);
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > 2 {
            return Err(InvalidPrice::FractionOfCent);
        }
        let whole = whole.trim_start_matches('0');
        if whole.len() > 6 {
            return Err(InvalidPrice::TooHigh);
        }
        let number = |part: &str| part.bytes().fold(0, |n, b| n * 10 + u64::from(b - b'0'));
        let cents = number(fraction) * if fraction.len() == 1 { 10 } else { 1 };
        Self::from_cents(number(whole) * 100 + cents)
    }
}

/// The currency of a price, by its ISO 4217 code in lower case, such as `usd`.
///
/// The log contains it with each price that a user accepted: a number alone would change its
/// meaning with the configuration.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// Why a text is not a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Currency must be three lower-case letters")]
pub struct InvalidCurrency;

impl Currency {
    /// US dollars, the default currency of prices.
    pub const USD: Self = Self(*b"usd");

    /// The code.
    pub fn as_str(&self) -> &str {
        // Three ASCII letters; checked when it was created.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for Currency {
    type Err = InvalidCurrency;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let code: [u8; 3] = text.as_bytes().try_into().map_err(|_| InvalidCurrency)?;
        if code.iter().all(u8::is_ascii_lowercase) {
            Ok(Self(code))
        } else {
            Err(InvalidCurrency)
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = InvalidCurrency;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_price_is_read_exactly_from_whole_units() {
        for (text, cents) in [
            ("20", 2_000),
            ("19.99", 1_999),
            ("19.9", 1_990),
            ("0.01", 1),
            (" 7.00 ", 700),
            ("+3.5", 350),
            (".5", 50),
            ("0001", 100),
            ("999999.99", MAX_PRICE_CENTS),
        ] {
            assert_eq!(text.parse::<Price>().map(Price::cents), Ok(cents), "{text}");
        }
    }

    #[test]
    fn an_invalid_price_names_the_problem() {
        use InvalidPrice::{FractionOfCent, NotANumber, NotPositive, TooHigh};
        for (text, why) in [
            ("", NotANumber),
            ("abc", NotANumber),
            ("1e3", NotANumber),
            ("1.2.3", NotANumber),
            ("0", NotPositive),
            ("0.00", NotPositive),
            ("-10", NotPositive),
            ("1.999", FractionOfCent),
            ("1000000", TooHigh),
            ("1000000.01", TooHigh),
            ("99999999999999999999", TooHigh),
        ] {
            assert_eq!(text.parse::<Price>(), Err(why), "{text}");
        }
    }

    #[test]
    fn a_currency_is_three_letters() {
        assert_eq!("eur".parse::<Currency>().unwrap().as_str(), "eur");
        for text in ["", "eu", "euro", "EUR", "e1r", "€"] {
            assert_eq!(text.parse::<Currency>(), Err(InvalidCurrency), "{text}");
        }
    }

    #[test]
    fn a_currency_shows_its_code() {
        let currency: Currency = "usd".parse().unwrap();
        assert_eq!(format!("{currency} {currency:?}"), "usd usd");
    }

    #[test]
    fn a_price_below_the_smallest_charge_names_the_minimum() {
        let [least, below] = [50, 49].map(|cents| Price::from_cents(cents).unwrap());
        assert_eq!(least.at_least(least), Ok(least));
        let refused = below.at_least(least).unwrap_err();
        assert_eq!(refused.to_string(), "Price must be at least 0.50");
    }

    proptest! {
        #[test]
        fn every_price_round_trips(cents in 1..=MAX_PRICE_CENTS) {
            let price = Price::from_cents(cents).unwrap();
            prop_assert_eq!(price.to_string().parse::<Price>(), Ok(price));
        }

        #[test]
        fn reading_never_panics(text in "\\PC*") {
            let _ = text.parse::<Price>();
        }
    }
}
