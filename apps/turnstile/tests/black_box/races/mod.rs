//! Concurrent requests: exactly one wins, and the money agrees.

mod contention;
mod edits;
mod lost_races;
mod order_outcomes;
