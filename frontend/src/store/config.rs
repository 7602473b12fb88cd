//! How the server is configured.

use dioxus::prelude::*;

use super::live;
use super::reads::{self, Trouble};
use super::tasks::use_task;
use crate::browser::format;
use crate::client::{self, Settings};

/// The server's configuration, once it has come.
pub static CONFIG: GlobalSignal<Option<Settings>> = Signal::global(|| None);

/// Why it hasn't, once that takes long.
pub static TROUBLE: GlobalSignal<Trouble> = Signal::global(|| None);

/// How long an order holds its ticket, in seconds, if that is known.
pub fn hold_seconds() -> Option<u64> {
    let settings = CONFIG.read();
    settings.as_ref().map(|known| known.config.hold_seconds)
}

/// Reads it, however long that takes.
pub fn use_loaded() {
    use_task(|| {
        live::follow_refresh();
        Box::pin(async {
            if CONFIG.peek().is_none() {
                load().await;
            }
        })
    });
}

async fn load() {
    let settings = reads::patiently(client::config, |failure| {
        *TROUBLE.write() = Some(failure);
    });
    let settings = settings.await;
    *TROUBLE.write() = settings.as_ref().err().cloned();
    if let Ok(settings) = settings {
        if settings.config.currency != "USD" {
            format::set_currency(&settings.config.currency);
        }
        *CONFIG.write() = Some(settings);
    }
}
