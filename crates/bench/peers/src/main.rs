//! Measures the event store beside two others, `postgres-es` and `disintegrate-postgres`, on the
//! same aggregate; `cargo xtask bench --peers` builds and runs it.
//!
//! All take turns in short rounds in this one process, and the results are *ratios* of rounds that
//! are neighbors: a rate alone means little on a shared machine. A round fails if a command that was
//! acknowledged isn't in the store afterwards.

mod account;
mod cpu;
mod load;
mod machine;
mod postgres;
mod report;
mod run;
mod stores;

use clap::Parser;
use std::process::ExitCode;

/// The same allocator as the product's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(name = "bench-peers")]
struct Cli {
    #[command(flatten)]
    options: run::Options,
}

fn main() -> ExitCode {
    match run::run(&Cli::parse().options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
