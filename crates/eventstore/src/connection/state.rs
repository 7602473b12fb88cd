//! The state of the connection: whether it is up, and what this process may not do.

use async_nats::{Client, Event, ServerError, connection::State};
use tokio::sync::watch;

/// The state of the connection.
#[derive(Clone)]
pub(crate) struct ConnectionState {
    connected: watch::Sender<bool>,
    may_not_make_streams: watch::Sender<bool>,
}

impl ConnectionState {
    pub(super) fn new() -> Self {
        Self {
            connected: watch::Sender::new(false),
            may_not_make_streams: watch::Sender::new(false),
        }
    }

    /// Whether the client is connected right now. Its events are only hints: they pass through a
    /// bounded queue that drops what doesn't fit. Whatever follows the connection learns of a lost
    /// one here.
    pub(crate) fn is_connected(&self, client: &Client) -> bool {
        let stands = client.connection_state() == State::Connected;
        if stands {
            self.connected
                .send_if_modified(|known| !std::mem::replace(known, true));
        }
        stands
    }

    pub(crate) fn connection(&self) -> watch::Receiver<bool> {
        self.connected.subscribe()
    }

    pub(crate) fn may_not_make_streams(&self) -> bool {
        *self.may_not_make_streams.borrow()
    }

    pub(crate) async fn until_stream_creation_is_refused(&self) {
        let mut told = self.may_not_make_streams.subscribe();
        // `self` holds the sender.
        let _ = told.wait_for(|told| *told).await;
    }

    pub(super) fn note(&self, event: &Event) {
        match event {
            Event::Connected => {
                // Permissions may have been granted in the meantime.
                self.may_not_make_streams.send_replace(false);
                self.connected.send_replace(true);
                tracing::info!("connected to NATS");
            }
            Event::Disconnected => {
                self.connected.send_replace(false);
                tracing::warn!("lost the connection to NATS");
            }
            // A request that NATS doesn't allow would otherwise only be seen as an answer that
            // never comes.
            Event::ServerError(error) => {
                if forbids_to_make_streams(error) {
                    self.may_not_make_streams.send_replace(true);
                }
                tracing::warn!(%error, "NATS refused something");
            }
            other => tracing::debug!(event = %other, "NATS connection"),
        }
    }
}

/// The server reports this only as text, and the client passes it on unchanged.
fn forbids_to_make_streams(error: &ServerError) -> bool {
    let words = error.to_string().to_ascii_lowercase();
    words.contains("permissions violation for publish to \"$js.api.stream.create.")
}

#[cfg(test)]
mod tests {
    use super::{super::connect::connect, *};
    use crate::LogConfig;

    #[tokio::test]
    async fn a_connection_whose_news_was_lost_is_known_to_stand() {
        let nats = testkit::Nats::start().await;
        let state = ConnectionState::new();
        let connected = connect(&LogConfig::at(nats.url()), &state).await;
        let client = connected.unwrap();
        let mut following = state.connection();
        following.wait_for(|connected| *connected).await.unwrap();
        // As if the last event had reported a loss.
        state.connected.send_replace(false);
        assert!(state.is_connected(&client));
        assert!(
            *following.borrow_and_update(),
            "who follows it hears so too"
        );
    }

    #[test]
    fn the_server_refuses_stream_creation_without_permission() {
        let said = |words: &str| ServerError::Other(words.to_owned());
        let no = said("Permissions Violation for Publish to \"$JS.API.STREAM.CREATE.USERS\"");
        assert!(forbids_to_make_streams(&no));
        for other in [
            "Permissions Violation for Publish to \"USERS.x\"",
            "Permissions Violation for Subscription to \"$JS.API.STREAM.CREATE.USERS\"",
        ] {
            assert!(!forbids_to_make_streams(&said(other)), "{other}");
        }
    }
}
