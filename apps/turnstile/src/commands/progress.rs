//! Progress bars for slow operations.

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::{
    fmt,
    time::{Duration, Instant},
};

/// Shorter operations show no bar.
const SHOWN_AFTER: Duration = Duration::from_secs(1);

/// A bar on standard error, with rate and remaining time; nothing if that is no terminal. Standard
/// output belongs to the result.
#[derive(Debug)]
pub(crate) struct ProgressDisplay {
    bar: ProgressBar,
    began: Instant,
    shown: bool,
}

/// Shows the progress of what calls this, until it drops it.
pub(crate) fn shown(what: &str, unit: &str) -> impl FnMut(u64, u64) + use<> {
    let mut progress = ProgressDisplay::begin(what, unit);
    move |done, total| progress.at(done, total)
}

impl ProgressDisplay {
    /// Begins an operation. `unit` is what is counted.
    pub(crate) fn begin(what: &str, unit: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let style = format!(
            "{{msg}} {{wide_bar}} {{human_pos}} of {{human_len}} {unit}, {{rate}}, {{eta}} left"
        );
        // The template is constant; if it were invalid, the plain bar would remain.
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

    /// Sets the progress.
    pub(crate) fn at(&mut self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
        if !self.shown && self.began.elapsed() > SHOWN_AFTER {
            self.shown = true;
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }
}

/// The rate in whole units: the library's own format has four decimals.
fn rate(state: &ProgressState, to: &mut dyn fmt::Write) {
    // Far below 2^53, and never negative.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let whole = state.per_sec().round() as u64;
    // Fails only without memory.
    let _ = write!(to, "{}/s", HumanCount(whole));
}

impl Drop for ProgressDisplay {
    /// Leaves nothing on the screen.
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
