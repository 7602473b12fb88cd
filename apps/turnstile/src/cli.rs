//! The command line.

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::{
    commands::{
        CliError, ExitOutcome, Servers, backup, completions, config, dead_letters, events, export,
        history, import, keys, mongodb_init, projections, reconcile, replay, report, simulate,
        state, streams, tickets, users, verify,
    },
    serve,
};

/// Serve, operate and analyze the ticket marketplace.
///
/// Configuration is by environment variables; `turnstile config` lists them.
#[derive(Debug, Parser)]
#[command(
    version = runtime::version(),
    after_help = "Exit codes:
  0  success
  1  a check found problems
  2  the command failed
  3  the log is damaged: an entry is unreadable or missing; the message names it
  4  NATS or MongoDB can't be reached, or the connection was lost

Commands only read the marketplace, except `serve`, `import`, `simulate`, `reconcile`,
`projections rebuild`, `pause` and `resume`, `dead-letters retry` and `drop`, `users grant` and
`revoke`, `keys rotate` and `retire`, `streams init` and `migrate`, `restore`, and `mongodb-init`."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub servers: Servers,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(serve::ServeArgs),
    MongodbInit(mongodb_init::MongodbInitArgs),
    Config(config::ConfigArgs),
    Reconcile(reconcile::ReconcileArgs),
    Verify(verify::VerifyArgs),
    /// List, show and follow the events of the log
    #[command(subcommand)]
    Events(events::EventsCommand),
    Export(export::ExportArgs),
    Import(import::ImportArgs),
    Simulate(simulate::SimulateArgs),
    History(history::HistoryArgs),
    State(state::StateArgs),
    Tickets(tickets::TicketsArgs),
    Replay(replay::ReplayArgs),
    Report(report::ReportArgs),
    Completions(completions::CompletionsArgs),
    /// List, retry or drop messages that a worker could not handle
    #[command(subcommand)]
    DeadLetters(dead_letters::DeadLettersCommand),
    /// Set up the streams of the log
    #[command(subcommand)]
    Streams(streams::StreamsCommand),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    /// Inspect, rebuild, pause and resume read models
    #[command(subcommand)]
    Projections(projections::ProjectionsCommand),
    /// Rotate and retire session keys
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// List accounts, grant and revoke roles
    #[command(subcommand)]
    Users(users::UsersCommand),
}

impl Command {
    /// Runs the command; `serve` runs until it is stopped.
    pub(crate) async fn run(self, servers: &Servers) -> Result<ExitOutcome, CliError> {
        match self {
            Self::Serve(args) => serve::serve(&args, servers).await?,
            Self::Config(args) => config::run(args)?,
            Self::Reconcile(args) => return reconcile::run(args, &servers.runtime().await?).await,
            Self::Verify(args) => return verify::run(args, servers).await,
            Self::DeadLetters(command) => dead_letters::run(command, servers).await?,
            Self::Projections(command) => projections::run(command, servers).await?,
            Self::Keys(command) => keys::run(command, servers).await?,
            Self::Users(command) => users::run(command, servers).await?,
            Self::Events(command) => events::run(command, servers).await?,
            Self::Export(args) => export::run(args, servers).await?,
            Self::Import(args) => import::run(args, servers).await?,
            Self::Simulate(args) => simulate::run(args, servers).await?,
            Self::History(args) => history::run(args, servers).await?,
            Self::State(args) => state::run(args, servers).await?,
            Self::Tickets(args) => tickets::run(args, servers).await?,
            Self::Replay(args) => replay::run(args, servers).await?,
            Self::Report(args) => report::run(args, servers).await?,
            Self::Streams(command) => return streams::run(command, servers).await,
            Self::Backup(args) => backup::run(args, servers).await?,
            Self::Restore(args) => backup::restore(args, servers).await?,
            Self::MongodbInit(args) => mongodb_init::run(args, servers).await?,
            Self::Completions(args) => completions::run(&args, &mut Cli::command())?,
        }
        Ok(ExitOutcome::Clean)
    }
}
