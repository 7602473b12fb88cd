//! The whole marketplace in one process behind one port, and the tool of those who run it.

mod cli;
mod commands;
mod serve;
mod web;

use clap::Parser;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match cli::Cli::parse().command.unwrap_or(cli::Command::Serve) {
        cli::Command::Serve => host::exit_code(serve::serve().await),
        command => match Box::pin(commands::run(command)).await {
            Ok(outcome) => outcome.into(),
            Err(error) => {
                eprintln!("turnstile: {error}");
                ExitCode::from(2)
            }
        },
    }
}
