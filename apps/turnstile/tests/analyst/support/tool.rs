//! The program as a command line tool.

use testkit::Tool;

pub const TURNSTILE: &str = env!("CARGO_BIN_EXE_turnstile");

/// Runs the tool against a NATS server; `args` may name others.
pub async fn tool(nats: &str, args: &[&str]) -> Tool {
    let mut command = tokio::process::Command::new(TURNSTILE);
    command
        .args(args)
        .env("NATS_URL", nats)
        // A test that needs one names it; the developer's own must not be used.
        .env("MONGODB_URI", "mongodb://127.0.0.1:9");
    Tool::run(&mut command).await
}
