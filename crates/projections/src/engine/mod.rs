//! Keeps a read model up to date: one process leads and folds, the others follow it.
//!
//! `runner` starts the parts, and `context` is the state that they share. Nothing here depends on a
//! particular read model.

pub(crate) mod announce;
mod applied;
pub(crate) mod bounds;
mod channel;
mod checkpoint_check;
mod context;
mod epochs;
mod fold_stream;
mod follower;
pub(crate) mod gauges;
mod leader;
mod leader_dialog;
mod leader_query;
mod leader_term;
mod lease;
mod lease_renewal;
mod progress;
pub(crate) mod rebuild;
mod remote_progress;
mod runner;
mod settings;
mod state;
mod target;
mod version_follower;
pub(crate) mod version_message;

pub use applied::{Applied, Changed, Invalidate};
pub use gauges::describe_metrics;
pub(crate) use progress::ends_of;
pub use progress::{Progress, ReadFrom};
pub use rebuild::{RebuildError, RebuildProgress, rebuild};
pub use remote_progress::RemoteProgress;
pub use runner::Runner;
pub use settings::RunnerSettings;
pub use state::RunnerState;
