//! Which currencies prices can be charged in.

/// Currencies whose amounts aren't counted in hundredths: those without a smaller unit, those with
/// thousandths, and two (`isk`, `ugx`) that providers take in hundredths which must be zero. Prices
/// are hundredths everywhere here, so 20.00 yen would be charged as 2000 yen.
///
/// A list of what can't be used and not of what can: there are three dozen of these and they
/// hardly ever change, while the others are for the provider to know.
///
/// From ISO 4217's list of currencies and <https://docs.stripe.com/currencies>.
const NOT_IN_HUNDREDTHS: &[&str] = &[
    "bhd", "bif", "clf", "clp", "djf", "gnf", "iqd", "isk", "jod", "jpy", "kmf", "krw", "kwd",
    "lyd", "mga", "omr", "pyg", "rwf", "tnd", "ugx", "uyi", "uyw", "vnd", "vuv", "xaf", "xof",
    "xpf",
];

/// What may be set, in words; it names all of [`NOT_IN_HUNDREDTHS`].
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
    fn a_currency_without_hundredths_is_refused_and_the_documentation_names_it() {
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
}
