//! Waits for a condition instead of sleeping.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Enough for anything that a healthy system does on a busy machine. A test that passes never waits
/// for its end.
pub const LONG: Duration = Duration::from_secs(30);

/// The result of a condition: `bool`, `Option<T>`, or `Result<T, E>`, whose error becomes part of
/// the failure's message.
pub trait ConditionResult {
    /// The value once the condition holds.
    type Value;

    /// Returns the value if the condition holds, otherwise the reason, as far as it is known.
    fn outcome(self) -> Result<Self::Value, String>;
}

impl ConditionResult for bool {
    type Value = ();

    fn outcome(self) -> Result<(), String> {
        if self { Ok(()) } else { Err(String::new()) }
    }
}

impl<T> ConditionResult for Option<T> {
    type Value = T;

    fn outcome(self) -> Result<T, String> {
        self.ok_or_else(String::new)
    }
}

impl<T, E: std::fmt::Debug> ConditionResult for Result<T, E> {
    type Value = T;

    fn outcome(self) -> Result<T, String> {
        self.map_err(|error| format!("; last seen: {error:?}"))
    }
}

/// Calls `condition` repeatedly until it holds, and returns its value.
///
/// # Panics
/// With `what` when it doesn't hold within `timeout`, even if the condition itself hangs.
#[track_caller]
pub fn eventually<O: ConditionResult, F: Future<Output = O>>(
    what: &str,
    timeout: Duration,
    mut condition: impl FnMut() -> F,
) -> impl Future<Output = O::Value> {
    // The test's location; the message would otherwise name this function.
    let caller = std::panic::Location::caller();
    async move {
        let end = Instant::now() + timeout;
        let mut pause = Duration::from_millis(2);
        let mut last = String::from("; nothing was seen yet");
        loop {
            if let Ok(found) = tokio::time::timeout_at(end, condition()).await {
                match found.outcome() {
                    Ok(value) => return value,
                    Err(reason) => last = reason,
                }
            }
            assert!(
                Instant::now() < end,
                "{caller}: not within {timeout:?}: {what}{last}"
            );
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }
}
