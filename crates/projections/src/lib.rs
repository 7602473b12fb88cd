//! The read side: folds the event log into MongoDB, and answers queries from there.
//!
//! A [`Projection`] is a pure fold of one stream into documents. A [`Runner`] keeps it up to date
//! in one of the processes that run it; the others stand by. Every process has a [`Progress`]:
//! how far the read model is, and what changes.
//!
//! What holds, whatever crashes when:
//!
//! - A read model is what a replay of its stream from the first commit gives, byte for byte
//!   ([`verify()`] compares).
//! - A read that begins after a command was answered shows its effect, or fails; it never shows
//!   less. ([`Progress::wait_for`] before answering, [`Progress::require_globally`] when that took too
//!   long.)
//! - What can't be folded halts the projection with the name of stream and sequence. Nothing is
//!   skipped.
//!
//! No state lives here that the log can't restore: drop the database, and it is filled again.
#![deny(missing_docs)]

mod admin;
mod bson_values;
mod engine;
mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod guarantees;
mod models;
mod projection;
mod store;
mod verify;

pub use admin::{
    FoldedBefore, FormError, Formed, Grants, ReadModel, ReplicaSet, RetireError, User,
    folded_before, pause, read_models, resume, retire,
};
pub use engine::{
    Applied, Changed, Progress, RebuildError, RebuildProgress, RemoteProgress, Runner,
    RunnerSettings, RunnerState, describe_metrics, rebuild,
};
pub use error::{FoldError, ReadError};
pub use models::{CachedJson, orders, payable_orders, tickets};
pub use projection::{Change, Index, Projection};
pub use store::ReadStore;
pub use verify::{Difference, VerifyError, verify, verify_with};
