//! The command line.

use clap::{Parser, Subcommand};

use crate::commands::{
    Servers, completions::CompletionsArgs, events::EventsCommand, history::HistoryArgs,
    mongodb_init::MongodbInitArgs, replay::ReplayArgs, state::StateArgs, tickets_at::TicketsArgs,
    verify::VerifyArgs,
};

/// The ticket marketplace: serves it, looks after it, and answers questions from its log.
///
/// Everything is configured by environment variables; `turnstile config` lists them.
#[derive(Debug, Parser)]
#[command(
    version = host::version(),
    after_help = "Exit codes:
  0  all is well
  1  something was found that is not
  2  the command could not be carried out
  3  the log holds something that can't be read, or lacks something; the message names the place
  4  NATS or MongoDB can't be reached, or was lost on the way

All commands only read, but for `serve`, `reconcile`, `projections rebuild`, `pause` and `resume`,
and `dead-letters retry` and `drop`."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub servers: Servers,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the API and run all workers (the default)
    Serve,
    /// Serve the web app and the description of the API alone, for a deployment in which each
    /// service runs on its own
    Web,
    MongodbInit(MongodbInitArgs),
    /// List every environment variable, with its default and what is allowed
    Config {
        /// As a Markdown table, for the documentation
        #[arg(long)]
        markdown: bool,
    },
    /// Compare every payment in the log with the provider's books; exit code 1 if they differ
    Reconcile,
    Verify(VerifyArgs),
    /// Look at the events of the log
    #[command(subcommand)]
    Events(EventsCommand),
    History(HistoryArgs),
    State(StateArgs),
    Tickets(TicketsArgs),
    Replay(ReplayArgs),
    Completions(CompletionsArgs),
    /// Messages that a worker could not handle
    #[command(subcommand)]
    DeadLetters(DeadLetters),
    /// Read models
    #[command(subcommand)]
    Projections(Projections),
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLetters {
    /// List those that wait for a decision, one JSON object a line
    Ls,
    /// Let the worker try one again, or all of them
    Retry(Which),
    /// Give one up, or all of them: their messages are never handled
    Drop(Which),
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// The dead letter's number, from `ls`
    pub id: Option<u64>,
    /// Every one that is listed
    #[arg(long)]
    pub all: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Projections {
    /// Build a read model anew beside the one that serves, then switch to it
    Rebuild {
        /// Which one
        name: ProjectionName,
    },
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum ProjectionName {
    /// What is for sale, and every ticket
    Tickets,
    /// Everybody's orders
    Orders,
    /// Where an order is, for the payments service
    PayableOrders,
}
