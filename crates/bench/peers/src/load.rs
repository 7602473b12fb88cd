//! Sixty-four callers at once, each with its next command after the previous one is acknowledged.

use anyhow::{Context, Result, ensure};
use rand::RngExt as _;
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use uuid::Uuid;

use crate::{
    account::{Command, OPENING, What},
    stores::{Accounts, Commands, Tried},
};

/// Callers at once.
pub const AT_ONCE: usize = 64;

/// When a round ends: whatever comes first.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub time: Duration,
    pub commands: u64,
}

/// One round of one store.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// Commands that were acknowledged.
    pub effective: u64,
    /// Their tries, and those of commands that were given up at the end.
    pub tries: u64,
    pub took: Duration,
    /// The one account, or the last one of each caller.
    accounts: BTreeSet<String>,
}

impl Sample {
    /// Acknowledged commands per second.
    #[allow(clippy::cast_precision_loss)]
    pub fn per_second(&self) -> f64 {
        self.effective as f64 / self.took.as_secs_f64()
    }
}

/// What a round does.
pub enum Work {
    /// Opens accounts, a new one with each command.
    OnNew(Arc<dyn Accounts>),
    /// Opens one account and withdraws from it with each command.
    OnOne(Arc<dyn Accounts>),
    /// The former, where nothing can be read back.
    Raw(Arc<dyn Commands>),
}

impl Work {
    /// Runs a round.
    pub async fn run(&self, limits: Limits) -> Result<Sample> {
        match self {
            Self::OnNew(store) => run(store.clone(), None, limits).await,
            Self::Raw(store) => run(store.clone(), None, limits).await,
            Self::OnOne(store) => {
                let account = Uuid::new_v4().to_string();
                let open = Command::new(&account, What::Open { cents: OPENING });
                ensure!(store.attempt(&open).await? == Tried::Effective);
                run(store.clone(), Some(&account), limits).await
            }
        }
    }

    /// Checks by a replay, with new connections, that every command that was acknowledged took effect, once: all
    /// of those on one account, or the last one of each caller.
    ///
    /// # Errors
    /// When the store has lost one or has one twice.
    pub async fn check(&self, sample: &Sample) -> Result<()> {
        let (store, withdrawals) = match self {
            Self::OnNew(store) => (store, 0),
            Self::OnOne(store) => (store, sample.effective),
            Self::Raw(_) => return Ok(()),
        };
        let replaying = store.replaying().await?;
        let left = OPENING - i64::try_from(withdrawals)?;
        for account in &sample.accounts {
            let found = replaying.load(account).await?;
            ensure!(
                found.version() == 1 + withdrawals && found.balance() == left,
                "an opening and {withdrawals} withdrawals were acknowledged; stored is {found:?}"
            );
        }
        Ok(())
    }
}

async fn run(store: Arc<dyn Commands>, one: Option<&str>, limits: Limits) -> Result<Sample> {
    let began = Instant::now();
    let end = began + limits.time;
    let left = Arc::new(AtomicU64::new(limits.commands));
    let callers: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let one = one.map(str::to_owned);
            tokio::spawn(call(store.clone(), one, left.clone(), end))
        })
        .collect();
    let mut all = Sample::default();
    for caller in callers {
        let sample = caller.await.context("a caller panicked")??;
        all.effective += sample.effective;
        all.tries += sample.tries;
        all.accounts.extend(sample.accounts);
    }
    all.took = began.elapsed();
    Ok(all)
}

async fn call(
    store: Arc<dyn Commands>,
    one: Option<String>,
    left: Arc<AtomicU64>,
    end: Instant,
) -> Result<Sample> {
    let mut sample = Sample::default();
    let take_one = |left: u64| left.checked_sub(1);
    while Instant::now() < end
        && left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take_one)
            .is_ok()
    {
        let command = match &one {
            Some(account) => Command::new(account, What::Withdraw { cents: 1 }),
            None => Command::new(&Uuid::new_v4().to_string(), What::Open { cents: OPENING }),
        };
        let mut conflicts = 0;
        loop {
            sample.tries += 1;
            if store.attempt(&command).await? == Tried::Effective {
                sample.effective += 1;
                sample.accounts = BTreeSet::from([command.account]);
                break;
            }
            if Instant::now() >= end {
                break;
            }
            conflicts += 1;
            pause(conflicts).await;
        }
    }
    Ok(sample)
}

/// At once after the first conflict, then after a random time that doubles up to 64 ms: what this
/// project's event store does by itself when other processes are faster.
async fn pause(conflicts: u32) {
    if conflicts > 1 {
        let millis = rand::rng().random_range(0..1 << conflicts.min(6));
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
}
