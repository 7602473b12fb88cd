//! Which build this is.

use std::sync::OnceLock;

/// The commit that it was built from, if whoever built it said so in `TURNSTILE_COMMIT`. It isn't
/// looked up: every commit would build every program anew.
const COMMIT: Option<&str> = option_env!("TURNSTILE_COMMIT");

/// Version and commit, such as `0.1.0 (1a2b3c4)`.
pub fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let commit = COMMIT.filter(|commit| !commit.is_empty());
        format!(
            "{} ({})",
            env!("CARGO_PKG_VERSION"),
            commit.unwrap_or("unknown commit")
        )
    })
}
