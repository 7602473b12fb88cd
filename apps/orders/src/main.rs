//! The orders service in a process of its own.

use std::{process::ExitCode, sync::Arc};

#[tokio::main]
async fn main() -> ExitCode {
    let ended = runtime::launch("orders", None, async |runtime| {
        Ok(vec![
            Arc::new(orders::Orders::start(&runtime).await?) as Arc<dyn httpkit::Service>
        ])
    });
    runtime::exit_code(ended.await)
}
