//! The command line.

use clap::{Parser, Subcommand};

use crate::commands::{
    Servers,
    backup::{BackupArgs, RestoreArgs},
    completions::CompletionsArgs,
    config::ConfigArgs,
    dead_letters::DeadLettersCommand,
    events::EventsCommand,
    export::ExportArgs,
    history::HistoryArgs,
    import::ImportArgs,
    keys::KeysCommand,
    mongodb_init::MongodbInitArgs,
    projections::ProjectionsCommand,
    reconcile::ReconcileArgs,
    replay::ReplayArgs,
    report::ReportArgs,
    simulate::SimulateArgs,
    state::StateArgs,
    streams::StreamsCommand,
    tickets::TicketsArgs,
    users::UsersCommand,
    verify::VerifyArgs,
};

/// The ticket marketplace: serves it, looks after it, and answers questions from its log.
///
/// Everything is configured by environment variables; `turnstile config` lists them.
#[derive(Debug, Parser)]
#[command(
    version = runtime::version(),
    after_help = "Exit codes:
  0  all is well
  1  something was found that is not
  2  the command could not be carried out
  3  the log holds something that can't be read, or lacks something; the message names the place
  4  NATS or MongoDB can't be reached, or was lost on the way

All commands only read the marketplace, but for `serve`, `import`, `simulate`, `reconcile`,
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
    /// Serve the API and run all workers
    Serve,
    /// Serve the web app and the description of the API alone, for a deployment in which each
    /// service runs on its own
    Web,
    MongodbInit(MongodbInitArgs),
    Config(ConfigArgs),
    Reconcile(ReconcileArgs),
    Verify(VerifyArgs),
    /// Look at the events of the log
    #[command(subcommand)]
    Events(EventsCommand),
    Export(ExportArgs),
    Import(ImportArgs),
    Simulate(SimulateArgs),
    History(HistoryArgs),
    State(StateArgs),
    Tickets(TicketsArgs),
    Replay(ReplayArgs),
    Report(ReportArgs),
    Completions(CompletionsArgs),
    /// Messages that a worker could not handle
    #[command(subcommand)]
    DeadLetters(DeadLettersCommand),
    /// Streams of the log: how they are set up
    #[command(subcommand)]
    Streams(StreamsCommand),
    Backup(BackupArgs),
    Restore(RestoreArgs),
    /// Read models
    #[command(subcommand)]
    Projections(ProjectionsCommand),
    /// Session keys: rotate them without signing anybody out
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Who has an account, and who may see the figures of the whole market
    #[command(subcommand)]
    Users(UsersCommand),
}
