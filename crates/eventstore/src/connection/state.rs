//! What is known of the connection: whether it stands, and what this process may not do.

use async_nats::{Client, Event, ServerError, connection::State};
use tokio::sync::watch;

/// What is known of the connection.
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

    /// Whether the connection stands right now, as the client itself knows. Its events are no more
    /// than news of that: they pass through a queue that has an end, and what doesn't fit is lost.
    /// Whoever follows the connection hears of a lost one here.
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

    pub(crate) async fn until_told_not_to_make_streams(&self) {
        let mut told = self.may_not_make_streams.subscribe();
        // The sender is here.
        let _ = told.wait_for(|told| *told).await;
    }

    pub(super) fn note(&self, event: &Event) {
        match event {
            Event::Connected => {
                // Rights may have been given meanwhile.
                self.may_not_make_streams.send_replace(false);
                self.connected.send_replace(true);
                tracing::info!("connected to NATS");
            }
            Event::Disconnected => {
                self.connected.send_replace(false);
                tracing::warn!("lost the connection to NATS");
            }
            // What NATS doesn't allow would only show as an answer that never comes.
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

/// The server says it in words alone, and the client hands them on as they are.
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
        // As if the last that was heard had been that it is lost.
        state.connected.send_replace(false);
        assert!(state.is_connected(&client));
        assert!(
            *following.borrow_and_update(),
            "who follows it hears so too"
        );
    }

    #[test]
    fn who_may_make_no_stream_is_told_so_by_the_server() {
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
