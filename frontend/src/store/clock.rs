//! The server's time.

use dioxus::prelude::*;
use state::ServerClock;

use crate::browser::{fetch::Reply, time};

static CLOCK: GlobalSignal<ServerClock> = Signal::global(ServerClock::default);

/// Learns from a reply's date.
pub fn learn(reply: &Reply) {
    if let Some((date, sent, received)) = reply.dated {
        CLOCK.write().learn(date, sent, received);
    }
}

/// The server's time now, in milliseconds since 1970; none before its first reply.
pub fn now() -> Option<f64> {
    // Not read as state: whoever shows a time asks again anyway as it passes.
    CLOCK.peek().at(time::now())
}
