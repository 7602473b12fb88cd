//! The payments service in a process of its own.

use std::{process::ExitCode, sync::Arc};

#[tokio::main]
async fn main() -> ExitCode {
    let ended = host::launch("payments", None, async |host| {
        Ok(vec![
            Arc::new(payments::Payments::start(&host).await?) as Arc<dyn httpkit::Service>
        ])
    });
    host::exit_code(ended.await)
}
