//! The tickets service in a process of its own.

use std::{process::ExitCode, sync::Arc};

#[tokio::main]
async fn main() -> ExitCode {
    let ended = runtime::launch("tickets", None, async |runtime| {
        Ok(vec![
            Arc::new(tickets::Tickets::start(&runtime).await?) as Arc<dyn httpkit::Service>
        ])
    });
    runtime::exit_code(ended.await)
}
