//! The options for a part of the log.

use analysis::{Bound, InvalidBound, Range};
use chrono::Utc;
use eventstore::StreamName;

use super::CliError;

/// The part of the log.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Range")]
pub(crate) struct RangeArgs {
    /// The start (included): a time (2026-03-01, 2026-03-01 19:30; UTC unless it has another
    /// offset), a relative time (yesterday, -15m, 2h), or a place in a stream (ORDERS:1200; 1200 if
    /// only one stream is read). May be repeated for a time and a place
    #[arg(long, value_name = "TIME|PLACE", value_parser = bound, allow_hyphen_values = true)]
    pub from: Vec<Bound>,
    /// The end: before this time, or up to this place (included)
    #[arg(long, value_name = "TIME|PLACE", value_parser = bound, allow_hyphen_values = true)]
    pub to: Vec<Bound>,
}

impl RangeArgs {
    /// Returns the range in these streams.
    pub(crate) fn range(&self, streams: &[StreamName]) -> Result<Range, CliError> {
        Range::of(&self.from, &self.to, streams).map_err(CliError::failed)
    }
}

/// Parses a bound from the command line, relative to now.
pub(crate) fn bound(text: &str) -> Result<Bound, InvalidBound> {
    Bound::parse(text, Utc::now())
}
