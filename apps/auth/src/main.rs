//! The auth service in a process of its own.

use std::{process::ExitCode, sync::Arc};

#[tokio::main]
async fn main() -> ExitCode {
    let ended = host::launch_on_log("auth", async |host| {
        Ok(vec![
            Arc::new(auth::Auth::start(&host).await?) as Arc<dyn httpkit::Service>
        ])
    });
    host::exit_code(ended.await)
}
