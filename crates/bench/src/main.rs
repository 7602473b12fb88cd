//! Measures Turnstile beside the raw limits of what it is built on; `cargo xtask bench` builds
//! and runs it.
//!
//! A figure alone says little on a shared machine, so every figure has a companion from the same
//! minute: what actix-web, JetStream or MongoDB do with nothing in between. The two take turns in
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

/// The same as the server's, or the limits would be lower than need be.
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
    /// Runs the measurements and prints what they found.
    Run(run::Options),
    /// Serves fixed bytes from memory: the limit that reads are measured against. A process of its
    /// own, so that it gets from the machine what the server gets.
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
