//! The time left to pay.

use chrono::{DateTime, Utc};
use dioxus::prelude::*;
use state::Countdown;

use crate::browser::time;
use crate::store::clock;

/// The time left until a moment of the server's clock, kept current; none before the server's
/// time is known. Every redraw computes it anew: it can't drift.
#[allow(clippy::cast_precision_loss)]
pub fn use_countdown(end: DateTime<Utc>) -> ReadSignal<Option<Countdown>> {
    let end = end.timestamp_millis() as f64;
    let mut left = use_signal(move || clock::now().map(|now| Countdown::between(now, end)));
    // A new end is a new task; the one before it is dropped with it.
    use_resource(use_reactive((&end,), move |(end,)| async move {
        loop {
            let now = clock::now();
            let current = now.map(|now| Countdown::between(now, end));
            if *left.peek() != current {
                left.set(current);
            }
            let wait = match (now, current) {
                (_, Some(current)) if current.is_over() => return,
                // To just after the next whole second, so that none is skipped.
                (Some(now), _) => (end - now).rem_euclid(1_000.0) + 5.0,
                (None, _) => 100.0,
            };
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            time::sleep(wait as u32).await;
        }
    }));
    left.into()
}

/// A countdown to look at, and to hear from time to time.
#[component]
pub fn CountdownClock(left: Countdown, total_seconds: u64) -> Element {
    let class = if left.is_urgent() {
        "countdown urgent"
    } else {
        "countdown"
    };
    rsx! {
        div { class,
            div { class: "countdown-line",
                span { "Time left to pay" }
                span { class: "countdown-digits", id: "countdown", role: "timer", "{left.digits()}" }
            }
            progress {
                max: "{total_seconds}",
                value: "{left.seconds}",
                "aria-hidden": "true",
            }
            p { class: "visually-hidden", "aria-live": "polite", "{left.spoken()}" }
        }
    }
}
