//! Reading prices as people write them.

use std::fmt;

use api::Amount;

/// The currency of the market, as people write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketCurrency {
    /// Its ISO 4217 code.
    pub code: String,
    /// Its sign in the visitor's own way of writing: `$`, `US$`, `€`.
    pub sign: String,
}

impl Default for MarketCurrency {
    fn default() -> Self {
        Self {
            code: "USD".into(),
            sign: "$".into(),
        }
    }
}

/// Why a text isn't a price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PriceError {
    /// There is nothing.
    Missing,
    /// It is no number.
    NotANumber,
    /// It names another currency than the market's, which is this one.
    OtherCurrency(String),
    /// Some would read it as one number, and some as another.
    Ambiguous {
        /// As it was typed.
        typed: String,
        /// The number, if the sign in it is a decimal sign.
        small: String,
        /// The number, if the sign in it parts thousands.
        large: String,
    },
    /// More than two decimals.
    TooPrecise,
    /// Beyond all prices.
    TooLarge,
}

/// What is wrong, after the name of the field.
impl fmt::Display for PriceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is required"),
            Self::NotANumber => f.write_str("must be a number, such as 20 or 19.99"),
            Self::OtherCurrency(ours) => write!(f, "is in {ours} here: type the number alone"),
            Self::Ambiguous {
                typed,
                small,
                large,
            } => write!(
                f,
                "“{typed}” could be {small} or {large}: type {large} without a separator, or at \
                 most two decimals"
            ),
            Self::TooPrecise => f.write_str(Amount::TOO_PRECISE),
            Self::TooLarge => f.write_str(Amount::TOO_LARGE),
        }
    }
}

/// Where the digits of other scripts begin: those that browsers write prices in.
const ZEROS: [char; 14] = [
    '\u{660}', '\u{6f0}', '\u{966}', '\u{9e6}', '\u{a66}', '\u{ae6}', '\u{b66}', '\u{be6}',
    '\u{c66}', '\u{ce6}', '\u{d66}', '\u{e50}', '\u{1040}', '\u{ff10}',
];

/// What parts thousands and nothing else, once it is read.
const GAP: char = '_';
/// What is a decimal sign and nothing else, once it is read.
const POINT: char = '|';

/// A character as this module reads it; none for those that show nothing.
fn plain(c: char) -> Option<char> {
    let digit = ZEROS.iter().find_map(|zero| {
        let value = u32::from(c).checked_sub(u32::from(*zero))?;
        char::from_digit(value, 10)
    });
    Some(match c {
        // Marks of direction, which browsers put around numbers.
        '\u{200e}' | '\u{200f}' | '\u{61c}' => return None,
        '\'' | '’' | '\u{66c}' => GAP,
        c if c.is_whitespace() => GAP,
        '\u{66b}' => POINT,
        '．' => '.',
        '，' => ',',
        '\u{2212}' => '-',
        other => digit.unwrap_or(other),
    })
}

/// Reads a price as people type or paste it, wherever they are from: `20`, `19.99`, `19,99`,
/// `1.234,56`, `1,234.56`, `$1 000`, `١٢٫٥٠`.
///
/// What only one number can be meant by is read, whichever of the two signs is the decimal sign
/// where its writer lives. What two people could read differently (`1.000`, `12,500`) is refused:
/// following the browser's language would only guess, since many a visitor types as at home in a
/// browser that speaks English.
pub fn price_input(text: &str, currency: &MarketCurrency) -> Result<Amount, PriceError> {
    let typed = text.trim();
    if typed.is_empty() {
        return Err(PriceError::Missing);
    }
    let bare = [&currency.code, &currency.sign]
        .into_iter()
        .map(String::as_str)
        .chain(["$"].into_iter().filter(|_| currency.code.ends_with('D')))
        .fold(typed, |text, name| {
            let text = text.strip_prefix(name).unwrap_or(text);
            text.strip_suffix(name).unwrap_or(text).trim()
        });
    let read: String = bare.chars().filter_map(plain).collect();
    let (sign, digits) = match read.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", read.as_str()),
    };
    let is_sign = |c: char| matches!(c, '.' | ',' | GAP | POINT);
    if !digits.chars().all(|c| c.is_ascii_digit() || is_sign(c)) {
        let foreign = digits.trim_matches(|c: char| c.is_ascii_digit() || is_sign(c));
        let is_number_beside = foreign.len() < digits.len()
            && !(digits.starts_with(|c: char| c.is_ascii_digit())
                && digits.ends_with(|c: char| c.is_ascii_digit()));
        let is_short = foreign.chars().count() <= 3 && !foreign.contains(|c: char| c.is_numeric());
        return Err(if is_number_beside && is_short && foreign != "-" {
            PriceError::OtherCurrency(currency.code.clone())
        } else {
            PriceError::NotANumber
        });
    }
    let (whole, fraction) = parts(digits, typed)?;
    // Zeros at the end are no precision: that a thousand isn't meant is known by now.
    let fraction = fraction.trim_end_matches('0');
    let number = format!("{sign}{whole}.{fraction}");
    number.parse().map_err(|words: &str| match words {
        Amount::TOO_PRECISE => PriceError::TooPrecise,
        Amount::TOO_LARGE => PriceError::TooLarge,
        _ => PriceError::NotANumber,
    })
}

/// The digits before and after the decimal sign.
fn parts<'a>(digits: &'a str, typed: &str) -> Result<(String, &'a str), PriceError> {
    let count = |sign: char| digits.matches(sign).count();
    let split = |sign: char| digits.rsplit_once(sign).unwrap_or((digits, ""));
    let (whole, fraction) = match (count(POINT), count('.'), count(',')) {
        (1, 0, _) => split(POINT),
        // The last of two different signs is the decimal sign.
        (0, 1, commas) if commas > 0 && digits.rfind('.') > digits.rfind(',') => split('.'),
        (0, points, 1) if points > 0 && digits.rfind(',') > digits.rfind('.') => split(','),
        // One sign alone, and once: decimals, unless it could as well part thousands.
        (0, 1, 0) | (0, 0, 1) => {
            let sign = if count('.') == 1 { '.' } else { ',' };
            let (whole, fraction) = split(sign);
            let could_part = (1..=3).contains(&whole.len()) && !whole.starts_with('0');
            if fraction.len() == 3 && could_part && !whole.contains(GAP) {
                return Err(PriceError::Ambiguous {
                    typed: typed.to_owned(),
                    small: format!("{whole}.{fraction}"),
                    large: format!("{whole}{fraction}"),
                });
            }
            (whole, fraction)
        }
        // None, or one sign several times: it parts thousands.
        (0, _, 0) | (0, 0, _) => (digits, ""),
        _ => return Err(PriceError::NotANumber),
    };
    let groups: Vec<&str> = whole.split(['.', ',', GAP]).collect();
    let signs: Vec<char> = whole.chars().filter(|c| !c.is_ascii_digit()).collect();
    let is_grouped = match groups.as_slice() {
        [_] => true,
        // In India all but the last group have two digits.
        [first, middle @ .., last] => {
            let (lakhs, thousands) = (
                middle.iter().all(|group| group.len() == 2) && signs[0] == ',',
                middle.iter().all(|group| group.len() == 3),
            );
            (1..=3).contains(&first.len())
                && last.len() == 3
                && (lakhs || thousands)
                && signs.iter().all(|sign| *sign == signs[0])
        }
        [] => false,
    };
    if is_grouped && fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok((groups.concat(), fraction))
    } else {
        Err(PriceError::NotANumber)
    }
}

/// A price as it stands in an input: `20` or `19.99`.
pub fn price_text(price: Amount) -> String {
    let text = price.to_string();
    text.strip_suffix(".00")
        .map_or_else(|| text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cents(text: &str) -> Result<i64, PriceError> {
        price_input(text, &MarketCurrency::default()).map(|price| price.cents)
    }

    #[test]
    fn prices_are_read_in_every_local_format() {
        for (text, expected) in [
            ("20", 2_000),
            (" 19.99 ", 1_999),
            ("19,9", 1_990),
            ("12,50", 1_250),
            (".5", 50),
            ("5.", 500),
            ("0.500", 50),
            ("$12", 1_200),
            ("12 USD", 1_200),
            ("US$12", 1_200),
            ("$1 000", 100_000),
            ("1\u{202f}234,50\u{a0}$", 123_450),
            ("1.234,56", 123_456),
            ("1,234.56", 123_456),
            ("1'234.50", 123_450),
            ("12,34,567.5", 123_456_750),
            ("1.234.567", 123_456_700),
            ("１２", 1_200),
            ("٢٠", 2_000),
            ("\u{200f}١٬٢٣٤٫٥٠\u{a0}US$", 123_450),
            ("-5", -500),
        ] {
            let read = price_input(
                text,
                &MarketCurrency {
                    sign: "US$".into(),
                    ..MarketCurrency::default()
                },
            );
            assert_eq!(read.map(|price| price.cents), Ok(expected), "{text}");
            let price = Amount::from_cents(expected);
            assert_eq!(cents(&price_text(price)), Ok(expected));
        }
    }

    #[test]
    fn an_ambiguous_price_is_refused_with_both_readings() {
        for (text, small, large) in [
            ("1.000", "1.000", "1000"),
            ("12.500", "12.500", "12500"),
            ("1,000", "1.000", "1000"),
            ("999,999", "999.999", "999999"),
        ] {
            let problem = cents(text).unwrap_err();
            let PriceError::Ambiguous {
                small: low,
                large: high,
                ..
            } = &problem
            else {
                panic!("{text}: {problem:?}");
            };
            assert_eq!((low.as_str(), high.as_str()), (small, large));
            assert!(problem.to_string().contains(text), "{problem}");
        }
    }

    #[test]
    fn an_invalid_price_is_refused_with_a_reason() {
        let other = || PriceError::OtherCurrency("USD".into());
        for (text, problem) in [
            ("", PriceError::Missing),
            ("  ", PriceError::Missing),
            ("abc", PriceError::NotANumber),
            ("free", PriceError::NotANumber),
            ("1e3", PriceError::NotANumber),
            ("--5", PriceError::NotANumber),
            (".", PriceError::NotANumber),
            ("1,2.3,4", PriceError::NotANumber),
            ("12 50", PriceError::NotANumber),
            ("1.23.456", PriceError::NotANumber),
            ("1.234,567.8", PriceError::NotANumber),
            ("€12", other()),
            ("12 EUR", other()),
            ("1.2345", PriceError::TooPrecise),
            ("1234.567", PriceError::TooPrecise),
            ("9999999999999999", PriceError::TooLarge),
        ] {
            assert_eq!(cents(text), Err(problem), "{text}");
        }
    }
}
