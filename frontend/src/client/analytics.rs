use api::analytics::{ANALYTICS, ANALYTICS_EVENT, ANALYTICS_EVENTS, Analytics};
use web_sys::EventSource;

use super::{Outcome, read};
use crate::browser::happenings::{self, Source};

/// The figures of the market, for analysts.
pub async fn analytics() -> Outcome<Analytics> {
    read(ANALYTICS).await
}

/// Opens the stream of figures as they change.
pub fn analytics_stream() -> Option<EventSource> {
    happenings::open_stream(Source::Analytics, ANALYTICS_EVENTS, ANALYTICS_EVENT)
}
