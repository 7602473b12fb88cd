//! The read side: folds the event log into documents, in MongoDB or another store, and answers
//! queries from there.
//!
//! A [`Projection`] is a pure fold of one or more streams into documents. A [`Runner`] keeps it up to date
//! in one of the processes that run it; the others stand by. Every process has a [`Progress`]: how
//! far the read model is, and what changes.
//!
//! Guarantees, whatever crashes when:
//!
//! - A read model is the result of replaying its streams from their first commits, byte for byte
//!   ([`verify()`] compares).
//! - A read that begins after the response to a command reflects its effect, or fails; it never
//!   shows less. ([`Progress::wait_for`] before the response, [`Progress::require_globally`] when
//!   that took too long.)
//! - A commit that can't be folded halts the projection, with stream and sequence in the error.
//!   Nothing is skipped.
//!
//! All state here can be restored from the log: drop the database, and it is filled again.
#![deny(missing_docs)]

mod admin;
pub mod bson_values;
mod cache;
#[cfg(any(test, feature = "testing"))]
pub mod contract;
pub mod cursor;
mod document_id;
mod engine;
mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod memory;
mod mongo;
mod position;
mod projection;
mod store;
mod store_error;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod verify;

pub use admin::{
    FoldedBefore, FormError, Formed, Grants, MongoUser, ReadModel, ReplicaSet, RetireError,
    folded_before, pause, read_models, resume, retire,
};
pub use cache::{CachedJson, RenderCache};
pub use document_id::DocumentId;
pub use engine::{
    Applied, Changed, Invalidate, Progress, ReadFrom, RebuildError, RebuildProgress,
    RemoteProgress, Runner, RunnerSettings, RunnerState, describe_metrics, rebuild,
};
pub use error::{FoldError, ReadError};
pub use memory::MemoryStore;
pub use mongo::{MongoStore, retry_after_switch};
/// The driver whose types stand in this crate's interface: collections, documents and errors.
pub use mongodb;
pub use position::Position;
pub use projection::{Change, Index, Projection, undeleted};
pub use store::{
    Batch, Checkpoint, CheckpointChange, CheckpointStore, CollectionId, DocumentStore,
    FoldedStream, HeldLease, LeaseState, LeaseStore, NextCollection, Origin, Reached, ReadStore,
    Report, ReportStore, StoreResult, Write,
};
pub use store_error::{OwnedByAnother, ReadStoreError, StoreSource};
pub use verify::{Difference, VerifyError, verify, verify_with};
