//! Guarded bulk writes.
//!
//! The driver's `bulk_write` on a client needs MongoDB 8, so these are plain commands with many
//! statements. Each states the identity of the collection that it means: a collection that was
//! dropped by hand isn't created anew by a write, it is noticed.

use futures_util::{StreamExt, TryStreamExt, stream};
use mongodb::bson::{
    Binary, Bson, Document, RawArrayBuf, RawDocumentBuf, doc,
    raw::{RawBson, cstr},
    rawdoc,
};
use uuid::Uuid;

use crate::{
    ReadStore,
    batch::{Batch, SEQ, Write},
    error::Trouble,
    store::{COLLECTION_UUID_MISMATCH, DUPLICATE_KEY, code},
    stored::{int, uuid},
};

/// Statements in one command; more of them gain nothing and delay the first.
const STATEMENTS: usize = 500;
/// Size of one command, in bytes. MongoDB takes 48 MB.
const BYTES: usize = 8 * 1024 * 1024;
/// Commands under way at once. Four were measured to do almost twice as much as one.
const COMMANDS: usize = 4;

/// The collection that is written to.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub store: ReadStore,
    pub name: String,
    pub uuid: Binary,
}

/// A command in the making.
struct Command {
    kind: Kind,
    statements: RawArrayBuf,
    count: usize,
    /// For inserts: what to do about those that exist.
    writes: Vec<(Uuid, Write)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Insert,
    Update,
}

impl Target {
    /// Writes a batch. When it returns, every document reflects at least what the batch says.
    pub async fn write(&self, batch: Batch) -> Result<(), Trouble> {
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
        // Commands hold different documents, so their order doesn't matter.
        stream::iter(commands)
            .map(|command| self.run(command))
            .buffer_unordered(COMMANDS)
            .try_collect::<()>()
            .await
    }

    async fn run(&self, command: Command) -> Result<(), Trouble> {
        let existing = self.send(&command).await?;
        if existing.is_empty() {
            return Ok(());
        }
        // What exists already was written before: this is a redelivery, or (for a document that
        // is put a second time) news. The guard tells which.
        let mut replacements = Vec::new();
        for index in existing {
            if let Some((id, write)) = command.writes.get(index) {
                replacements.push((*id, write.clone()));
            }
        }
        let mut commands = Vec::new();
        pack(Kind::Update, replacements, &mut commands)?;
        for command in commands {
            self.send(&command).await?;
        }
        Ok(())
    }

    /// Sends one command; tells which of its inserts exist already.
    async fn send(&self, command: &Command) -> Result<Vec<usize>, Trouble> {
        let (verb, list) = match command.kind {
            Kind::Insert => (cstr!("insert"), cstr!("documents")),
            Kind::Update => (cstr!("update"), cstr!("updates")),
        };
        let mut raw = RawDocumentBuf::new();
        raw.append(verb, self.name.as_str());
        raw.append(cstr!("ordered"), false);
        raw.append(cstr!("writeConcern"), rawdoc! { "w": 1 });
        raw.append(cstr!("collectionUUID"), self.uuid.clone());
        raw.append(list, command.statements.clone());
        let reply = self
            .store
            .step(self.store.database().run_raw_command(raw))
            .await
            .map_err(|trouble| match trouble {
                Trouble::Mongo(error) if code(&error) == Some(COLLECTION_UUID_MISMATCH) => {
                    Trouble::Replaced
                }
                trouble => trouble,
            })?;
        existing(&reply)
    }
}

fn pack(
    kind: Kind,
    writes: Vec<(Uuid, Write)>,
    commands: &mut Vec<Command>,
) -> Result<(), Trouble> {
    let empty = || Command {
        kind,
        statements: RawArrayBuf::new(),
        count: 0,
        writes: Vec::new(),
    };
    let mut command = empty();
    for (id, write) in writes {
        let statement = match kind {
            Kind::Insert => write.clone().stored(id),
            Kind::Update => guarded(id, write.clone()),
        };
        let statement = RawDocumentBuf::try_from(&statement).map_err(|error| {
            Trouble::Unfoldable(format!("a document of {id} can't be stored: {error}"))
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

/// An update that only news can make.
fn guarded(id: Uuid, write: Write) -> Document {
    let query = doc! { "_id": uuid(id), SEQ: { "$lt": int(write.seq) } };
    let update = if write.whole {
        write.stored(id)
    } else {
        doc! { "$set": write.set() }
    };
    doc! { "q": query, "u": update }
}

/// Reads a reply: the positions of inserts that exist, or what went wrong.
fn existing(reply: &Document) -> Result<Vec<usize>, Trouble> {
    if let Ok(concern) = reply.get_document("writeConcernError") {
        return Err(Trouble::MongoWrite(concern.to_string()));
    }
    let Ok(errors) = reply.get_array("writeErrors") else {
        return Ok(Vec::new());
    };
    let mut existing = Vec::with_capacity(errors.len());
    for error in errors.iter().filter_map(Bson::as_document) {
        let index = error.get_i32("index").unwrap_or(-1);
        match error.get_i32("code") {
            Ok(DUPLICATE_KEY) => existing.extend(usize::try_from(index)),
            Ok(COLLECTION_UUID_MISMATCH) => return Err(Trouble::Replaced),
            _ => return Err(Trouble::MongoWrite(error.to_string())),
        }
    }
    Ok(existing)
}

#[cfg(test)]
mod tests;
