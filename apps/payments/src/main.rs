//! The payments service in a process of its own.

use std::{process::ExitCode, sync::Arc};

#[tokio::main]
async fn main() -> ExitCode {
    let check = |config: &httpkit::Config| config.payments_to_serve().map(drop);
    let ended = host::launch_checked("payments", check, async |host| {
        Ok(vec![
            Arc::new(payments::Payments::start(&host).await?) as Arc<dyn httpkit::Service>
        ])
    });
    host::exit_code(ended.await)
}
