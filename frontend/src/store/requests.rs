//! Sending requests to the server, and what every reply says of connection, time and session.

use state::Backoff;

use super::clock::Clock;
use super::connection::ConnectionStatus;
use super::refresh::Refresh;
use super::session::SessionStore;
use super::toasts::Toasts;
use crate::browser::fetch::{Call, Reply};
use crate::client::{self, ApiResult, Failure, Request};

/// The way to the server. All requests go through it, and nothing else takes note of what their
/// replies say beside what was asked.
#[derive(Clone, Copy)]
pub struct Api {
    /// Whether the server answers.
    pub connection: ConnectionStatus,
    /// The server's time.
    pub clock: Clock,
    /// Who is signed in.
    pub session: SessionStore,
    /// When everything is read again.
    pub refresh: Refresh,
}

impl Api {
    /// No request was sent yet.
    pub fn new(toasts: Toasts) -> Self {
        Self {
            connection: ConnectionStatus::new(),
            clock: Clock::new(),
            session: SessionStore::new(toasts),
            refresh: Refresh::new(),
        }
    }

    /// Sends a request, and reads its reply.
    pub async fn call<T>(self, request: Request<T>) -> ApiResult<T> {
        let Request { call, read } = request;
        let reply = self.exchange(call).await?;
        read(&reply).ok_or(Failure::Broken)
    }

    /// Not a part of [`Api::call`], which is compiled for each kind of reply.
    async fn exchange(self, call: Call) -> ApiResult<Reply> {
        // Signing in and out changes the session, and doesn't act for it.
        let is_of_session = client::is_of_session(&call);
        if call.method != "GET" && !is_of_session {
            self.confirm_session().await?;
        }
        let outcome = self.send(call).await;
        // What belongs to another user is refused in the same way as a session that is over.
        if !is_of_session && matches!(&outcome, Err(failure) if failure.refused() == Some(401)) {
            self.ask_user().await?;
            if self.session.peek().is_nobody() {
                return Err(Failure::SignedOut);
            }
        }
        outcome
    }

    async fn send(self, call: Call) -> ApiResult<Reply> {
        let answer = client::send(call).await;
        if matches!(answer.outcome, Err(Failure::Unreachable)) {
            self.lose_connection();
        } else if self.connection.find() {
            // What changed meanwhile was missed.
            self.refresh.request();
        }
        if let Some(dated) = answer.dated {
            self.clock.learn(dated);
        }
        answer.outcome
    }

    /// Asks the server who is signed in.
    pub async fn ask_user(self) -> ApiResult<()> {
        let Request { call, read } = client::current_user();
        let reply = self.send(call).await?;
        self.session.set_user(read(&reply).ok_or(Failure::Broken)?);
        Ok(())
    }

    /// Makes sure that what is sent now is sent by the user whom the page shows.
    async fn confirm_session(self) -> ApiResult<()> {
        if self.session.is_confirmed() {
            return Ok(());
        }
        let before = self.session.peek().user_id();
        self.ask_user().await?;
        match self.session.peek().user_id() {
            now if now == before => Ok(()),
            None => Err(Failure::SignedOut),
            Some(_) => Err(Failure::OtherUser),
        }
    }

    /// Asks for something small: any reply tells the time, and that there is a connection.
    pub async fn ping(self) {
        let _ = self.send(client::current_user().call).await;
    }

    /// There is no connection: asks again and again until there is.
    pub fn lose_connection(self) {
        if !self.connection.lose() {
            return;
        }
        dioxus::core::spawn_forever(async move {
            let mut backoff = Backoff::default();
            while self.connection.is_lost() {
                self.connection.pause(backoff.next_ms()).await;
                if self.connection.is_lost() {
                    self.ping().await;
                }
            }
        });
    }
}
