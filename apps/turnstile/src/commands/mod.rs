//! Everything that isn't serving: each command connects, does its work and ends.

mod config;
mod dead_letters;
mod projections;
mod reconcile;
mod verify;

use host::{Host, StartError};
use httpkit::config::{Config, ConfigError};
use std::{process::ExitCode, time::Duration};

use crate::cli::Command;

/// How long to wait for the log and the database.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a command ended that could be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All is well.
    Well,
    /// Something was found that isn't.
    Found,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Well => Self::SUCCESS,
            Outcome::Found => Self::from(1),
        }
    }
}

/// A command could not be carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Log(#[from] eventstore::StoreError),
    #[error("{0}")]
    Failed(String),
}

pub(crate) async fn run(command: Command) -> Result<Outcome, CommandError> {
    match command {
        Command::Serve => Ok(Outcome::Well),
        Command::Config { markdown } => Ok(config::run(markdown)),
        Command::Reconcile => reconcile::run(&connect().await?).await,
        Command::Verify => verify::run(&connect().await?).await,
        Command::DeadLetters(command) => dead_letters::run(command, &connect().await?).await,
        Command::Projections(command) => projections::run(command, &connect().await?).await,
    }
}

/// Connects as the services do, from the same environment.
async fn connect() -> Result<Host, CommandError> {
    let host = Host::prepare(Config::from_env()?, "turnstile-cli").await?;
    let Ok(arrived) = tokio::time::timeout(PATIENCE, host.arrive()).await else {
        let missing: Vec<_> = host
            .gate
            .missing()
            .iter()
            .map(|m| format!("{} ({})", m.name, m.reason))
            .collect();
        return Err(CommandError::Failed(format!(
            "no answer within {PATIENCE:?} from {}; check NATS_URL and MONGODB_URI",
            missing.join(", ")
        )));
    };
    arrived?;
    Ok(host)
}
