//! Measures Turnstile and the raw limits of what it is built on; `cargo xtask bench` builds and
//! runs it.
//!
//! A figure alone means little on a shared machine, so every figure has a companion from the same
//! minute: the rate of actix-web, JetStream or MongoDB with nothing in between. The two take turns
//! in short rounds, and the *ratio* is what has a target.
//! short rounds, and the *ratio* is what has a target.

mod context;
mod cpu;
mod export;
mod fill;
mod http;
mod load;
mod machine;
mod orders;
mod raw_http;
mod raw_publish;
mod raw_upserts;
mod reads;
mod rebuild;
mod replay;
mod report;
mod rounds;
mod run;
mod sample;
mod servers;
mod site;
mod start;
mod tickets;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// The same allocator as the server's; otherwise the limits would be too low.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(name = "bench")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the measurements and print the results.
    Run(run::Options),
    /// Serve fixed bytes from memory: the limit for reads. A separate process, so that it gets the
    /// same share of the machine as the server.
    RawHttp(raw_http::Options),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(options) => run::run(&options),
        Command::RawHttp(options) => raw_http::serve(&options).map(|()| ExitCode::SUCCESS),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
