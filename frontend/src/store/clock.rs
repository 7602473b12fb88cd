//! The server's time.

use std::cell::Cell;

use dioxus::prelude::*;
use js_sys::Date;
use state::{ServerClock, is_time_lost};

use crate::browser::{fetch::Reply, time};
use crate::client;

static CLOCK: GlobalSignal<ServerClock> = Signal::global(ServerClock::default);

thread_local! {
    /// The two clocks of the machine, as they were when both were looked at last.
    static SEEN: Cell<Option<(f64, f64)>> = const { Cell::new(None) };
}

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

/// Asks the server for its time, if the machine seems to have slept since this was called last.
pub fn mind_sleep() {
    let now = (time::now(), Date::now());
    let before = SEEN.replace(Some(now));
    if before.is_some_and(|before| is_time_lost(before, now)) {
        dioxus::core::spawn_forever(async {
            // Any answer has the time in it.
            let _ = client::current_user().await;
        });
    }
}
