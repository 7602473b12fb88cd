//! How far something is that takes longer than a moment.

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::{
    fmt,
    time::{Duration, Instant},
};

/// What is over sooner shows no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// A bar on standard error, with rate and remaining time; nothing where that is no terminal.
/// Standard output belongs to the answer.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    began: Instant,
    shown: bool,
}

impl Progress {
    /// Begins something. `unit` is what is counted.
    pub(crate) fn begin(what: &str, unit: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let style = format!(
            "{{msg}} {{wide_bar}} {{human_pos}} of {{human_len}} {unit}, {{rate}}, {{eta}} left"
        );
        // The template is fixed; one that can't be parsed would leave the plain bar.
        if let Ok(style) = ProgressStyle::with_template(&style) {
            bar.set_style(style.with_key("rate", rate));
        }
        bar.set_message(what.to_owned());
        Self {
            bar,
            began: Instant::now(),
            shown: false,
        }
    }

    /// So much of so much is done.
    pub(crate) fn at(&mut self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
        if !self.shown && self.began.elapsed() > PATIENCE {
            self.shown = true;
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }
}

/// The rate in whole units: the library's own has four decimals.
fn rate(state: &ProgressState, to: &mut dyn fmt::Write) {
    // Far below 2^53, and never negative.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let whole = state.per_sec().round() as u64;
    // Only fails when there is no memory for the words.
    let _ = write!(to, "{}/s", HumanCount(whole));
}

impl Drop for Progress {
    /// Leaves nothing on the screen.
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
