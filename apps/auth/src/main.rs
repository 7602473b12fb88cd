//! The auth service in a process of its own.

use std::{process::ExitCode, sync::Arc};

#[tokio::main]
async fn main() -> ExitCode {
    let ended = runtime::launch_on_log("auth", async |runtime| {
        Ok(vec![
            Arc::new(auth::Auth::start(&runtime).await?) as Arc<dyn httpkit::Service>
        ])
    });
    runtime::exit_code(ended.await)
}
