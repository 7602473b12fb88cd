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
mod announce;
mod applied;
mod batch;
mod bson_values;
mod cache;
mod channel;
mod checkpoint;
mod checkpoint_check;
mod context;
mod cursor;
mod error;
mod fold_stream;
mod follower;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod gauges;
mod guarantees;
mod leader;
mod leader_dialog;
mod leader_query;
mod leader_term;
mod lease;
mod lease_renewal;
pub mod orders;
pub mod payable_orders;
mod progress;
mod projection;
mod rebuild;
mod remote_progress;
mod runner;
mod settings;
mod state;
mod store;
pub mod tickets;
mod verify;
mod version_follower;
mod version_message;
mod write;

pub use admin::{
    FoldedBefore, FormError, Formed, Grants, ReadModel, ReplicaSet, RetireError, User,
    folded_before, pause, read_models, resume, retire,
};
pub use applied::{Applied, Changed};
pub use cache::CachedJson;
pub use error::{FoldError, ReadError};
pub use gauges::describe_metrics;
pub use progress::Progress;
pub use projection::{Change, Index, Projection};
pub use rebuild::{RebuildError, RebuildProgress, rebuild};
pub use remote_progress::RemoteProgress;
pub use runner::Runner;
pub use settings::RunnerSettings;
pub use state::RunnerState;
pub use store::ReadStore;
pub use verify::{Difference, VerifyError, verify, verify_with};
