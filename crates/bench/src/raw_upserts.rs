//! The limit for read models: writing the same documents, and nothing else.
//!
//! In a separate database, since these are not read models.

use anyhow::{Result, bail};
use futures_util::{StreamExt, TryStreamExt, stream};
use mongodb::{
    Client, Database,
    bson::{
        Bson, Document, RawArrayBuf, RawDocumentBuf, doc,
        raw::{RawBson, cstr},
    },
};
use projections::{Change, Index};
use std::time::Instant;

use crate::sample::Sample;

/// Number of statements in one command: more gain nothing.
const STATEMENTS: usize = 500;
/// Number of concurrent commands: more gain nothing on two cores.
const COMMANDS: usize = 4;
const COLLECTION: &str = "documents";

/// Documents in their final form.
pub struct RawUpserts {
    database: Database,
    indexes: Vec<Document>,
    commands: Vec<RawArrayBuf>,
    documents: u64,
}

impl RawUpserts {
    /// Takes the writes of a projection, and its indexes.
    pub async fn new(url: &str, indexes: &[Index], changes: Vec<(u64, Change)>) -> Result<Self> {
        let database = Client::with_uri_str(url).await?.database("raw");
        let indexes = indexes.iter().map(|index| {
            let mut spec = doc! { "name": index.name, "key": index.keys.clone() };
            if let Some(only) = &index.only {
                spec.insert("partialFilterExpression", only.clone());
            }
            spec
        });
        let mut commands = Vec::new();
        for chunk in changes.chunks(STATEMENTS) {
            let mut statements = RawArrayBuf::new();
            for (sequence, change) in chunk {
                let statement = statement(*sequence, change)?;
                statements.push(RawBson::Document(RawDocumentBuf::try_from(&statement)?));
            }
            commands.push(statements);
        }
        Ok(Self {
            database,
            indexes: indexes.collect(),
            commands,
            documents: changes.len() as u64,
        })
    }

    /// Writes all of them into a new collection.
    pub async fn run(&self) -> Result<Sample> {
        self.database.collection::<Bson>(COLLECTION).drop().await?;
        let create = doc! { "createIndexes": COLLECTION, "indexes": self.indexes.clone() };
        self.database.run_command(create).await?;
        let began = Instant::now();
        stream::iter(&self.commands)
            .map(|statements| self.send(statements))
            .buffer_unordered(COMMANDS)
            .try_collect::<()>()
            .await?;
        Ok(Sample::counted(self.documents, began.elapsed()))
    }

    async fn send(&self, statements: &RawArrayBuf) -> Result<()> {
        let mut command = RawDocumentBuf::try_from(&doc! {
            "update": COLLECTION,
            "ordered": false,
            "writeConcern": { "w": 1 },
        })?;
        command.append(cstr!("updates"), statements.clone());
        let reply = self.database.run_raw_command(command).await?;
        if reply.contains_key("writeErrors") {
            bail!("MongoDB refused: {reply}");
        }
        Ok(())
    }
}

/// An upsert that keeps newer documents.
fn statement(sequence: u64, change: &Change) -> Result<Document> {
    let Change::Put { id, doc } = change else {
        bail!("only new documents are compared");
    };
    let sequence = i64::try_from(sequence)?;
    let mut document = doc! { "_id": id.to_bson() };
    document.extend(doc.clone());
    document.insert("seq", sequence);
    Ok(doc! {
        "q": { "_id": id.to_bson(), "seq": { "$lt": sequence } },
        "u": document,
        "upsert": true,
    })
}
