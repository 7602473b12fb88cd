//! The payments service in a process of its own.

use std::{process::ExitCode, sync::Arc};

#[tokio::main]
async fn main() -> ExitCode {
    let check = |config: &httpkit::Config| config.payments_to_serve().map(drop);
    let ended = runtime::launch_checked("payments", check, async |runtime| {
        Ok(vec![
            Arc::new(payments::Payments::start(&runtime).await?) as Arc<dyn httpkit::Service>
        ])
    });
    runtime::exit_code(ended.await)
}
