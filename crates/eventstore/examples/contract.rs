//! Looks whether a server keeps what this crate promises.
//!
//! `NATS_URL=nats://127.0.0.1:4222 cargo run --example contract --features testing`; with
//! `REPLICAS=3`, on a cluster, with as many copies. Ends with 1 if a promise isn't kept.

use eventstore::{LogConfig, contract};
use std::{env, error::Error, process::ExitCode, time::Duration};

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let url = env::var("NATS_URL").unwrap_or_else(|_| "nats://127.0.0.1:4222".to_owned());
    let replicas = env::var("REPLICAS").map_or(Ok(1), |replicas| replicas.parse())?;
    let config = LogConfig {
        url,
        replicas,
        // It is looked at what is promised, and not how fast.
        answer_timeout: Duration::from_secs(5),
        command_timeout: Duration::from_secs(30),
        ..LogConfig::default()
    };
    let mut broken = 0;
    for verdict in contract::check(config).await? {
        match verdict.result {
            Ok(()) => println!("kept    {}", verdict.promise),
            Err(why) => {
                broken += 1;
                println!("BROKEN  {}: {why}", verdict.promise);
            }
        }
    }
    if broken > 0 {
        println!("{broken} promises are broken");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
