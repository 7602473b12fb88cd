//! MongoDB as a store of documents.

mod documents;
pub(crate) mod errors;
mod guarantees;
pub(crate) mod records;
mod write;

use mongodb::{
    Client, Database,
    bson::doc,
    event::{EventHandler, cmap::CmapEvent, sdam::SdamEvent},
    options::{ClientOptions, ServerAddress},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

use crate::{
    ReadError, ReadStoreError,
    store::{READ_BOUND, StoreResult},
};
use errors::{CURSOR_NOT_FOUND, MONGODB, QUERY_PLAN_KILLED, code};

/// Time limit for finding a server. Reads must fail within 2 s.
const SELECTION: Duration = Duration::from_millis(1_500);
/// Time limit for one command of a runner. It may be large, and every caller that waits for it has
/// a limit of its own.
const WRITE_BOUND: Duration = Duration::from_secs(10);

/// The database of the read models. Clones share one pool of connections.
#[derive(Clone, Debug)]
pub struct MongoStore {
    database: Database,
    faults: watch::Receiver<u64>,
}

impl MongoStore {
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

    /// Runs a read within its time limit.
    async fn read<T, F>(&self, operation: F) -> Result<T, ReadError>
    where
        F: IntoFuture<Output = mongodb::error::Result<T>>,
    {
        match tokio::time::timeout(READ_BOUND, operation.into_future()).await {
            Ok(result) => Ok(result?),
            Err(_) => Err(ReadError::unavailable("MongoDB did not answer in time")),
        }
    }

    /// Runs one step of a runner within its time limit.
    async fn bounded<T, F>(&self, operation: F) -> StoreResult<T>
    where
        F: IntoFuture<Output = mongodb::error::Result<T>>,
    {
        tokio::time::timeout(WRITE_BOUND, operation.into_future())
            .await
            .map_err(|_| ReadStoreError::Slow { store: MONGODB })?
            .map_err(ReadStoreError::from)
    }
}

/// Runs a query, and repeats it once if a rebuild replaced its collection in the meantime.
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
    use mongodb::bson::Document;
    use std::sync::atomic::{AtomicU32, Ordering};
    use testkit::Mongo;

    #[tokio::test]
    async fn a_query_whose_collection_is_switched_under_it_is_made_again() {
        let mongo = Mongo::database().await;
        let store = MongoStore::connect(mongo.uri(), mongo.name())
            .await
            .unwrap();
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

    crate::read_store_contract!(async {
        let mongo = Mongo::database().await;
        let store = MongoStore::connect(mongo.uri(), mongo.name()).await;
        (mongo, store.unwrap())
    });
}
