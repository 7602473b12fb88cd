//! The provider of payments: it must be set, or the service doesn't start.
//!
//! A default was rejected. With any default, a missing secret would turn real sales into simulated
//! ones, or a test into real charges.

use super::{
    Config, ConfigError, PaymentsMode, Problem, Secret, Var, payments_mode::ALLOWED, vars as v,
};
use crate::session::SecureCookies;
use secrecy::ExposeSecret as _;

impl Config {
    /// Returns the provider of payments, after checking its settings. Only the service that accepts
    /// payments calls this; the others share the variables, but not the keys.
    ///
    /// # Errors
    /// Every setting that is missing, of the wrong mode, or in conflict with the sandbox. Keys are
    /// named and not shown.
    pub fn payments_to_serve(&self) -> Result<PaymentsMode, ConfigError> {
        let mut problems = Vec::new();
        let mode = self.mode(&mut problems);
        match mode {
            Some(mode @ (PaymentsMode::Stripe | PaymentsMode::StripeTest)) => {
                self.check_keys(mode, 3, &mut problems);
            }
            Some(PaymentsMode::Sandbox) => self.check_sandbox(&mut problems),
            None => {}
        }
        finish(mode, problems)
    }

    /// Like [`payments_to_serve`](Self::payments_to_serve), for a process that only reads the
    /// provider's records: of Stripe's keys it needs only the secret one, and the sandbox may be
    /// read from anywhere.
    ///
    /// # Errors
    /// Like [`payments_to_serve`](Self::payments_to_serve).
    pub fn payments_to_read(&self) -> Result<PaymentsMode, ConfigError> {
        let mut problems = Vec::new();
        let mode = self.mode(&mut problems);
        if let Some(mode) = mode.filter(|mode| mode.is_stripe()) {
            self.check_keys(mode, 1, &mut problems);
        }
        finish(mode, problems)
    }

    fn mode(&self, problems: &mut Vec<Problem>) -> Option<PaymentsMode> {
        if self.payments.is_none() {
            problems.push(missing(&v::PAYMENTS, ALLOWED.to_owned()));
        }
        self.payments
    }

    /// Checks the first `count` of Stripe's keys: its secret key, the publishable one, and the signing
    /// secret of the webhook.
    fn check_keys(&self, mode: PaymentsMode, count: usize, problems: &mut Vec<Problem>) {
        let (keys, because) = mode.keys();
        let stripe = &self.stripe;
        let all = [
            (
                &v::STRIPE_SECRET_KEY,
                stripe.secret_key.as_ref().map(Secret::expose_secret),
                vec![format!("sk_{keys}_"), format!("rk_{keys}_")],
                format!("a secret key of {keys} mode (sk_{keys}_… or rk_{keys}_…)"),
            ),
            (
                &v::STRIPE_PUBLISHABLE_KEY,
                stripe.publishable_key.as_deref(),
                vec![format!("pk_{keys}_")],
                format!("a publishable key of {keys} mode (pk_{keys}_…)"),
            ),
            // A signing secret doesn't show its mode. The signed events do, and are compared when
            // they arrive.
            (
                &v::STRIPE_WEBHOOK_SECRET,
                stripe.webhook_secret.as_ref().map(Secret::expose_secret),
                vec!["whsec_".to_owned()],
                "the signing secret of the webhook (whsec_…)".to_owned(),
            ),
        ];
        for (var, value, prefixes, expected) in all.into_iter().take(count) {
            let allowed = format!("{expected}, since {because}");
            match value {
                None => problems.push(missing(var, allowed)),
                // Not shown even where it isn't marked as secret: a value in the wrong place may be
                // any secret.
                Some(value) if !prefixes.iter().any(|prefix| value.starts_with(prefix)) => {
                    problems.push(wrong(var, "(secret)", allowed));
                }
                Some(_) => {}
            }
        }
    }

    /// The sandbox gives tickets away. Where others can reach it, or real users seem to buy, it
    /// must be allowed explicitly.
    fn check_sandbox(&self, problems: &mut Vec<Problem>) {
        let is_live = |key: &str| ["sk_live_", "rk_live_"].iter().any(|p| key.starts_with(p));
        let key = self.stripe.secret_key.as_ref();
        if key.is_some_and(|key| is_live(key.expose_secret())) {
            problems.push(wrong(
                &v::STRIPE_SECRET_KEY,
                "(secret)",
                "unset or of test mode, since PAYMENTS is sandbox".to_owned(),
            ));
        }
        if self.sandbox_allowed {
            return;
        }
        let unless =
            "since PAYMENTS is sandbox, which gives tickets away, unless SANDBOX_ALLOWED is yes";
        if !is_loopback(&self.http.host) {
            problems.push(wrong(
                &v::HOST,
                &self.http.host,
                format!("an address of this machine alone, such as 127.0.0.1, {unless}"),
            ));
        }
        if self.http.cookie_secure == SecureCookies::Always {
            problems.push(wrong(
                &v::COOKIE_SECURE,
                "always",
                format!("auto or never, {unless}"),
            ));
        }
    }
}

fn finish(mode: Option<PaymentsMode>, problems: Vec<Problem>) -> Result<PaymentsMode, ConfigError> {
    match mode {
        Some(mode) if problems.is_empty() => Ok(mode),
        _ => Err(ConfigError(problems)),
    }
}

fn missing(var: &Var, allowed: String) -> Problem {
    wrong(var, "", allowed)
}

fn wrong(var: &Var, value: &str, allowed: String) -> Problem {
    Problem {
        name: var.name,
        value: value.to_owned(),
        allowed: allowed.into(),
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::PaymentsMode;
    use crate::config::tests::config;

    fn to_serve(variables: &[(&str, &str)]) -> Result<PaymentsMode, String> {
        let config = config(variables).map_err(|error| error.to_string())?;
        config
            .payments_to_serve()
            .map_err(|error| error.to_string())
    }

    const fn keys(
        secret: &'static str,
        publishable: &'static str,
    ) -> [(&'static str, &'static str); 3] {
        [
            ("STRIPE_SECRET_KEY", secret),
            ("STRIPE_PUBLISHABLE_KEY", publishable),
            ("STRIPE_WEBHOOK_SECRET", "whsec_1"),
        ]
    }
    const LIVE: [(&str, &str); 3] = keys("sk_live_hunter2", "pk_live_hunter2");
    const TEST: [(&str, &str); 3] = keys("rk_test_hunter2", "pk_test_hunter2");

    fn with<'a>(mode: &'a str, others: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        [&[("PAYMENTS", mode)], others].concat()
    }

    #[test]
    fn serving_payments_requires_a_mode() {
        for unsaid in [&[][..], &[("PAYMENTS", "")], &[("PAYMENTS", "  ")]] {
            let variables = [unsaid, &LIVE[..]].concat();
            let error = to_serve(&variables).unwrap_err();
            assert_eq!(
                error,
                "PAYMENTS is not set, but must be stripe (real money), stripe-test (Stripe's test \
                 mode) or sandbox (as if)"
            );
        }
        let error = to_serve(&[("PAYMENTS", "Stripe")]).unwrap_err();
        assert!(
            error.starts_with("PAYMENTS is \"Stripe\", but must be"),
            "{error}"
        );
        // Services that accept no payments don't check this.
        assert!(config(&[]).is_ok());
    }

    #[test]
    fn stripe_requires_all_keys_of_one_mode() {
        assert_eq!(to_serve(&with("stripe", &LIVE)), Ok(PaymentsMode::Stripe));
        assert_eq!(
            to_serve(&with("stripe-test", &TEST)),
            Ok(PaymentsMode::StripeTest)
        );
        for (mode, right, other) in [("stripe", LIVE, TEST), ("stripe-test", TEST, LIVE)] {
            for (index, (name, _)) in right.into_iter().enumerate() {
                let mut missing = right.to_vec();
                missing.remove(index);
                let error = to_serve(&with(mode, &missing)).unwrap_err();
                assert!(
                    error.starts_with(&format!("{name} is not set, but must be")),
                    "{error}"
                );
                assert_eq!(error.lines().count(), 1, "{error}");
            }
            for index in [0, 1] {
                let mut mixed = right;
                mixed[index] = other[index];
                let error = to_serve(&with(mode, &mixed)).unwrap_err();
                let (name, _) = other[index];
                assert!(
                    error.starts_with(&format!("{name} is \"(secret)\"")),
                    "{error}"
                );
                assert!(error.contains(&format!("PAYMENTS is {mode}")), "{error}");
                assert!(!error.contains("hunter2"), "{error}");
            }
        }
        let error = to_serve(&with("stripe", &[])).unwrap_err();
        assert_eq!(error.lines().count(), 3, "{error}");
    }

    #[test]
    fn the_sandbox_is_refused_for_the_public_unless_allowed() {
        let sandbox = |more: &[(&'static str, &'static str)]| to_serve(&with("sandbox", more));
        assert_eq!(sandbox(&[]), Ok(PaymentsMode::Sandbox));
        assert_eq!(sandbox(&[("HOST", "::1")]), Ok(PaymentsMode::Sandbox));
        for (name, value) in [
            ("HOST", "0.0.0.0"),
            ("HOST", "tickets.example"),
            ("COOKIE_SECURE", "always"),
        ] {
            let error = sandbox(&[(name, value)]).unwrap_err();
            assert!(
                error.starts_with(&format!("{name} is \"{value}\", but must be")),
                "{error}"
            );
            assert!(error.ends_with("unless SANDBOX_ALLOWED is yes"), "{error}");
            let meant = [(name, value), ("SANDBOX_ALLOWED", "yes")];
            assert_eq!(sandbox(&meant), Ok(PaymentsMode::Sandbox));
        }
        let live = [
            ("STRIPE_SECRET_KEY", "sk_live_hunter2"),
            ("SANDBOX_ALLOWED", "yes"),
        ];
        let error = sandbox(&live).unwrap_err();
        assert!(
            error.starts_with("STRIPE_SECRET_KEY is \"(secret)\""),
            "{error}"
        );
        assert_eq!(sandbox(&TEST), Ok(PaymentsMode::Sandbox));
    }

    #[test]
    fn reconciling_needs_only_the_secret_key() {
        let to_read = |variables: &[(&str, &str)]| config(variables).unwrap().payments_to_read();
        assert!(to_read(&with("stripe", &LIVE[..1])).is_ok());
        assert!(to_read(&with("stripe", &TEST[..1])).is_err());
        assert!(to_read(&with("sandbox", &[("HOST", "0.0.0.0")])).is_ok());
        assert!(to_read(&[]).is_err());
    }
}
