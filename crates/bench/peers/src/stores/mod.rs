//! The stores that are compared, each behind the same trait, used as its documentation shows.

pub mod decisions;
pub mod ours;
pub mod pool;
pub mod postgres_es;
pub mod raw;

use anyhow::Result;
use futures_util::future::BoxFuture;
use std::sync::Arc;

use crate::account::{Account, Command};

/// The outcome of one try of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// It is stored, and the store has acknowledged that.
    Effective,
    /// Another command was faster, and nothing is stored: the caller tries it again.
    Conflict,
}

/// What accepts commands.
pub trait Commands: Send + Sync {
    /// Tries a command once.
    ///
    /// # Errors
    /// When it is refused, or the store fails.
    fn attempt<'a>(&'a self, command: &'a Command) -> BoxFuture<'a, Result<Tried>>;
}

/// An event store with accounts.
pub trait Accounts: Commands {
    /// The account as the store has it now.
    fn load<'a>(&'a self, account: &'a str) -> BoxFuture<'a, Result<Account>>;

    /// The same store in the state of a process that has just started: with new connections, and
    /// nothing in memory.
    fn reopened(&self) -> BoxFuture<'_, Result<Arc<dyn Accounts>>>;

    /// The same, but it reads every event of an account, and no snapshot.
    fn replaying(&self) -> BoxFuture<'_, Result<Arc<dyn Accounts>>> {
        self.reopened()
    }

    /// Opens an account and stores withdrawals of one cent, up to this number of events; in the
    /// fastest way that leaves the same in the store as one command after another.
    fn fill<'a>(&'a self, account: &'a str, events: u64) -> BoxFuture<'a, Result<()>>;
}
