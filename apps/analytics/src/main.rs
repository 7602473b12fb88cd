//! The analytics service in a process of its own.

use std::{process::ExitCode, sync::Arc};

#[tokio::main]
async fn main() -> ExitCode {
    let ended = runtime::launch_on_log("analytics", async |runtime| {
        Ok(vec![
            Arc::new(analytics::Analytics::start(&runtime)) as Arc<dyn httpkit::Service>
        ])
    });
    runtime::exit_code(ended.await)
}
