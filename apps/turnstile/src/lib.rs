//! The marketplace, as one process behind one port or as one process per service, and the tool for
//! operators and analysts.

// It panics when the reader is gone or the disk is full; `commands::output` reports both.
#![deny(clippy::print_stdout)]

mod assets;
mod cli;
mod commands;
mod serve;

use clap::Parser;
use std::process::ExitCode;

/// Runs the command line of this process.
///
/// Without a command it prints the help. It does not serve: with the address of production in the
/// environment, a user who tries the program would run all workers there.
pub async fn run() -> ExitCode {
    let cli = cli::Cli::parse();
    match Box::pin(cli.command.run(&cli.servers)).await {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            if !error.is_silent() {
                eprintln!("turnstile: {error}");
                if let Some(hint) = error.hint() {
                    eprintln!("{hint}");
                }
            }
            error.exit_code()
        }
    }
}
