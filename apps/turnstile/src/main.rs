//! The whole marketplace in one process behind one port, and the tool of those who run it.

// It panics where nobody reads any more, or nothing more fits; `commands::output::say` tells.
#![deny(clippy::print_stdout)]

mod assets;
mod cli;
mod commands;
mod serve;
mod web;

use clap::Parser;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    // Without a command it says what there is. It served once, and whoever only wanted to see what it
    // is, with the address of production in the environment, had all workers run there.
    let cli = cli::Cli::parse();
    match cli.command {
        cli::Command::Serve => runtime::exit_code(serve::serve(&cli.servers).await),
        cli::Command::Web => runtime::exit_code(web::serve().await),
        command => match Box::pin(commands::run(command, &cli.servers)).await {
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
        },
    }
}
