//! disintegrate-postgres: no aggregates, but decisions on what a query finds.

use anyhow::{Result, bail};
use disintegrate::{
    DecisionError, EventSourcedStateStore, EventStore as _, LoadState as _, NoSnapshot,
    serde::json::Json,
};
use disintegrate_postgres::{
    Error, PgDecisionMaker, PgEventId, PgEventStore, PgSnapshotter, WithPgSnapshot, decision_maker,
};
use futures_util::future::BoxFuture;
use std::sync::Arc;

use super::{Accounts, Commands, Tried, pool::Database, postgres_es::SNAPSHOT_EVERY};
use crate::account::{Account, AccountEvent, Command, OPENING};

type Events = PgEventStore<AccountEvent, Json<AccountEvent>>;
type Maker<Snapshots> = PgDecisionMaker<AccountEvent, Json<AccountEvent>, Snapshots>;

/// Events of one insert while filling.
const CHUNK: usize = 500;

/// PostgreSQL's word for "these transactions can't have run one after another".
const NOT_SERIALIZABLE: &str = "40001";

/// Accounts as the states of decisions.
pub struct Decisions {
    database: Database,
    events: Events,
    maker: How,
}

enum How {
    Replaying(Maker<NoSnapshot>),
    Snapshotting(Maker<WithPgSnapshot>, WithPgSnapshot),
}

impl Decisions {
    /// Creates its tables and functions, once.
    ///
    /// One function has a hexadecimal number, which PostgreSQL before version 16 refuses. Debian has
    /// version 15, so the function is stored unchecked and then replaced by itself, with the same
    /// number in decimal.
    pub async fn initialize(database: &Database) -> Result<()> {
        let unchecked = ("check_function_bodies", "off");
        let pool = database.pool_with(&[unchecked]).await?;
        let serde = Json::<AccountEvent>::default();
        PgEventStore::try_new(pool.clone(), serde).await?;
        let stored = "SELECT pg_get_functiondef('event_store_begin_epoch'::regproc)";
        let function: String = sqlx::query_scalar(stored).fetch_one(&pool).await?;
        let decimal = function.replace("0xFFFFFFFF", "4294967295");
        sqlx::query(&decimal).execute(&pool).await?;
        pool.close().await;
        Ok(())
    }

    /// Reads every event of the account for every decision.
    pub async fn open(database: &Database) -> Result<Self> {
        let pool = database.pool().await?;
        let events = PgEventStore::new_uninitialized(pool, Json::default());
        let maker = How::Replaying(decision_maker(events.clone(), NoSnapshot));
        Ok(Self {
            database: database.clone(),
            events,
            maker,
        })
    }

    /// Reads the last snapshot and the events after it.
    pub async fn with_snapshots(database: &Database) -> Result<Self> {
        let pool = database.pool().await?;
        let every = SNAPSHOT_EVERY as u64;
        let snapshots = WithPgSnapshot::new(PgSnapshotter::try_new(pool.clone(), every).await?);
        let events = PgEventStore::new_uninitialized(pool, Json::default());
        let maker = decision_maker(events.clone(), snapshots.clone());
        Ok(Self {
            database: database.clone(),
            events,
            maker: How::Snapshotting(maker, snapshots),
        })
    }

    async fn make(&self, command: &Command) -> Result<Tried> {
        let made = match &self.maker {
            How::Replaying(maker) => maker.make(command.clone()).await.map(drop),
            How::Snapshotting(maker, _) => maker.make(command.clone()).await.map(drop),
        };
        match made {
            Ok(()) => Ok(Tried::Effective),
            Err(DecisionError::StateStore(error)) if is_conflict(&*error) => Ok(Tried::Conflict),
            Err(error) => bail!("{error}"),
        }
    }
}

/// Its own check found newer events, or the database found that the transaction is not
/// serializable: at the commit, which it reports as the former, or at an earlier statement.
fn is_conflict(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    match error.downcast_ref() {
        Some(Error::Concurrency) => true,
        Some(Error::Database(sqlx::Error::Database(error))) => {
            error.code().is_some_and(|code| code == NOT_SERIALIZABLE)
        }
        _ => false,
    }
}

impl Commands for Decisions {
    fn attempt<'a>(&'a self, command: &'a Command) -> BoxFuture<'a, Result<Tried>> {
        Box::pin(self.make(command))
    }
}

impl Accounts for Decisions {
    fn load<'a>(&'a self, account: &'a str) -> BoxFuture<'a, Result<Account>> {
        Box::pin(async move {
            let (events, unopened) = (self.events.clone(), Account::unopened(account));
            let loaded = match &self.maker {
                How::Replaying(_) => {
                    let states =
                        EventSourcedStateStore::<PgEventId, _, _, _>::new(events, NoSnapshot);
                    states.load(unopened).await
                }
                How::Snapshotting(_, snapshots) => {
                    let states = EventSourcedStateStore::new(events, snapshots.clone());
                    states.load(unopened).await
                }
            };
            match loaded {
                Ok(loaded) => Ok(loaded.state().clone()),
                Err(error) => bail!("{error}"),
            }
        })
    }

    fn reopened(&self) -> BoxFuture<'_, Result<Arc<dyn Accounts>>> {
        Box::pin(async {
            let again = match &self.maker {
                How::Replaying(_) => Self::open(&self.database).await?,
                How::Snapshotting(..) => Self::with_snapshots(&self.database).await?,
            };
            Ok(Arc::new(again) as Arc<dyn Accounts>)
        })
    }

    fn replaying(&self) -> BoxFuture<'_, Result<Arc<dyn Accounts>>> {
        Box::pin(async {
            let again = Self::open(&self.database).await?;
            Ok(Arc::new(again) as Arc<dyn Accounts>)
        })
    }

    /// Inserts of many events each; then one load, which leaves the snapshot.
    fn fill<'a>(&'a self, account: &'a str, events: u64) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let opened = AccountEvent::Opened {
                account: account.to_owned(),
                cents: OPENING,
            };
            let mut all = vec![opened];
            all.resize(usize::try_from(events)?, AccountEvent::withdrawn(account));
            for some in all.chunks(CHUNK) {
                self.events.append_without_validation(some.to_vec()).await?;
            }
            self.load(account).await?;
            Ok(())
        })
    }
}
