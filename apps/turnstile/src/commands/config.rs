//! `turnstile config`.

use super::{CommandError, Outcome, output::say};

pub(super) fn run(markdown: bool) -> Result<Outcome, CommandError> {
    let text = if markdown {
        httpkit::config::markdown()
    } else {
        httpkit::config::help()
    };
    say(text.trim_end())?;
    Ok(Outcome::Well)
}
