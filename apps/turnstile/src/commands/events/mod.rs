//! `turnstile events`: the log itself.

mod columns;
mod filter;
mod layout;
mod ls;
mod newest;
pub(super) mod raw;
mod row;
mod show;
mod tail;

use super::{CliError, Servers};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum EventsCommand {
    Ls(ls::LsArgs),
    Tail(tail::TailArgs),
    Show(show::ShowArgs),
}

pub(crate) async fn run(command: EventsCommand, servers: &Servers) -> Result<(), CliError> {
    match command {
        EventsCommand::Ls(args) => ls::run(args, servers).await,
        EventsCommand::Tail(args) => tail::run(args, servers).await,
        EventsCommand::Show(args) => show::run(args, servers).await,
    }
}
