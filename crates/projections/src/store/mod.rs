//! Where documents are kept, and what is recorded of how far they are.

mod batch;
mod checkpoint;
mod lease;
mod report;

use async_trait::async_trait;
use eventstore::StreamName;
use futures_util::stream::BoxStream;
use mongodb::bson::{Binary, Document, RawDocumentBuf};
use std::{fmt::Debug, time::Duration};
use tokio::sync::watch;
use uuid::Uuid;

use crate::{DocumentId, Index, ReadStoreError};

/// How long a read may take in all. Reads must fail within 2 s.
pub(crate) const READ_BOUND: Duration = Duration::from_millis(1_800);

pub use batch::{Batch, Origin, Write};
pub(crate) use batch::{SEQ, STREAM};
pub use checkpoint::{Checkpoint, CheckpointChange, FoldedStream, NextCollection};
pub(crate) use checkpoint::{identity, position_of};
pub use lease::{HeldLease, LeaseState};
pub use report::{Reached, Report};

/// What identifies a collection: another for each that is created, whatever its name.
pub type CollectionId = Binary;

/// What comes of asking a store.
pub type StoreResult<T> = Result<T, ReadStoreError>;

/// A store of documents: MongoDB ([`MongoStore`](crate::MongoStore)), or the memory of this process
/// ([`MemoryStore`](crate::MemoryStore)) for tests and examples.
///
/// What the queries of a read model are asked in is the store's own language, and no part of this.
/// An implementation for another store is tested with the suite in `projections::contract` (feature
/// `testing`).
///
/// Each call is bounded in time by the store, to about 10 s: each caller has a
/// bound of its own, and a batch may be large.
pub trait ReadStore: DocumentStore + CheckpointStore + LeaseStore + ReportStore {}

impl<S: DocumentStore + CheckpointStore + LeaseStore + ReportStore> ReadStore for S {}

/// Keeps documents in collections.
#[async_trait]
pub trait DocumentStore: Debug + Send + Sync + 'static {
    /// Its name, which tells it from others that are filled from the same log.
    fn name(&self) -> &str;

    /// Counts what may have cost documents that were written last: a lost server, a fail-over.
    /// Runners go back to their checkpoint then.
    fn faults(&self) -> watch::Receiver<u64>;

    /// Creates a collection with its indexes, or completes it; returns its identity.
    async fn ensure_collection(&self, name: &str, indexes: &[Index]) -> StoreResult<CollectionId>;

    /// The identity of a collection; `None` if it doesn't exist.
    async fn collection_id(&self, name: &str) -> StoreResult<Option<CollectionId>>;

    /// Deletes a collection, if it is there.
    async fn drop_collection(&self, name: &str) -> StoreResult<()>;

    /// Lets a collection take the place and the name of another, in one step for all
    /// readers. It keeps its identity.
    async fn switch_collection(&self, from: &str, to: &str) -> StoreResult<()>;

    /// Writes a batch. When it returns, every document reflects at least what the batch says.
    ///
    /// Only news is written: what a document reflects (its field `seq`) never goes back,
    /// in any order of writers. A part of a document is written only if the document is there and no tombstone.
    ///
    /// # Errors
    /// [`ReadStoreError::Replaced`] when the collection of that name isn't the one that is meant;
    /// nothing is written then, and no collection is created. [`ReadStoreError::OwnedByAnother`] when a
    /// document is of another stream than the commit that writes it; that document stays as it is,
    /// and others of the batch may be written.
    async fn write(&self, name: &str, collection: &CollectionId, batch: Batch) -> StoreResult<()>;

    /// Deletes the tombstones of a collection that reflect this commit or an older one of its
    /// stream.
    ///
    /// # Errors
    /// As [`Self::write`].
    async fn purge(&self, name: &str, collection: &CollectionId, up_to: Origin) -> StoreResult<()>;

    /// One document as it is stored, or its tombstone.
    async fn document(&self, name: &str, id: &DocumentId) -> StoreResult<Option<RawDocumentBuf>>;

    /// All documents as they are stored, and tombstones, in any order.
    async fn documents(
        &self,
        name: &str,
    ) -> StoreResult<BoxStream<'static, StoreResult<RawDocumentBuf>>>;

    /// The newest documents of those that reflect a later commit of its stream, the newest first.
    async fn newest(&self, name: &str, after: Origin, limit: usize) -> StoreResult<Vec<Document>>;
}

/// Keeps how far each projection has folded its streams.
#[async_trait]
pub trait CheckpointStore: Debug + Send + Sync + 'static {
    /// All checkpoints, by name.
    async fn checkpoints(&self) -> StoreResult<Vec<Checkpoint>>;

    /// A checkpoint.
    async fn checkpoint(&self, key: &str) -> StoreResult<Option<Checkpoint>>;

    /// Writes a checkpoint, replacing any other.
    async fn put_checkpoint(&self, checkpoint: &Checkpoint) -> StoreResult<()>;

    /// Advances a checkpoint in one stream; never backwards, and never that of another collection.
    /// Clears what it was stuck at.
    async fn advance_checkpoint(
        &self,
        key: &str,
        collection: &CollectionId,
        stream: StreamName,
        sequence: u64,
        commit: Uuid,
    ) -> StoreResult<()>;

    /// Changes one thing of a checkpoint, if it is there.
    async fn amend_checkpoint(&self, key: &str, change: CheckpointChange) -> StoreResult<()>;

    /// Deletes a checkpoint.
    async fn remove_checkpoint(&self, key: &str) -> StoreResult<()>;
}

/// Keeps who may fold each projection, and what is asked of them.
#[async_trait]
pub trait LeaseStore: Debug + Send + Sync + 'static {
    /// Takes a lease if it is free, or renews it; `None` when another holds it. Times are those of
    /// the store's clock.
    async fn hold_lease(
        &self,
        key: &str,
        holder: Uuid,
        ttl: Duration,
    ) -> StoreResult<Option<HeldLease>>;

    /// Gives a lease back, so that another takes over at once.
    async fn release_lease(&self, key: &str, holder: Uuid) -> StoreResult<()>;

    /// The state of a lease, even if no process ever held it.
    async fn lease(&self, key: &str) -> StoreResult<LeaseState>;

    /// Pauses or resumes folding, for the current or next holder of the lease.
    async fn set_paused(&self, key: &str, paused: bool) -> StoreResult<()>;

    /// Asks the current or next holder of the lease for a rebuild. Returns the valid request: an
    /// earlier one that hasn't ended, if there is one.
    async fn ask_for_rebuild(&self, key: &str, request: &str) -> StoreResult<String>;

    /// Takes note that a rebuild ended, if it is the one that was asked for.
    async fn end_rebuild(&self, key: &str, request: &str) -> StoreResult<()>;

    /// Deletes the record of a lease.
    async fn remove_lease(&self, key: &str) -> StoreResult<()>;
}

/// Keeps how far rebuilds are.
#[async_trait]
pub trait ReportStore: Debug + Send + Sync + 'static {
    /// How far a rebuild is.
    async fn report(&self, key: &str) -> StoreResult<Option<Report>>;

    /// Records how far a rebuild is.
    async fn put_report(&self, report: &Report) -> StoreResult<()>;

    /// Deletes what is recorded of rebuilds.
    async fn remove_report(&self, key: &str) -> StoreResult<()>;
}
