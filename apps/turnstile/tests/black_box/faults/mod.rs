//! Behavior in failures: nothing that was acknowledged is lost, nothing happens twice, and the
//! system recovers by itself.

mod acknowledgments;
mod behind;
mod crashes;
mod keys;
mod lost_tail;
mod outages;
mod poison;
mod rebuild;
mod start_and_end;
mod traffic;
