//! How the server is configured.

use api::Config;
use dioxus::prelude::*;

use super::reads;
use crate::{browser::format, client};

/// The server's configuration, once it has come.
pub static CONFIG: GlobalSignal<Option<Config>> = Signal::global(|| None);

/// Reads it, however long that takes.
pub async fn load() {
    let config = reads::patiently(client::config).await;
    if let Ok(config) = config {
        if config.currency != "USD" {
            format::set_currency(&config.currency);
        }
        *CONFIG.write() = Some(config);
    }
}
