//! Settings for charging cards.

use std::time::Duration;

use super::{HttpConfig, Secret, VariableReader, currency, has_scheme, vars as v};

/// Stripe's settings.
#[derive(Clone, Debug)]
pub struct StripeConfig {
    /// The secret key.
    pub secret_key: Option<Secret>,
    /// The publishable key for the web app.
    pub publishable_key: Option<String>,
    /// The signing secret of webhooks.
    pub webhook_secret: Option<Secret>,
    /// The address of the API, without a slash at the end.
    pub api_base: String,
    /// Time limit for a call.
    pub timeout: Duration,
    /// Currency in which cards are charged.
    pub currency: String,
}

impl StripeConfig {
    /// The smallest charge in the configured currency, in hundredths. It applies to the sandbox as
    /// well.
    pub fn smallest_charge(&self) -> u64 {
        currency::smallest_charge(&self.currency)
    }
}

/// The smallest charge in a currency, in hundredths.
pub fn smallest_charge(currency: &str) -> u64 {
    currency::smallest_charge(currency)
}

pub(super) fn read(reader: &VariableReader<'_>) -> StripeConfig {
    let secret = |text: &str| (!text.contains(char::is_whitespace)).then(|| Secret::from(text));
    StripeConfig {
        secret_key: reader.optional(&v::STRIPE_SECRET_KEY, secret),
        publishable_key: reader.optional(&v::STRIPE_PUBLISHABLE_KEY, |text| {
            // It is public: a secret key here would be a disaster.
            text.starts_with("pk_").then(|| text.to_owned())
        }),
        webhook_secret: reader.optional(&v::STRIPE_WEBHOOK_SECRET, secret),
        api_base: reader.read(&v::STRIPE_API_BASE, String::new(), |text| {
            (has_scheme(text, "http") || has_scheme(text, "https"))
                .then(|| text.trim_end_matches('/').to_owned())
        }),
        timeout: reader.seconds(&v::STRIPE_TIMEOUT_SECONDS, 1..=120),
        currency: reader.read(&v::CURRENCY, String::new(), currency::read),
    }
}

/// The result of a call to Stripe that takes longer than the request is lost: the client would get
/// 503, although the card might be charged. With the sandbox and nothing set, it doesn't matter.
pub(super) fn check_timeouts(
    reader: &VariableReader<'_>,
    http: &HttpConfig,
    stripe: &StripeConfig,
) {
    let matters = stripe.secret_key.is_some() || reader.is_set(&v::STRIPE_TIMEOUT_SECONDS);
    if matters && stripe.timeout > http.request_timeout {
        reader.refuse(
            &v::STRIPE_TIMEOUT_SECONDS,
            format!(
                "at most REQUEST_TIMEOUT_SECONDS, which is {}",
                http.request_timeout.as_secs()
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::config;
    use secrecy::ExposeSecret as _;

    #[test]
    fn a_currency_whose_amounts_are_not_hundredths_is_refused_by_name() {
        for code in ["jpy", "kwd", "isk"] {
            let error = config(&[("CURRENCY", code)]).unwrap_err().to_string();
            let expected = format!(
                "CURRENCY is \"{code}\", but must be three lower-case letters of a currency with \
                 hundredths, such as usd or eur; not bhd, bif,"
            );
            assert!(error.starts_with(&expected), "{error}");
        }
        assert_eq!(
            config(&[("CURRENCY", "eur")]).unwrap().stripe.currency,
            "eur"
        );
    }

    #[test]
    fn calls_to_stripe_must_be_shorter_than_requests() {
        let told = |variables| match config(variables) {
            Ok(_) => None,
            Err(error) => Some(error.to_string()),
        };
        let too_long = told(&[("STRIPE_TIMEOUT_SECONDS", "11")]);
        assert_eq!(
            too_long.as_deref(),
            Some(
                "STRIPE_TIMEOUT_SECONDS is \"11\", but must be at most REQUEST_TIMEOUT_SECONDS, \
                 which is 10"
            )
        );
        let by_default = told(&[
            ("STRIPE_SECRET_KEY", "sk_test_1"),
            ("REQUEST_TIMEOUT_SECONDS", "5"),
        ]);
        assert!(by_default.is_some_and(|error| error.contains("is \"8\"")));
        assert_eq!(told(&[("STRIPE_TIMEOUT_SECONDS", "10")]), None);
        // The sandbox makes no calls.
        assert_eq!(told(&[("REQUEST_TIMEOUT_SECONDS", "5")]), None);
    }

    #[test]
    fn invalid_keys_are_refused() {
        let stripe = config(&[
            ("STRIPE_SECRET_KEY", "sk_test_1"),
            ("STRIPE_PUBLISHABLE_KEY", "pk_test_1"),
            ("STRIPE_WEBHOOK_SECRET", "whsec_1"),
            ("STRIPE_API_BASE", "https://stripe.example/"),
            ("CURRENCY", "gbp"),
        ]);
        let stripe = stripe.unwrap().stripe;
        assert_eq!(
            stripe.secret_key.as_ref().unwrap().expose_secret(),
            "sk_test_1"
        );
        assert_eq!(
            stripe.webhook_secret.as_ref().unwrap().expose_secret(),
            "whsec_1"
        );
        assert_eq!(stripe.publishable_key.as_deref(), Some("pk_test_1"));
        assert_eq!(stripe.api_base, "https://stripe.example");
        assert_eq!(
            (stripe.smallest_charge(), super::smallest_charge("usd")),
            (30, 50)
        );
        for (name, value) in [
            ("STRIPE_SECRET_KEY", "sk test"),
            ("STRIPE_PUBLISHABLE_KEY", "sk_test_1"),
            ("STRIPE_API_BASE", "ftp://stripe.example"),
        ] {
            let error = config(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        let plain = config(&[("STRIPE_API_BASE", "http://127.0.0.1:1")]);
        assert_eq!(plain.unwrap().stripe.api_base, "http://127.0.0.1:1");
    }
}
