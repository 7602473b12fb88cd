//! Guarded bulk writes.
//!
//! The driver's `bulk_write` on a client needs MongoDB 8, so these are plain commands with many
//! statements. Each contains the identity of its collection: a write doesn't recreate a collection
//! that was dropped by hand; it fails.

use eventstore::StreamName;
use futures_util::{StreamExt, TryStreamExt, stream};
use mongodb::{
    Collection,
    bson::{
        self, Bson, Document, RawArrayBuf, RawDocumentBuf, doc,
        raw::{CStr, RawBson, cstr},
        rawdoc,
    },
};
use std::{collections::HashMap, sync::Arc};

use super::{
    MongoStore,
    errors::{DUPLICATE_KEY, MONGODB, of_statement},
};
use crate::{
    DocumentId, OwnedByAnother, ReadStoreError,
    bson_values::int,
    projection::DELETED,
    store::{Batch, CollectionId, SEQ, STREAM, StoreResult, Write},
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
    /// The writes of the statements, for documents that already exist and for those that don't have
    /// the expected stream.
    writes: Vec<(DocumentId, Write)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Insert,
    Update,
}

/// What a command did.
struct Sent {
    /// The inserts whose document already exists.
    existing: Vec<usize>,
    /// Number of statements that found what they are for.
    matched: usize,
}

/// The collection that is written to.
pub(super) struct Target<'a> {
    pub store: &'a MongoStore,
    pub name: &'a str,
    pub uuid: &'a CollectionId,
}

/// The condition that a document is of this stream; none where all are of one.
pub(super) fn of_stream(stream: Option<StreamName>) -> Document {
    stream.map_or_else(Document::new, |stream| doc! { STREAM: stream.as_str() })
}

impl Target<'_> {
    pub async fn write(&self, batch: Batch) -> StoreResult<()> {
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
        let sent = self.send(&command).await?;
        // A document that already exists was written before: this is a redelivery, or (for a
        // document that is put a second time) a newer state. The guard distinguishes them.
        let existing = sent
            .existing
            .iter()
            .filter_map(|at| command.writes.get(*at));
        let mut replacements = Vec::new();
        pack(Kind::Update, existing.cloned().collect(), &mut replacements)?;
        let mut took_effect =
            sent.matched + replacements.iter().map(|one| one.count).sum::<usize>();
        for replacement in &replacements {
            let sent = self.send(replacement).await?;
            took_effect = took_effect - replacement.count + sent.matched;
        }
        if took_effect < command.count {
            self.check_owners(&command.writes).await?;
        }
        Ok(())
    }

    /// Some writes found no older document: they are repeated, or the document is of another
    /// stream, which the guard keeps from being changed and nothing else would report.
    async fn check_owners(&self, writes: &[(DocumentId, Write)]) -> StoreResult<()> {
        let streams: HashMap<&DocumentId, StreamName> = writes
            .iter()
            .filter_map(|(id, write)| Some((id, write.origin.stream?)))
            .collect();
        if streams.is_empty() {
            return Ok(());
        }
        let ids: Vec<Bson> = streams.keys().map(|id| id.to_bson()).collect();
        let collection: Collection<RawDocumentBuf> = self.store.database().collection(self.name);
        let find = async {
            let found = collection.find(doc! { "_id": { "$in": ids } });
            let found = found.projection(doc! { STREAM: 1 }).await?;
            found.try_collect::<Vec<_>>().await
        };
        for found in self.store.bounded(find).await? {
            if let Some(id) = DocumentId::of(&found) {
                let owner = found.get_str(STREAM).ok();
                OwnedByAnother::check(&id, streams.get(&id).copied(), owner)?;
            }
        }
        Ok(())
    }

    /// Sends one command.
    async fn send(&self, command: &Command) -> StoreResult<Sent> {
        let (verb, list) = match command.kind {
            Kind::Insert => (cstr!("insert"), cstr!("documents")),
            Kind::Update => (cstr!("update"), cstr!("updates")),
        };
        let mut raw = RawDocumentBuf::new();
        raw.append(verb, self.name);
        raw.append(cstr!("ordered"), false);
        raw.append(cstr!("writeConcern"), rawdoc! { "w": 1 });
        raw.append(cstr!("collectionUUID"), self.uuid.clone());
        raw.append(list, command.statements.as_ref());
        let reply = self
            .store
            .bounded(self.store.database().run_raw_command(raw))
            .await?;
        Ok(Sent {
            existing: existing(&reply)?,
            matched: reply
                .get_i32("n")
                .map_or(0, |n| usize::try_from(n).unwrap_or(0)),
        })
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
        command.writes.push((id, write));
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
    let older = rawdoc! { "$lt": int(write.origin.sequence) };
    let mut query = id.begin_document();
    query.append(<&CStr>::try_from(SEQ)?, older);
    if let Some(stream) = write.origin.stream {
        query.append(<&CStr>::try_from(STREAM)?, stream.as_str());
    }
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
    if let (true, Some(stream)) = (write.whole, write.origin.stream) {
        to.append(<&CStr>::try_from(STREAM)?, stream.as_str());
    }
    to.append(<&CStr>::try_from(SEQ)?, int(write.origin.sequence));
    Ok(())
}

/// Reads a reply: the positions of inserts that already exist, or the error.
pub(super) fn existing(reply: &Document) -> StoreResult<Vec<usize>> {
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
