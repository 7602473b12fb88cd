//! A read model of bank accounts: what each holds, and nothing of those that are closed.
//!
//! It needs a NATS server with JetStream (`NATS_URL`, or one on this machine) and keeps its documents
//! in MongoDB (`MONGODB_URI`), or in memory if none is named:
//!
//! ```text
//! cargo run -p turnstile-projections --example read_model
//! ```

use chrono::Utc;
use cqrs_es::DomainEvent;
use eventstore::{Commit, Log, LogConfig, Metadata, StreamName};
use projections::{
    Change, FoldError, Index, MemoryStore, MongoStore, Projection, ReadStore, Runner,
    RunnerSettings,
    mongodb::bson::{Document, doc},
    undeleted, verify,
};
use serde::{Deserialize, Serialize};
use std::{env, error::Error, time::Duration};
use uuid::Uuid;

const ACCOUNTS: StreamName = StreamName::new("BANKACCOUNTS");
/// How long to wait for the log, and until the read model has what was appended.
const SOON: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
enum AccountEvent {
    Opened { owner: String },
    Moved { balance: i64 },
    Closed,
}

impl DomainEvent for AccountEvent {
    fn event_type(&self) -> String {
        match self {
            Self::Opened { .. } => "Opened".to_owned(),
            Self::Moved { .. } => "Moved".to_owned(),
            Self::Closed => "Closed".to_owned(),
        }
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}

/// One document for each account that is open.
#[derive(Clone, Copy, Debug)]
struct Accounts;

impl Projection for Accounts {
    fn name(&self) -> &'static str {
        "accounts"
    }

    fn version(&self) -> u32 {
        1
    }

    fn streams(&self) -> Vec<StreamName> {
        vec![ACCOUNTS]
    }

    fn indexes(&self) -> Vec<Index> {
        vec![Index {
            name: "richest",
            keys: doc! { "balance": -1 },
            only: None,
        }]
    }

    fn fold(&self, commit: &Commit) -> Result<Vec<Change>, FoldError> {
        let events = commit
            .decode::<AccountEvent>()
            .map_err(|error| FoldError::of(commit, error.to_string()))?;
        let change = |event| {
            let id = commit.aggregate_id.as_str().into();
            match event {
                // All fields from the start: a change never adds one.
                AccountEvent::Opened { owner } => Change::Put {
                    id,
                    doc: doc! { "owner": owner, "balance": 0_i64 },
                },
                // What the balance is, and not by how much it changed: folded twice, it is the same.
                AccountEvent::Moved { balance } => Change::Patch {
                    id,
                    set: doc! { "balance": balance },
                },
                AccountEvent::Closed => Change::Delete { id },
            }
        };
        Ok(events.into_iter().map(|(_, event)| change(event)).collect())
    }
}

/// What is shown of the accounts.
#[derive(Debug, PartialEq, Eq)]
pub struct Shown {
    /// What the account that stays open holds.
    pub open: Option<i64>,
    /// Whether the account that was closed is shown.
    pub closed: bool,
}

/// Appends to two accounts, and reads them in memory.
pub async fn in_memory(nats_url: &str) -> Result<Shown, Box<dyn Error>> {
    let store = MemoryStore::new("example");
    let (runner, [open, closed]) = fill(nats_url, &store).await?;
    let collection = Accounts.key();
    let read = |id: String| {
        let found = store.get(&collection, id);
        runner.progress().read(move |_| {
            let found = found.clone();
            async { Ok(found) }
        })
    };
    let shown = shown(read(open).await?.as_ref(), read(closed).await?.as_ref());
    runner.stop().await;
    Ok(shown)
}

/// Appends to two accounts, and reads them in MongoDB.
pub async fn in_mongodb(
    nats_url: &str,
    mongodb_uri: &str,
    database: &str,
) -> Result<Shown, Box<dyn Error>> {
    let store = MongoStore::connect(mongodb_uri, database).await?;
    let (runner, [open, closed]) = fill(nats_url, &store).await?;
    let collection = store.database().collection::<Document>(&Accounts.key());
    let read = |id: String| {
        let collection = collection.clone();
        runner.progress().read(move |_| {
            let (collection, filter) = (collection.clone(), undeleted(doc! { "_id": &id }));
            async move { Ok(collection.find_one(filter).await?) }
        })
    };
    let shown = shown(read(open).await?.as_ref(), read(closed).await?.as_ref());
    runner.stop().await;
    Ok(shown)
}

/// Starts the read model, appends to two accounts and waits until both are as appended.
async fn fill<S: ReadStore + Clone>(
    nats_url: &str,
    store: &S,
) -> Result<(Runner, [String; 2]), Box<dyn Error>> {
    let config = LogConfig {
        url: nats_url.to_owned(),
        event_streams: vec![ACCOUNTS],
        ..LogConfig::default()
    };
    let log = tokio::time::timeout(SOON, Log::open(config)).await??;
    let runner = Runner::start(Accounts, &log, store, RunnerSettings::default()).await?;

    let ids = [Uuid::new_v4(), Uuid::new_v4()].map(|id| id.to_string());
    let opened = |owner: &str| AccountEvent::Opened {
        owner: owner.to_owned(),
    };
    let moved = AccountEvent::Moved { balance: 500 };
    let mut last = 0;
    for (id, events) in [
        (
            &ids[0],
            [
                opened("ann"),
                moved.clone(),
                AccountEvent::Moved { balance: 350 },
            ],
        ),
        (&ids[1], [opened("bob"), moved, AccountEvent::Closed]),
    ] {
        let metadata = Metadata::of_request(Uuid::new_v4(), "example", "example", Utc::now());
        let account = ("account", id.as_str());
        last = log
            .importer()
            .append_events(ACCOUNTS, account, 0, &events, &metadata, 0)
            .await?;
    }
    if !runner.progress().wait_for(ACCOUNTS, last, SOON).await {
        return Err(format!("the read model is {}", runner.state()).into());
    }
    match verify(&Accounts, &log, store).await? {
        None => Ok((runner, ids)),
        Some(difference) => Err(format!("a replay gives something else: {difference:?}").into()),
    }
}

fn shown(open: Option<&Document>, closed: Option<&Document>) -> Shown {
    Shown {
        open: open.and_then(|account| account.get_i64("balance").ok()),
        closed: closed.is_some(),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let nats_url = env::var("NATS_URL").unwrap_or_else(|_| "nats://127.0.0.1:4222".to_owned());
    let shown = match env::var("MONGODB_URI") {
        Ok(uri) => in_mongodb(&nats_url, &uri, "read_model_example").await?,
        Err(_) => in_memory(&nats_url).await?,
    };
    println!("{shown:?}");
    Ok(())
}
