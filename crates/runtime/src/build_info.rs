//! The version of this build.

use std::sync::OnceLock;

/// The commit of this build, if the build set `TURNSTILE_COMMIT`. It isn't looked up: every commit
/// would rebuild every program.
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
