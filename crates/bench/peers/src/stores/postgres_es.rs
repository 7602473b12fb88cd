//! postgres-es: the same framework as this project's event store, on PostgreSQL.

use anyhow::{Result, bail, ensure};
use cqrs_es::{
    AggregateError, CqrsFramework, EventStore as _,
    persist::{EventStoreAggregateContext, PersistedEventStore},
};
use futures_util::future::BoxFuture;
use postgres_es::{PostgresCqrs, PostgresEventRepository};
use std::{collections::HashMap, sync::Arc};

use super::{Accounts, Commands, Tried, pool::Database};
use crate::account::{Account, AccountEvent, Command, OPENING, Refusal};

/// The tables of its documentation (`db/init.sql`).
const TABLES: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS events (
        aggregate_type text NOT NULL,
        aggregate_id text NOT NULL,
        sequence bigint CHECK (sequence >= 0) NOT NULL,
        event_type text NOT NULL,
        event_version text NOT NULL,
        payload json NOT NULL,
        metadata json NOT NULL,
        PRIMARY KEY (aggregate_type, aggregate_id, sequence)
    )",
    "CREATE TABLE IF NOT EXISTS snapshots (
        aggregate_type text NOT NULL,
        aggregate_id text NOT NULL,
        last_sequence bigint CHECK (last_sequence >= 0) NOT NULL,
        current_snapshot bigint CHECK (current_snapshot >= 0) NOT NULL,
        payload json NOT NULL,
        PRIMARY KEY (aggregate_type, aggregate_id, last_sequence)
    )",
];

/// Events between two snapshots.
pub const SNAPSHOT_EVERY: usize = 100;

type Persisted = PersistedEventStore<PostgresEventRepository, Account>;

/// Accounts in the table `events`, with or without snapshots.
pub struct PostgresEs {
    database: Database,
    repository: fn(PostgresEventRepository) -> Persisted,
    cqrs: PostgresCqrs<Account>,
    /// For loading without a command.
    store: Persisted,
}

impl PostgresEs {
    /// Reads every event for every command.
    pub async fn open(database: &Database) -> Result<Self> {
        Self::open_as(database, PersistedEventStore::new_event_store).await
    }

    /// Reads the last snapshot and the events after it.
    pub async fn with_snapshots(database: &Database) -> Result<Self> {
        Self::open_as(database, |repository| {
            PersistedEventStore::new_snapshot_store(repository, SNAPSHOT_EVERY)
        })
        .await
    }

    async fn open_as(
        database: &Database,
        repository: fn(PostgresEventRepository) -> Persisted,
    ) -> Result<Self> {
        let pool = database.pool().await?;
        for table in TABLES {
            sqlx::query(table).execute(&pool).await?;
        }
        let persisted = |pool| repository(PostgresEventRepository::new(pool));
        Ok(Self {
            database: database.clone(),
            repository,
            cqrs: CqrsFramework::new(persisted(pool.clone()), Vec::new(), ()),
            store: persisted(pool),
        })
    }

    async fn execute(&self, command: &Command) -> Result<Tried> {
        // What the other store of cqrs-es keeps with each commit.
        let metadata = HashMap::from([
            ("command_id".to_owned(), command.id.to_string()),
            ("correlation_id".to_owned(), command.id.to_string()),
            ("actor".to_owned(), "bench".to_owned()),
            ("time".to_owned(), command.time.to_rfc3339()),
        ]);
        let executed = self
            .cqrs
            .execute_with_metadata(&command.account, command.clone(), metadata)
            .await;
        match executed {
            Ok(()) => Ok(Tried::Effective),
            Err(AggregateError::AggregateConflict) => Ok(Tried::Conflict),
            Err(error) => bail!("{error}"),
        }
    }

    async fn context(
        &self,
        account: &str,
    ) -> Result<EventStoreAggregateContext<Account>, AggregateError<Refusal>> {
        self.store.load_aggregate(account).await
    }
}

impl Commands for PostgresEs {
    fn attempt<'a>(&'a self, command: &'a Command) -> BoxFuture<'a, Result<Tried>> {
        Box::pin(self.execute(command))
    }
}

impl Accounts for PostgresEs {
    fn load<'a>(&'a self, account: &'a str) -> BoxFuture<'a, Result<Account>> {
        Box::pin(async move {
            let context = self.context(account).await?;
            let (counted, state) = (context.current_sequence, context.aggregate);
            ensure!(
                counted as u64 == state.version(),
                "{counted} events: {state:?}"
            );
            Ok(state)
        })
    }

    fn reopened(&self) -> BoxFuture<'_, Result<Arc<dyn Accounts>>> {
        Box::pin(async {
            let again = Self::open_as(&self.database, self.repository).await?;
            Ok(Arc::new(again) as Arc<dyn Accounts>)
        })
    }

    /// cqrs-es 0.5.0 applies the events of a command twice to the snapshot that it stores with them:
    /// once for `Aggregate::handle`, once for the commit. So the state of a snapshot that a command
    /// left is wrong, and only the events tell what is stored.
    fn replaying(&self) -> BoxFuture<'_, Result<Arc<dyn Accounts>>> {
        Box::pin(async {
            let again = Self::open(&self.database).await?;
            Ok(Arc::new(again) as Arc<dyn Accounts>)
        })
    }

    /// Commits of many events each: rows are the same, and snapshots are where single commands
    /// leave them.
    fn fill<'a>(&'a self, account: &'a str, events: u64) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let opened = AccountEvent::Opened {
                account: account.to_owned(),
                cents: OPENING,
            };
            let withdrawn = AccountEvent::withdrawn(account);
            let mut all = vec![opened];
            all.resize(usize::try_from(events)?, withdrawn);
            for some in all.chunks(SNAPSHOT_EVERY) {
                let context = self.context(account).await?;
                let metadata = HashMap::new();
                self.store.commit(some.to_vec(), context, metadata).await?;
            }
            Ok(())
        })
    }
}
