//! The connection to MongoDB.

use mongodb::{
    Client, Database,
    bson::{Binary, Bson, Document, doc},
    event::{EventHandler, cmap::CmapEvent, sdam::SdamEvent},
    options::{ClientOptions, ServerAddress},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

use crate::{Index, ReadError, error::RunnerError, guarantees};

/// Time limit for finding a server. Reads must fail within 2 s.
const SELECTION: Duration = Duration::from_millis(1_500);
/// Time limit for a read.
pub(crate) const READ_BOUND: Duration = Duration::from_millis(1_800);
/// Time limit for one command of a runner. It may be large, and every caller that waits for it has
/// a limit of its own.
pub(crate) const WRITE_BOUND: Duration = Duration::from_secs(10);

/// The database of the read models. Clones share one pool of connections.
#[derive(Clone, Debug)]
pub struct ReadStore {
    database: Database,
    faults: watch::Receiver<u64>,
}

impl ReadStore {
    /// Takes an address (`mongodb://…`) and the name of a database. Sends nothing yet: if the
    /// server is down, each read fails, not this.
    ///
    /// # Errors
    /// When the address is invalid, or requests less than read models need.
    pub async fn connect(uri: &str, database: &str) -> Result<Self, ReadError> {
        let mut options = ClientOptions::parse(uri).await?;
        guarantees::settle(&mut options)?;
        options.app_name.get_or_insert_with(|| "turnstile".into());
        options.server_selection_timeout.get_or_insert(SELECTION);
        options
            .connect_timeout
            .get_or_insert(Duration::from_secs(2));
        options.max_pool_size.get_or_insert(48);
        let faults = watch_faults(&mut options);
        let client = Client::with_options(options)?;
        Ok(Self {
            database: client.database(database),
            faults,
        })
    }

    /// Sends a request to the server and waits for the answer.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] without an answer within 2 s.
    pub async fn ping(&self) -> Result<(), ReadError> {
        self.read(self.database.run_command(doc! { "ping": 1 }))
            .await
            .map(|_| ())
    }

    /// Deletes the whole database: every read model and every checkpoint. They are refilled from
    /// the log, so only time is lost.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] when MongoDB can't be reached.
    pub async fn drop_database(&self) -> Result<(), ReadError> {
        Ok(self.database.drop().await?)
    }

    /// The database, for the queries of a read model.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Counts possible losses of documents: a lost server, a failover. The last writes with `w:1`
    /// may be gone then, so runners return to their checkpoint.
    pub(crate) fn faults(&self) -> watch::Receiver<u64> {
        self.faults.clone()
    }

    /// Runs a read within its time limit.
    pub(crate) async fn read<T, F>(&self, operation: F) -> Result<T, ReadError>
    where
        F: IntoFuture<Output = mongodb::error::Result<T>>,
    {
        match tokio::time::timeout(READ_BOUND, operation.into_future()).await {
            Ok(result) => Ok(result?),
            Err(_) => Err(ReadError::unavailable("MongoDB did not answer in time")),
        }
    }

    /// Runs one step of a runner within its time limit.
    pub(crate) async fn bounded<T, F>(&self, operation: F) -> Result<T, RunnerError>
    where
        F: IntoFuture<Output = mongodb::error::Result<T>>,
    {
        tokio::time::timeout(WRITE_BOUND, operation.into_future())
            .await
            .map_err(|_| RunnerError::Slow)?
            .map_err(RunnerError::from)
    }

    /// The identity of a collection; `None` if it doesn't exist.
    pub(crate) async fn collection_uuid(&self, name: &str) -> Result<Option<Binary>, RunnerError> {
        let command = doc! { "listCollections": 1, "filter": { "name": name } };
        let reply = self.bounded(self.database.run_command(command)).await?;
        let first = reply
            .get_document("cursor")
            .and_then(|cursor| cursor.get_array("firstBatch"))
            .ok()
            .and_then(|batch| batch.first())
            .and_then(Bson::as_document);
        let uuid = first
            .and_then(|entry| entry.get_document("info").ok())
            .and_then(|info| info.get("uuid"));
        Ok(match uuid {
            Some(Bson::Binary(uuid)) => Some(uuid.clone()),
            _ => None,
        })
    }

    /// Creates a collection with its indexes, or completes it; returns its identity.
    pub(crate) async fn ensure_collection(
        &self,
        name: &str,
        indexes: &[Index],
    ) -> Result<Binary, RunnerError> {
        let created = self
            .bounded(self.database.run_command(doc! { "create": name }))
            .await;
        match created {
            Err(RunnerError::Mongo(error)) if code(&error) != Some(NAMESPACE_EXISTS) => {
                return Err(error.into());
            }
            Err(RunnerError::Mongo(_)) | Ok(_) => {}
            Err(failure) => return Err(failure),
        }
        if !indexes.is_empty() {
            let indexes: Vec<Document> = indexes
                .iter()
                .map(|index| {
                    let mut spec = doc! { "name": index.name, "key": index.keys.clone() };
                    if let Some(only) = &index.only {
                        spec.insert("partialFilterExpression", only.clone());
                    }
                    spec
                })
                .collect();
            let command = doc! { "createIndexes": name, "indexes": indexes };
            self.bounded(self.database.run_command(command)).await?;
        }
        self.collection_uuid(name)
            .await?
            .ok_or(RunnerError::Replaced)
    }
}

const NAMESPACE_EXISTS: i32 = 48;
const QUERY_PLAN_KILLED: i32 = 175;
const CURSOR_NOT_FOUND: i32 = 43;
pub(crate) const DUPLICATE_KEY: i32 = 11_000;
pub(crate) const COLLECTION_UUID_MISMATCH: i32 = 361;

/// The server's code of an error, if the error is the server's.
pub(crate) fn code(error: &mongodb::error::Error) -> Option<i32> {
    use mongodb::error::{ErrorKind, WriteFailure};
    match &*error.kind {
        ErrorKind::Command(command) => Some(command.code),
        ErrorKind::Write(WriteFailure::WriteError(write)) => Some(write.code),
        _ => None,
    }
}

/// Runs a query, and once more if its collection was switched under it by a rebuild.
pub async fn retry_after_switch<T, F, Fut>(query: F) -> mongodb::error::Result<T>
where
    F: Fn() -> Fut,
    Fut: Future<Output = mongodb::error::Result<T>>,
{
    match query().await {
        Err(error) if matches!(code(&error), Some(QUERY_PLAN_KILLED | CURSOR_NOT_FOUND)) => {
            query().await
        }
        result => result,
    }
}

/// Records how far documents were written, unless MongoDB failed since.
///
/// If a server dies while the record is in transit, the driver waits for a server and repeats it.
/// The record would then attribute to the new server what the dead one had; and writes that were
/// lost with it would be missing for good.
pub(crate) async fn abort_on_fault<T>(
    faults: &mut watch::Receiver<u64>,
    record: impl Future<Output = Result<T, RunnerError>>,
) -> Result<T, RunnerError> {
    tokio::select! {
        // In this order: the fault is counted before the driver repeats anything.
        biased;
        Ok(()) = faults.changed() => Err(RunnerError::Fault),
        recorded = record => recorded,
    }
}

fn watch_faults(options: &mut ClientOptions) -> watch::Receiver<u64> {
    let (counter, faults) = watch::channel(0_u64);
    let counter = Arc::new(counter);
    let count = move |address: &ServerAddress, what: &str| {
        tracing::debug!(%address, what, "MongoDB is in trouble");
        counter.send_modify(|n| *n += 1);
    };
    let of_pool = count.clone();
    options.cmap_event_handler = Some(EventHandler::callback(move |event| {
        if let CmapEvent::PoolCleared(event) = event {
            of_pool(&event.address, "its connections were lost");
        }
    }));
    options.sdam_event_handler = Some(EventHandler::callback(move |event| {
        // Only the server that accepts writes can lose any. One of the others may be down for long,
        // and its heartbeats fail all that time.
        if let SdamEvent::ServerDescriptionChanged(event) = event {
            use mongodb::ServerType::{Mongos, RsPrimary, Standalone};
            let before = event.previous_description.server_type();
            let now = event.new_description.server_type();
            if before != now && matches!(before, RsPrimary | Standalone | Mongos) {
                count(&event.address, "its role changed");
            }
        }
    }));
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::TryStreamExt;
    use std::sync::atomic::{AtomicU32, Ordering};
    use testkit::Mongo;

    #[tokio::test]
    async fn a_record_is_given_up_when_mongodb_is_in_trouble_also_if_it_could_be_made_by_now() {
        let (counter, mut faults) = watch::channel(0);
        let made = abort_on_fault(&mut faults, async { Ok("made") }).await;
        assert_eq!(made.unwrap(), "made");
        let under_way = abort_on_fault(&mut faults, async {
            counter.send_replace(1);
            // The server is back, and the driver repeats the record to it.
            tokio::task::yield_now().await;
            Ok("made of another server")
        });
        let given_up = under_way.await;
        assert!(matches!(given_up, Err(RunnerError::Fault)), "{given_up:?}");
        counter.send_replace(2);
        let too_late = abort_on_fault(&mut faults, async { Ok("made") }).await;
        assert!(matches!(too_late, Err(RunnerError::Fault)), "{too_late:?}");
    }

    #[tokio::test]
    async fn a_query_whose_collection_is_switched_under_it_is_made_again() {
        let mongo = Mongo::database().await;
        let store = ReadStore::connect(mongo.uri(), mongo.name()).await.unwrap();
        let of = |name: &str| store.database().collection::<Document>(name);
        let (old, new) = (of("old"), of("new"));
        let many = (0..500).map(|n| doc! { "_id": n, "old": true });
        old.insert_many(many).await.unwrap();
        new.insert_one(doc! { "_id": 0, "old": false })
            .await
            .unwrap();
        let tries = AtomicU32::new(0);
        let slow = || async {
            tries.fetch_add(1, Ordering::SeqCst);
            let slowly = doc! { "$where": "sleep(5) || true" };
            old.find(slowly).await?.try_collect::<Vec<_>>().await
        };
        let database = store.database().name();
        let rename = doc! {
            "renameCollection": format!("{database}.new"),
            "to": format!("{database}.old"),
            "dropTarget": true,
        };
        let admin = store.database().client().database("admin");
        let switch = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            admin.run_command(rename).await
        };
        let (found, retry_after_switch) = tokio::join!(retry_after_switch(slow), switch);
        retry_after_switch.unwrap();
        let found = found.unwrap();
        assert_eq!(tries.load(Ordering::SeqCst), 2);
        assert_eq!(found, [doc! { "_id": 0, "old": false }]);
    }
}
