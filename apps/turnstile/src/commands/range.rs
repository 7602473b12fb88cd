//! Which part of the log a command looks at.

use analysis::{Bound, InvalidBound, Range};
use chrono::Utc;
use eventstore::StreamName;

use super::CommandError;

/// The part of the log.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct RangeArgs {
    /// From here on (included): a time (2026-03-01, 2026-03-01 19:30; UTC unless it says another
    /// offset), a time from now (yesterday, -15m, 2h), or a place in a stream (ORDERS:1200; 1200
    /// where only one stream is read). Both may be given
    #[arg(
        long,
        value_name = "TIME|PLACE",
        value_parser = bound,
        allow_hyphen_values = true,
        help_heading = "Range"
    )]
    pub from: Vec<Bound>,
    /// Up to here: before this time, or up to this place (included)
    #[arg(
        long,
        value_name = "TIME|PLACE",
        value_parser = bound,
        allow_hyphen_values = true,
        help_heading = "Range"
    )]
    pub to: Vec<Bound>,
}

impl RangeArgs {
    /// The range that this is in these streams.
    pub(crate) fn range(&self, streams: &[StreamName]) -> Result<Range, CommandError> {
        Range::of(&self.from, &self.to, streams).map_err(CommandError::failed)
    }
}

/// Reads a bound from the command line, now.
pub(crate) fn bound(text: &str) -> Result<Bound, InvalidBound> {
    Bound::parse(text, Utc::now())
}
