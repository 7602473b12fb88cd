//! Which build this is.

use std::{env, sync::OnceLock};

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
            commit.unwrap_or("of no commit in particular")
        )
    })
}

/// Prints the version if that is what the command line asks for. The services have no other
/// option: everything else is configured by environment variables.
pub(crate) fn was_asked_for_version(name: &str) -> bool {
    let asked = env::args()
        .nth(1)
        .is_some_and(|word| word == "--version" || word == "-V");
    if asked {
        println!("{name} {}", version());
    }
    asked
}
