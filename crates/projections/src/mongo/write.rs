//! Guarded bulk writes.
//!
//! The driver's `bulk_write` on a client needs MongoDB 8, so these are plain commands with many
//! statements. Each contains the identity of its collection: a write doesn't recreate a collection
//! that was dropped by hand; it fails.

use futures_util::{StreamExt, TryStreamExt, stream};
use mongodb::bson::{
    self, Bson, Document, RawArrayBuf, RawDocumentBuf, doc,
    raw::{CStr, RawBson, cstr},
    rawdoc,
};
use std::sync::Arc;

use super::{
    MongoStore,
    errors::{DUPLICATE_KEY, MONGODB, of_statement},
};
use crate::{
    DocumentId, ReadStoreError,
    bson_values::int,
    projection::DELETED,
    store::{Batch, CollectionId, SEQ, StoreResult, Write},
};

/// Number of statements in one command; more of them gain nothing and delay the first.
const STATEMENTS: usize = 500;
/// Size of one command, in bytes. MongoDB accepts 48 MB.
const BYTES: usize = 8 * 1024 * 1024;
/// Number of concurrent commands. Four achieved almost twice as much as one when measured.
const COMMANDS: usize = 4;

/// A document can't be put into the form in which it is stored.
#[derive(Debug, thiserror::Error)]
#[error("a document of {id} can't be stored: {source}")]
struct UnstorableDocument {
    id: DocumentId,
    source: bson::error::Error,
}

/// A command that is being built.
struct Command {
    kind: Kind,
    statements: RawArrayBuf,
    count: usize,
    /// For inserts: the writes to use for documents that already exist.
    writes: Vec<(DocumentId, Write)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Insert,
    Update,
}

/// The collection that is written to.
struct Target<'a> {
    store: &'a MongoStore,
    name: &'a str,
    uuid: &'a CollectionId,
}

impl MongoStore {
    pub(super) async fn write_batch(
        &self,
        name: &str,
        uuid: &CollectionId,
        batch: Batch,
    ) -> StoreResult<()> {
        let store = self;
        Target { store, name, uuid }.write(batch).await
    }

    pub(super) async fn purge_tombstones(
        &self,
        name: &str,
        uuid: &CollectionId,
        up_to: u64,
    ) -> StoreResult<()> {
        let delete = doc! {
            "delete": name,
            "collectionUUID": uuid.clone(),
            "deletes": [{ "q": { DELETED: true, SEQ: { "$lte": int(up_to) } }, "limit": 0 }],
        };
        let reply = self.bounded(self.database().run_command(delete)).await?;
        existing(&reply).map(|_| ())
    }
}

impl Target<'_> {
    async fn write(&self, batch: Batch) -> StoreResult<()> {
        let (mut new, mut changed) = (Vec::new(), Vec::new());
        for (id, write) in batch.into_writes() {
            if write.whole {
                new.push((id, write));
            } else {
                changed.push((id, write));
            }
        }
        let mut commands = Vec::new();
        pack(Kind::Insert, new, &mut commands)?;
        pack(Kind::Update, changed, &mut commands)?;
        // Commands contain different documents, so their order doesn't matter.
        stream::iter(commands)
            .map(|command| self.run(command))
            .buffer_unordered(COMMANDS)
            .try_collect::<()>()
            .await
    }

    async fn run(&self, command: Command) -> StoreResult<()> {
        let existing = self.send(command.kind, command.statements).await?;
        if existing.is_empty() {
            return Ok(());
        }
        // A document that already exists was written before: this is a redelivery, or (for a
        // document that is put a second time) a newer state. The guard distinguishes them.
        let mut replacements = Vec::new();
        for index in existing {
            if let Some((id, write)) = command.writes.get(index) {
                replacements.push((id.clone(), write.clone()));
            }
        }
        let mut commands = Vec::new();
        pack(Kind::Update, replacements, &mut commands)?;
        for command in commands {
            self.send(command.kind, command.statements).await?;
        }
        Ok(())
    }

    /// Sends one command; returns which of its inserts already exist.
    async fn send(&self, kind: Kind, statements: RawArrayBuf) -> StoreResult<Vec<usize>> {
        let (verb, list) = match kind {
            Kind::Insert => (cstr!("insert"), cstr!("documents")),
            Kind::Update => (cstr!("update"), cstr!("updates")),
        };
        let mut raw = RawDocumentBuf::new();
        raw.append(verb, self.name);
        raw.append(cstr!("ordered"), false);
        raw.append(cstr!("writeConcern"), rawdoc! { "w": 1 });
        raw.append(cstr!("collectionUUID"), self.uuid.clone());
        raw.append(list, statements);
        let reply = self
            .store
            .bounded(self.store.database().run_raw_command(raw))
            .await?;
        existing(&reply)
    }
}

fn pack(
    kind: Kind,
    writes: Vec<(DocumentId, Write)>,
    commands: &mut Vec<Command>,
) -> StoreResult<()> {
    let empty = || Command {
        kind,
        statements: RawArrayBuf::new(),
        count: 0,
        writes: Vec::new(),
    };
    let mut command = empty();
    for (id, write) in writes {
        let statement = match kind {
            Kind::Insert => stored(&id, &write),
            Kind::Update => guarded(&id, &write),
        };
        let statement = statement.map_err(|source| ReadStoreError::Refused {
            store: MONGODB,
            source: Arc::new(UnstorableDocument {
                id: id.clone(),
                source,
            }),
        })?;
        let size = command.statements.as_bytes().len() + statement.as_bytes().len();
        if command.count == STATEMENTS || (command.count > 0 && size > BYTES) {
            commands.push(std::mem::replace(&mut command, empty()));
        }
        command.statements.push(RawBson::Document(statement));
        command.count += 1;
        if kind == Kind::Insert {
            command.writes.push((id, write));
        }
    }
    if command.count > 0 {
        commands.push(command);
    }
    Ok(())
}

/// The stored form of a whole document.
fn stored(id: &DocumentId, write: &Write) -> Result<RawDocumentBuf, bson::error::Error> {
    let mut document = id.begin_document();
    append_fields(&mut document, write)?;
    Ok(document)
}

/// An update that takes effect only if it is newer.
fn guarded(id: &DocumentId, write: &Write) -> Result<RawDocumentBuf, bson::error::Error> {
    let update = if write.whole {
        stored(id, write)?
    } else {
        let mut set = RawDocumentBuf::new();
        append_fields(&mut set, write)?;
        rawdoc! { "$set": set }
    };
    let older = rawdoc! { "$lt": int(write.seq) };
    let mut query = id.begin_document();
    query.append(<&CStr>::try_from(SEQ)?, older);
    if !write.whole {
        // What was deleted stays absent, whatever a part of it becomes.
        query.append(<&CStr>::try_from(DELETED)?, rawdoc! { "$exists": false });
    }
    Ok(rawdoc! { "q": query, "u": update })
}

/// Straight from the fields to bytes: this is done for every commit, and a separate document for
/// each form would be some twenty allocations.
fn append_fields(to: &mut RawDocumentBuf, write: &Write) -> Result<(), bson::error::Error> {
    for (name, value) in &write.fields {
        let name = <&CStr>::try_from(name.as_str())?;
        match value {
            Bson::String(text) => to.append(name, text.as_str()),
            Bson::Int64(number) => to.append(name, *number),
            Bson::Binary(binary) => to.append(name, binary),
            other => to.append(name, RawBson::try_from(other.clone())?),
        }
    }
    to.append(<&CStr>::try_from(SEQ)?, int(write.seq));
    Ok(())
}

/// Reads a reply: the positions of inserts that already exist, or the error.
fn existing(reply: &Document) -> StoreResult<Vec<usize>> {
    if let Ok(concern) = reply.get_document("writeConcernError") {
        return Err(of_statement(concern));
    }
    let Ok(errors) = reply.get_array("writeErrors") else {
        return Ok(Vec::new());
    };
    let mut existing = Vec::with_capacity(errors.len());
    for error in errors.iter().filter_map(Bson::as_document) {
        let index = error.get_i32("index").unwrap_or(-1);
        match error.get_i32("code") {
            Ok(DUPLICATE_KEY) => existing.extend(usize::try_from(index)),
            _ => return Err(of_statement(error)),
        }
    }
    Ok(existing)
}
