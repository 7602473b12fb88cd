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
//!   less. ([`Progress::wait_for`] before answering, [`Progress::raise_floor`] when that took too
//!   long.)
//! - What can't be folded halts the projection with the name of stream and sequence. Nothing is
//!   skipped.
//!
//! No state lives here that the log can't restore: drop the database, and it is filled again.
#![deny(missing_docs)]

mod access;
mod across;
mod announce;
mod batch;
mod building;
mod cache;
mod changed;
mod checkpoint;
mod confirm;
mod cursor;
mod error;
mod fold;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod gauges;
mod guarantees;
mod inspect;
mod judge;
mod lease;
mod listen;
pub mod orders;
pub mod payments;
mod progress;
mod projection;
mod rebuild;
mod remote;
mod replica_set;
mod runner;
mod settings;
mod state;
mod store;
mod stored;
mod tenure;
pub mod tickets;
mod turn;
mod verify;
mod write;

pub use access::Access;
pub use cache::Rendered;
pub use changed::{Applied, Changed};
pub use error::{FoldError, ReadError};
pub use gauges::describe_metrics;
pub use inspect::{
    FoldedBefore, ReadModel, RetireError, folded_before, pause, read_models, resume, retire,
};
pub use progress::Progress;
pub use projection::{Change, Index, Projection};
pub use rebuild::{RebuildError, RebuildProgress, rebuild};
pub use remote::RemoteProgress;
pub use replica_set::{FormError, Formed, ReplicaSet, User};
pub use runner::Runner;
pub use settings::RunnerSettings;
pub use state::RunnerState;
pub use store::ReadStore;
pub use verify::{Difference, VerifyError, verify, verify_with};
