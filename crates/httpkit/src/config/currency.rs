//! The currencies in which prices can be charged.

/// Currencies whose amounts aren't counted in hundredths: those without a smaller unit, those with
/// thousandths, and two (`isk`, `ugx`) that providers require in hundredths that are zero. Prices
/// are hundredths everywhere here, so 20.00 yen would be charged as 2000 yen.
///
/// A list of the unusable ones and not of the usable ones: there are three dozen of them and they
/// hardly ever change, while the provider determines the others.
///
/// From ISO 4217's list of currencies and <https://docs.stripe.com/currencies>.
const NOT_IN_HUNDREDTHS: &[&str] = &[
    "bhd", "bif", "clf", "clp", "djf", "gnf", "iqd", "isk", "jod", "jpy", "kmf", "krw", "kwd",
    "lyd", "mga", "omr", "pyg", "rwf", "tnd", "ugx", "uyi", "uyw", "vnd", "vuv", "xaf", "xof",
    "xpf",
];

/// The smallest charges, in hundredths, that differ from [`USUAL`]. From
/// <https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts>. The sandbox applies
/// them too; otherwise an unpayable price would be noticed only with real money.
const SMALLEST_CHARGES: &[(&str, u64)] = &[
    ("aed", 200),
    ("bgn", 100),
    ("czk", 1_500),
    ("dkk", 250),
    ("gbp", 30),
    ("hkd", 400),
    ("huf", 17_500),
    ("mxn", 1_000),
    ("myr", 200),
    ("nok", 300),
    ("pln", 200),
    ("ron", 200),
    ("sek", 300),
    ("thb", 1_000),
];
/// The smallest charge in dollars, euros and most others. A currency without a minimum at Stripe is
/// converted first, so its actual minimum varies with the rate; half a unit rules out what is
/// certainly too little.
const USUAL: u64 = 50;

/// The smallest charge in a currency, in hundredths.
pub(super) fn smallest_charge(code: &str) -> u64 {
    SMALLEST_CHARGES
        .iter()
        .find(|(of, _)| *of == code)
        .map_or(USUAL, |(_, cents)| *cents)
}

/// The accepted values, in words; names all of [`NOT_IN_HUNDREDTHS`].
pub(super) const ALLOWED: &str = "three lower-case letters of a currency with hundredths, such as \
    usd or eur; not bhd, bif, clf, clp, djf, gnf, iqd, isk, jod, jpy, kmf, krw, kwd, lyd, mga, omr, \
    pyg, rwf, tnd, ugx, uyi, uyw, vnd, vuv, xaf, xof or xpf";

/// The code of a currency that prices can be charged in.
pub(super) fn read(text: &str) -> Option<String> {
    let is_code = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_lowercase());
    (is_code && !NOT_IN_HUNDREDTHS.contains(&text)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_currency_without_hundredths_is_refused_and_documented() {
        for code in NOT_IN_HUNDREDTHS {
            assert_eq!(read(code), None, "{code}");
            let named = ALLOWED.split([' ', ',']).any(|word| word == *code);
            assert!(named, "{code} is not in the documentation");
        }
        for code in ["USD", "us", "usdt", "u$d", "JPY"] {
            assert_eq!(read(code), None, "{code}");
        }
        for code in ["usd", "eur", "gbp", "chf", "huf", "twd", "inr"] {
            assert_eq!(read(code).as_deref(), Some(code));
        }
    }

    #[test]
    fn every_currency_has_a_smallest_charge() {
        for (code, cents) in SMALLEST_CHARGES {
            assert_eq!(read(code).as_deref(), Some(*code));
            assert_eq!(smallest_charge(code), *cents);
        }
        for code in ["usd", "eur", "xyz"] {
            assert_eq!(smallest_charge(code), 50);
        }
    }
}
