//! How the server is configured.

use dioxus::prelude::*;

use super::reads::retry_until_online;
use super::requests::Api;
use super::tasks::use_task;
use crate::browser::format;
use crate::client::{self, Failure, Provider, Settings};

/// The server's configuration, once it has come.
#[derive(Clone, Copy)]
pub struct ConfigStore {
    settings: Signal<Option<Settings>>,
    /// Why it hasn't, once that takes long.
    failure: Signal<Option<Failure>>,
    api: Api,
}

impl ConfigStore {
    /// Not read yet.
    pub fn new(api: Api) -> Self {
        Self {
            settings: Signal::new(None),
            failure: Signal::new(None),
            api,
        }
    }

    /// Returns why it hasn't come, once that takes long, and follows that.
    pub fn failure(self) -> Option<Failure> {
        self.failure.cloned()
    }

    /// Returns what takes the payments, and follows it.
    pub fn provider(self) -> Option<Provider> {
        let settings = self.settings.read();
        settings.as_ref().map(|known| known.provider.clone())
    }

    /// Returns the code of the currency of all prices, and follows it.
    pub fn currency(self) -> Option<String> {
        let settings = self.settings.read();
        settings.as_ref().map(|known| known.config.currency.clone())
    }

    /// Returns how long an order holds its ticket, in seconds, and follows it.
    pub fn hold_seconds(self) -> Option<u64> {
        let settings = self.settings.read();
        settings.as_ref().map(|known| known.config.hold_seconds)
    }

    /// Reads it, however long that takes.
    pub fn use_loaded(self) {
        use_task(move || {
            self.api.refresh.follow();
            Box::pin(async move {
                if self.settings.peek().is_none() {
                    self.load().await;
                }
            })
        });
    }

    async fn load(mut self) {
        let read = || self.api.call(client::config());
        let mut failure = self.failure;
        let late = |why| failure.set(Some(why));
        match retry_until_online(self.api, read, late).await {
            Ok(settings) => {
                if settings.config.currency != "USD" {
                    format::set_currency(&settings.config.currency);
                }
                self.settings.set(Some(settings));
                self.failure.set(None);
            }
            Err(why) => self.failure.set(Some(why)),
        }
    }
}
