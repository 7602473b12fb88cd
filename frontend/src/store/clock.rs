//! The server's time.

use dioxus::prelude::*;
use js_sys::Date;
use state::{ServerClock, is_time_lost};

use crate::browser::{fetch::Dated, time};

/// The server's clock, as far as its replies tell.
///
/// It is not followed: whatever shows a time asks again as it passes.
#[derive(Clone, Copy)]
pub struct Clock(CopyValue<State>);

#[derive(Default)]
struct State {
    server: ServerClock,
    /// The two clocks of the machine, as they were at the last look.
    seen: Option<(f64, f64)>,
}

impl Clock {
    /// Nothing is known of the server's time yet.
    pub fn new() -> Self {
        Self(CopyValue::new(State::default()))
    }

    /// Learns from a reply's date.
    pub fn learn(mut self, reply: Dated) {
        let mut state = self.0.write();
        state.server.learn(reply.date, reply.sent, reply.received);
    }

    /// Returns the server's time now, in milliseconds since 1970; none before its first reply.
    pub fn now(self) -> Option<f64> {
        self.0.peek().server.at(time::now())
    }

    /// Returns whether the machine seems to have slept since the last call.
    pub fn has_slept(mut self) -> bool {
        let now = (time::now(), Date::now());
        let before = self.0.write().seen.replace(now);
        before.is_some_and(|before| is_time_lost(before, now))
    }
}
