//! The time left to pay.

use api::Order;
use dioxus::prelude::*;
use state::Countdown;

use crate::browser::time;
use crate::store::tasks::{Task, use_task};
use crate::store::use_store;

/// The time left to pay an order by the server's clock, kept current; none before the server's time
/// is known. Every redraw computes it anew: it can't drift.
#[allow(clippy::cast_precision_loss)]
pub fn use_countdown(order: &Order) -> ReadSignal<Option<Countdown>> {
    let end = order.expires_at.timestamp_millis() as f64;
    let whole = hold_of(order);
    let api = use_store().api;
    let between = move |now, end| Countdown::between(now, end).at_most(whole);
    let mut left = use_signal(move || api.clock.now().map(|now| between(now, end)));
    // A new end is a new task; the one before it is dropped with it.
    use_task(use_reactive((&end,), move |(end,)| {
        let work: Task = Box::pin(async move {
            loop {
                if api.clock.has_slept() {
                    dioxus::core::spawn_forever(api.ping());
                }
                let now = api.clock.now();
                let current = now.map(|now| between(now, end));
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
        });
        work
    }));
    left.into()
}

/// A countdown to look at, and to hear from time to time.
#[component]
pub fn CountdownClock(left: Countdown, total_seconds: u32) -> Element {
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

/// How long the whole hold of an order is, in seconds.
pub fn hold_of(order: &Order) -> u32 {
    let whole = (order.expires_at - order.created_at).num_milliseconds();
    u32::try_from(whole).unwrap_or(0).div_ceil(1_000)
}
