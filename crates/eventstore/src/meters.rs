//! The metrics of the log. Handles are created once: a lookup in the registry would cost several
//! allocations and a lock for every command. An alert on an increase also needs a series that
//! exists from the start, at zero.

use metrics::{Counter, Gauge, Histogram, Unit, counter, gauge, histogram};
use metrics::{describe_counter, describe_gauge, describe_histogram};

/// Describes the metrics of the event store. Call it once, after a recorder is installed.
pub fn describe_metrics() {
    describe_histogram!(
        "eventstore_command_seconds",
        Unit::Seconds,
        "Time from a command to its result: loading, deciding, appending, and all retries"
    );
    describe_histogram!(
        "eventstore_append_seconds",
        Unit::Seconds,
        "Time from sending a commit to its acknowledgment by NATS"
    );
    describe_counter!(
        "eventstore_cache_total",
        "Commands by whether their aggregate was in memory (hit) or had to be read (miss)"
    );
    describe_counter!(
        "eventstore_conflicts_total",
        "Appends that were refused because another commit came first; each is decided again"
    );
    describe_counter!(
        "eventstore_unanswered_total",
        "Appends whose acknowledgment did not come in time; each is looked up in the log"
    );
    describe_counter!(
        "eventstore_tail_lost_total",
        "Times that a stream was found without the commits that this process had seen at its end; the log names them"
    );
    describe_counter!(
        "subscription_handled_total",
        "Messages that a worker brought to an end"
    );
    describe_counter!(
        "subscription_failures_total",
        "Tries of a worker that failed by the fault of their message"
    );
    describe_histogram!(
        "subscription_delay_seconds",
        Unit::Seconds,
        "Time from the storing of a message until a worker had handled it"
    );
    describe_gauge!(
        "subscription_pending",
        "Messages that a worker has not handled yet, in all processes together"
    );
    describe_counter!(
        "dead_letters_total",
        "Messages that a worker set aside because it could not handle them"
    );
    describe_histogram!(
        "schedule_lag_seconds",
        Unit::Seconds,
        "Time by which a scheduled command was handled later than it was due"
    );
}

/// The metrics of one kind of aggregate.
#[derive(Clone)]
pub(crate) struct StoreMeters {
    pub command: Histogram,
    pub append: Histogram,
    pub hits: Counter,
    pub misses: Counter,
    pub conflicts: Counter,
    pub unanswered: Counter,
}

impl StoreMeters {
    pub fn new(stream: &'static str) -> Self {
        let cache =
            |found| counter!("eventstore_cache_total", "stream" => stream, "result" => found);
        Self {
            command: histogram!("eventstore_command_seconds", "stream" => stream),
            append: histogram!("eventstore_append_seconds", "stream" => stream),
            hits: cache("hit"),
            misses: cache("miss"),
            conflicts: counter!("eventstore_conflicts_total", "stream" => stream),
            unanswered: counter!("eventstore_unanswered_total", "stream" => stream),
        }
    }
}

/// The metrics of one subscription.
pub(crate) struct SubscriptionMeters {
    pub handled: Counter,
    pub failures: Counter,
    pub dead: Counter,
    pub delay: Histogram,
    pub pending: Gauge,
}

impl SubscriptionMeters {
    pub fn new(subscription: &'static str) -> Self {
        Self {
            handled: counter!("subscription_handled_total", "subscription" => subscription),
            failures: counter!("subscription_failures_total", "subscription" => subscription),
            dead: counter!("dead_letters_total", "subscription" => subscription),
            delay: histogram!("subscription_delay_seconds", "subscription" => subscription),
            pending: gauge!("subscription_pending", "subscription" => subscription),
        }
    }
}

/// Counts the tails that a stream lost.
pub(crate) fn tail_lost(stream: &'static str) -> Counter {
    counter!("eventstore_tail_lost_total", "stream" => stream)
}

/// The delay of due commands of a kind.
pub(crate) fn schedule_lag(kind: &'static str) -> Histogram {
    histogram!("schedule_lag_seconds", "kind" => kind)
}

/// The time since a moment by the server's clock; zero if that is ahead of ours.
pub(crate) fn seconds_since(moment: chrono::DateTime<chrono::Utc>) -> f64 {
    (chrono::Utc::now() - moment)
        .to_std()
        .unwrap_or_default()
        .as_secs_f64()
}
