//! Behavior in failures: nothing that was acknowledged is lost, nothing happens twice, and the
//! system recovers by itself.

mod acknowledgments;
mod crashes;
mod keys;
mod lost_tail;
mod outages;
mod poison;
mod rebuild;
mod slow_read_model;
mod start_and_end;
mod traffic;
