//! `turnstile config`.

use super::Outcome;

pub(super) fn run(markdown: bool) -> Outcome {
    print!(
        "{}",
        if markdown {
            httpkit::config::markdown()
        } else {
            httpkit::config::help()
        }
    );
    Outcome::Well
}
