//! The program `turnstile` as the next release.

use std::process::ExitCode;

/// The system's allocator took a quarter of the processor time of a server that is busy with
/// commands (`cargo xtask bench`, then `perf`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    turnstile::run().await
}
