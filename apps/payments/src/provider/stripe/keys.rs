//! Checks whether Stripe's key and address may be used together.

use reqwest::Url;

use crate::provider::SetupError;

/// Checks that this is a secret or restricted key of this mode; never shows it.
pub(super) fn check_key(key: &str, live: bool) -> Result<(), SetupError> {
    let mode = if live { "live" } else { "test" };
    let known = ["sk", "rk"]
        .iter()
        .any(|kind| key.starts_with(&format!("{kind}_{mode}_")));
    if known && key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(SetupError::Variable {
        variable: "STRIPE_SECRET_KEY",
        problem: format!(
            "must be a secret key (sk_{mode}_…) or a restricted key (rk_{mode}_…) of {mode} mode"
        ),
    })
}

/// Checks the API's address; a live key is never sent unencrypted.
pub(super) fn check_base(base: &str, key: &str) -> Result<Url, SetupError> {
    let wrong = |problem: &str| SetupError::Variable {
        variable: "STRIPE_API_BASE",
        problem: format!("is {base:?}, {problem}"),
    };
    let url = Url::parse(base).map_err(|_| wrong("which is no address"))?;
    let live = !key.starts_with("sk_test_") && !key.starts_with("rk_test_");
    match (url.scheme(), url.host_str()) {
        (_, None | Some("")) => Err(wrong("which has no host")),
        ("https", Some(_)) => Ok(url),
        ("http", Some(host)) if is_loopback(host) || !live => Ok(url),
        ("http", _) => Err(wrong("but a live key may be sent only over https")),
        _ => Err(wrong("but must begin with https:// (or http://)")),
    }
}

/// Whether a URL's host is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_key_is_never_sent_in_the_clear() {
        assert!(check_base("https://api.stripe.com", "sk_live_1").is_ok());
        assert!(check_base("http://127.0.0.1:12111", "sk_live_1").is_ok());
        assert!(check_base("http://[::1]:12111", "sk_live_1").is_ok());
        assert!(check_base("http://stripe.internal", "sk_test_1").is_ok());
        assert!(check_base("http://stripe.internal", "sk_live_1").is_err());
        assert!(check_base("http://127.0.0.1.example.com", "sk_live_1").is_err());
        for bad in ["", "api.stripe.com", "ftp://api.stripe.com", "https://"] {
            let error = check_base(bad, "sk_test_1").unwrap_err().to_string();
            assert!(error.starts_with("STRIPE_API_BASE is"), "{error}");
        }
    }

    #[test]
    fn an_invalid_key_is_refused_and_not_printed() {
        assert!(check_key("sk_test_1", false).is_ok());
        assert!(check_key("rk_live_1", true).is_ok());
        for bad in ["", "pk_live_topsecret", "sk_live_\nX", "sk_test_topsecret"] {
            let error = check_key(bad, true).unwrap_err().to_string();
            assert!(error.starts_with("STRIPE_SECRET_KEY must be"), "{error}");
            assert!(!error.contains("topsecret"), "{error}");
        }
    }
}
