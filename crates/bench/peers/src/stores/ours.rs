//! This project's event store.

use anyhow::{Context, Result, bail, ensure};
use eventstore::{
    CommandError, Expectation, Log, LogConfig, Metadata, Store, StoreError, StreamName,
};
use futures_util::future::BoxFuture;
use std::sync::Arc;

use super::{Accounts, Commands, Tried};
use crate::account::{Account, Command, OPENING, What};

const ACCOUNTS: StreamName = StreamName::new("ACCOUNTS");
/// How often a command whose outcome is unknown is repeated under its id.
const REPEATS: u32 = 20;

/// Accounts in a stream.
pub struct Ours {
    url: String,
    log: Log,
    accounts: Store<Account>,
}

impl Ours {
    /// Opens the log in its default configuration.
    pub async fn open(url: &str) -> Result<Self> {
        let log = Log::open(LogConfig {
            url: url.to_owned(),
            event_streams: vec![ACCOUNTS],
            ..LogConfig::default()
        })
        .await?;
        let accounts = log.store(ACCOUNTS);
        let url = url.to_owned();
        Ok(Self { url, log, accounts })
    }

    async fn execute(&self, command: &Command) -> Result<Tried> {
        let request = command.id.to_string();
        let metadata = Metadata::of_request(command.id, request, "bench", command.time);
        // What a caller that has just made up the id knows.
        let hint = if command.is_first() {
            Expectation::LikelyNew
        } else {
            Expectation::Unknown
        };
        let mut repeats = 0;
        loop {
            let executed = self
                .accounts
                .execute(&command.account, command.clone(), &metadata, hint)
                .await;
            match executed {
                Ok(_) => return Ok(Tried::Effective),
                Err(CommandError::Failed(StoreError::Conflict { .. })) => {
                    return Ok(Tried::Conflict);
                }
                // No answer in time: it takes effect once, however often it is repeated.
                Err(CommandError::Failed(StoreError::Unavailable { .. })) if repeats < REPEATS => {
                    repeats += 1;
                }
                Err(error) => bail!("{error}"),
            }
        }
    }
}

impl Commands for Ours {
    fn attempt<'a>(&'a self, command: &'a Command) -> BoxFuture<'a, Result<Tried>> {
        Box::pin(self.execute(command))
    }
}

impl Accounts for Ours {
    fn load<'a>(&'a self, account: &'a str) -> BoxFuture<'a, Result<Account>> {
        Box::pin(async move {
            let loaded = self.accounts.load(account).await?;
            let (counted, state) = (loaded.version(), loaded.state());
            ensure!(counted == state.version(), "{counted} events: {state:?}");
            Ok(state.clone())
        })
    }

    fn reopened(&self) -> BoxFuture<'_, Result<Arc<dyn Accounts>>> {
        Box::pin(async {
            let again = Self::open(&self.url).await?;
            Ok(Arc::new(again) as Arc<dyn Accounts>)
        })
    }

    /// One commit per event, as commands that come one after another leave them.
    fn fill<'a>(&'a self, account: &'a str, events: u64) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let open = Command::new(account, What::Open { cents: OPENING });
            self.execute(&open).await?;
            for _ in 1..events {
                let withdraw = Command::new(account, What::Withdraw { cents: 1 });
                let tried = self.execute(&withdraw).await.context("while filling")?;
                ensure!(tried == Tried::Effective, "another writer while filling");
            }
            Ok(())
        })
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        let log = self.log.clone();
        tokio::spawn(async move { log.close().await });
    }
}
