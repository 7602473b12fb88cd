//! The expiration service in a process of its own.

use std::{process::ExitCode, sync::Arc};

#[tokio::main]
async fn main() -> ExitCode {
    let ended = host::launch_on_log("expiration", async |host| {
        Ok(vec![
            Arc::new(expiration::Expiration::start(&host).await?) as Arc<dyn httpkit::Service>
        ])
    });
    host::exit_code(ended.await)
}
