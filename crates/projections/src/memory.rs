//! The memory of this process as a store of documents: for tests and examples.

use async_trait::async_trait;
use eventstore::StreamName;
use futures_util::{StreamExt, stream, stream::BoxStream};
use mongodb::bson::{Bson, Document, RawDocumentBuf};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    DocumentId, Index, OwnedByAnother, ReadStoreError,
    bson_values::{binary, int, unsigned},
    projection::DELETED,
    store::{
        Batch, Checkpoint, CheckpointChange, CheckpointStore, CollectionId, DocumentStore,
        HeldLease, LeaseState, LeaseStore, Origin, Report, ReportStore, SEQ, STREAM, StoreResult,
        Write,
    },
};

/// Documents in the memory of this process. Clones share them; nothing outlives the last of them.
///
/// Queries are those of a map: [`MemoryStore::get`] and [`MemoryStore::all`]. It has no indexes.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    name: Arc<str>,
    state: Arc<Mutex<State>>,
    faults: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    collections: HashMap<String, Collection>,
    checkpoints: BTreeMap<String, Checkpoint>,
    leases: HashMap<String, Lease>,
    reports: HashMap<String, Report>,
}

#[derive(Debug)]
struct Collection {
    id: CollectionId,
    documents: BTreeMap<DocumentId, Document>,
}

#[derive(Debug, Default)]
struct Lease {
    holder: Option<(Uuid, Instant)>,
    rebuild: Option<String>,
    paused: bool,
}

impl MemoryStore {
    /// An empty one. The name tells it from others that are filled from the same log.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            state: Arc::default(),
            faults: watch::Sender::new(0),
        }
    }

    /// A document, by the collection's name ([`Projection::key`](crate::Projection::key)) and its id.
    pub fn get(&self, name: &str, id: impl Into<DocumentId>) -> Option<Document> {
        let state = self.state();
        let found = state.collections.get(name)?.documents.get(&id.into());
        found.and_then(undeleted).cloned()
    }

    /// All documents of a collection, by id.
    pub fn all(&self, name: &str) -> Vec<Document> {
        let state = self.state();
        let documents = state.collections.get(name);
        let documents = documents
            .into_iter()
            .flat_map(|found| found.documents.values());
        documents.filter_map(undeleted).cloned().collect()
    }

    /// Lets runners believe that what was written last may be lost.
    pub fn fault(&self) {
        self.faults.send_modify(|faults| *faults += 1);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn meant(&mut self, name: &str, id: &CollectionId) -> StoreResult<&mut Collection> {
        let found = self.collections.get_mut(name);
        found
            .filter(|found| found.id == *id)
            .ok_or(ReadStoreError::Replaced)
    }
}

/// Writes one document, if that is news.
pub(crate) fn put(
    documents: &mut BTreeMap<DocumentId, Document>,
    id: DocumentId,
    write: Write,
) -> Result<(), OwnedByAnother> {
    let stored = documents.get_mut(&id);
    let owner = stored
        .as_ref()
        .and_then(|stored| stored.get_str(STREAM).ok());
    OwnedByAnother::check(&id, write.origin.stream, owner)?;
    match stored {
        Some(stored) if seq(stored) >= write.origin.sequence => {}
        None if !write.whole => {}
        Some(stored) if !write.whole => {
            if !is_tombstone(stored) {
                stored.extend(write.fields);
                stored.insert(SEQ, int(write.origin.sequence));
            }
        }
        _ => {
            let stored = write.stored(&id);
            documents.insert(id, stored);
        }
    }
    Ok(())
}

/// A document, unless it is what stays of one that was deleted.
pub(crate) fn undeleted(document: &Document) -> Option<&Document> {
    Some(document).filter(|document| !is_tombstone(document))
}

fn seq(document: &Document) -> u64 {
    document.get_i64(SEQ).map_or(0, unsigned)
}

/// Whether a document is of this stream; any is, where all are of one.
fn is_of(document: &Document, stream: Option<StreamName>) -> bool {
    let named = document.get_str(STREAM).ok();
    stream.is_none_or(|stream| named == Some(stream.as_str()))
}

/// Whether a document reflects a later commit, or one of another stream.
fn is_after(document: &Document, origin: Origin) -> bool {
    !is_of(document, origin.stream) || seq(document) > origin.sequence
}

fn is_tombstone(document: &Document) -> bool {
    document.contains_key(DELETED)
}

fn raw(document: &Document) -> StoreResult<RawDocumentBuf> {
    RawDocumentBuf::try_from(document).map_err(|error| ReadStoreError::Refused {
        store: "memory",
        source: Arc::new(error),
    })
}

#[async_trait]
impl DocumentStore for MemoryStore {
    fn name(&self) -> &str {
        &self.name
    }

    fn faults(&self) -> watch::Receiver<u64> {
        self.faults.subscribe()
    }

    async fn ensure_collection(&self, name: &str, _: &[Index]) -> StoreResult<CollectionId> {
        let mut state = self.state();
        let created = state.collections.entry(name.to_owned());
        let created = created.or_insert_with(|| Collection {
            id: binary(Uuid::new_v4()),
            documents: BTreeMap::new(),
        });
        Ok(created.id.clone())
    }

    async fn collection_id(&self, name: &str) -> StoreResult<Option<CollectionId>> {
        let state = self.state();
        Ok(state.collections.get(name).map(|found| found.id.clone()))
    }

    async fn drop_collection(&self, name: &str) -> StoreResult<()> {
        self.state().collections.remove(name);
        Ok(())
    }

    async fn switch_collection(&self, from: &str, to: &str) -> StoreResult<()> {
        let mut state = self.state();
        let moved = state
            .collections
            .remove(from)
            .ok_or(ReadStoreError::Replaced)?;
        state.collections.insert(to.to_owned(), moved);
        Ok(())
    }

    async fn write(&self, name: &str, collection: &CollectionId, batch: Batch) -> StoreResult<()> {
        let mut state = self.state();
        let found = state.meant(name, collection)?;
        for (id, write) in batch.into_writes() {
            put(&mut found.documents, id, write)?;
        }
        Ok(())
    }

    async fn purge(&self, name: &str, collection: &CollectionId, up_to: Origin) -> StoreResult<()> {
        let mut state = self.state();
        let found = state.meant(name, collection)?;
        let stays = |document: &Document| !is_tombstone(document) || is_after(document, up_to);
        found.documents.retain(|_, document| stays(document));
        Ok(())
    }

    async fn document(&self, name: &str, id: &DocumentId) -> StoreResult<Option<RawDocumentBuf>> {
        let state = self.state();
        let found = state.collections.get(name);
        let found = found.and_then(|found| found.documents.get(id));
        found.map(raw).transpose()
    }

    async fn documents(
        &self,
        name: &str,
    ) -> StoreResult<BoxStream<'static, StoreResult<RawDocumentBuf>>> {
        let state = self.state();
        let found = state.collections.get(name).into_iter();
        let found: Vec<_> = found
            .flat_map(|found| found.documents.values().map(raw))
            .collect();
        Ok(stream::iter(found).boxed())
    }

    async fn newest(&self, name: &str, after: Origin, limit: usize) -> StoreResult<Vec<Document>> {
        let state = self.state();
        let found = state.collections.get(name).into_iter();
        let found = found.flat_map(|found| found.documents.values());
        let mut newer: Vec<_> = found
            .filter(|found| is_of(found, after.stream) && is_after(found, after))
            .cloned()
            .collect();
        newer.sort_by_key(|document| std::cmp::Reverse(seq(document)));
        newer.truncate(limit);
        Ok(newer)
    }
}

#[async_trait]
impl CheckpointStore for MemoryStore {
    async fn checkpoints(&self) -> StoreResult<Vec<Checkpoint>> {
        Ok(self.state().checkpoints.values().cloned().collect())
    }

    async fn checkpoint(&self, key: &str) -> StoreResult<Option<Checkpoint>> {
        Ok(self.state().checkpoints.get(key).cloned())
    }

    async fn put_checkpoint(&self, checkpoint: &Checkpoint) -> StoreResult<()> {
        let (key, checkpoint) = (checkpoint.key.clone(), checkpoint.clone());
        self.state().checkpoints.insert(key, checkpoint);
        Ok(())
    }

    async fn advance_checkpoint(
        &self,
        key: &str,
        collection: &CollectionId,
        stream: StreamName,
        sequence: u64,
        commit: Uuid,
    ) -> StoreResult<()> {
        if let Some(found) = self.state().checkpoints.get_mut(key)
            && found.collection == Bson::Binary(collection.clone())
            && let Some(folded) = found.streams.get_mut(stream.as_str())
            && folded.sequence < int(sequence)
        {
            folded.advance(sequence, commit);
            found.stuck = None;
        }
        Ok(())
    }

    async fn amend_checkpoint(&self, key: &str, change: CheckpointChange) -> StoreResult<()> {
        if let Some(found) = self.state().checkpoints.get_mut(key) {
            match change {
                CheckpointChange::Ahead(ahead) => found.ahead = ahead,
                CheckpointChange::Healing(why) => found.healing = Some(why),
                CheckpointChange::Halted(why) => found.halted = Some(why),
                CheckpointChange::Stuck(why) => found.stuck = why,
            }
        }
        Ok(())
    }

    async fn remove_checkpoint(&self, key: &str) -> StoreResult<()> {
        self.state().checkpoints.remove(key);
        Ok(())
    }
}

#[async_trait]
impl LeaseStore for MemoryStore {
    async fn hold_lease(
        &self,
        key: &str,
        holder: Uuid,
        ttl: Duration,
    ) -> StoreResult<Option<HeldLease>> {
        let mut state = self.state();
        let lease = state.leases.entry(key.to_owned()).or_default();
        let now = Instant::now();
        let taken = lease
            .holder
            .filter(|(by, until)| *by != holder && *until > now);
        if taken.is_some() {
            return Ok(None);
        }
        let until = now + ttl;
        lease.holder = Some((holder, until));
        Ok(Some(HeldLease {
            until,
            rebuild: lease.rebuild.clone(),
            paused: lease.paused,
        }))
    }

    async fn release_lease(&self, key: &str, holder: Uuid) -> StoreResult<()> {
        if let Some(lease) = self.state().leases.get_mut(key) {
            lease.holder.take_if(|(by, _)| *by == holder);
        }
        Ok(())
    }

    async fn lease(&self, key: &str) -> StoreResult<LeaseState> {
        let now = Instant::now();
        let state = self.state();
        let lease = state.leases.get(key);
        Ok(lease.map_or_else(LeaseState::default, |lease| LeaseState {
            held: lease.holder.is_some_and(|(_, until)| until > now),
            paused: lease.paused,
        }))
    }

    async fn set_paused(&self, key: &str, paused: bool) -> StoreResult<()> {
        let mut state = self.state();
        state.leases.entry(key.to_owned()).or_default().paused = paused;
        Ok(())
    }

    async fn ask_for_rebuild(&self, key: &str, request: &str) -> StoreResult<String> {
        let mut state = self.state();
        let lease = state.leases.entry(key.to_owned()).or_default();
        let stands = lease.rebuild.get_or_insert_with(|| request.to_owned());
        Ok(stands.clone())
    }

    async fn end_rebuild(&self, key: &str, request: &str) -> StoreResult<()> {
        if let Some(lease) = self.state().leases.get_mut(key) {
            lease.rebuild.take_if(|stands| stands == request);
        }
        Ok(())
    }

    async fn remove_lease(&self, key: &str) -> StoreResult<()> {
        self.state().leases.remove(key);
        Ok(())
    }
}

#[async_trait]
impl ReportStore for MemoryStore {
    async fn report(&self, key: &str) -> StoreResult<Option<Report>> {
        Ok(self.state().reports.get(key).cloned())
    }

    async fn put_report(&self, report: &Report) -> StoreResult<()> {
        let (key, report) = (report.key.clone(), report.clone());
        self.state().reports.insert(key, report);
        Ok(())
    }

    async fn remove_report(&self, key: &str) -> StoreResult<()> {
        self.state().reports.remove(key);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::read_store_contract!(async { ((), MemoryStore::new("contract")) });
}
