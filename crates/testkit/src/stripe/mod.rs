//! A stand-in for Stripe: a real HTTP server on a loopback port that keeps records like Stripe's,
//! fails in selected ways, and counts the money, so that a test asserts on money that was held and
//! captured and not on calls.
//!
//! It implements HTTP on plain sockets, because a server library prevents half of what it has to
//! do: disconnect in the middle, answer twice, reset a connection.

mod cards;
mod http;
mod object;
mod records;
mod refusals;
mod webhook;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use self::http::{HttpConnection, Request, Response};
pub use self::object::Intent;
pub use self::records::Money;
use self::records::{Records, StripeStep};
pub use self::webhook::{event, sign};

/// The only key that the stand-in accepts.
pub const KEY: &str = "sk_test_standin";
/// The matching publishable key.
pub const PUBLISHABLE_KEY: &str = "pk_test_standin";

/// The purpose of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StripeRoute {
    /// Opens an intent.
    Create,
    /// Tries a card on an intent.
    Confirm,
    /// Captures the money.
    Capture,
    /// Closes an intent.
    Cancel,
    /// Reads one intent.
    Read,
    /// Reads a page of intents.
    List,
}

/// A failure of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Responds with this status, without any effect or record.
    Status(u16),
    /// Like [`Status`](Self::Status), with this number of seconds in `Retry-After`.
    StatusFor(u16, u64),
    /// Like [`Status`](Self::Status), and states that repeating won't help.
    StatusForGood(u16),
    /// Has no effect, and responds with this status to the same idempotency key from now on.
    StoredStatus(u16),
    /// Takes effect, but responds with 500, even to the same idempotency key from now on.
    DoneButStored500,
    /// Resets the connection without any effect.
    Reset,
    /// Never responds, without any effect.
    Hang,
    /// Takes effect, and never responds.
    DoneButHang,
    /// Takes effect, and closes the connection in the middle of the response.
    DoneButTorn,
    /// Takes effect, and sends the previous response before the right one.
    Twice,
    /// Takes effect, after a while.
    Slow(Duration),
    /// A page of a captive portal.
    Portal,
    /// Redirects the client to this port of this machine.
    Redirect(u16),
}

#[derive(Default)]
struct Shared {
    records: Mutex<Records>,
    faults: Mutex<VecDeque<(StripeRoute, Fault)>>,
    seen: Mutex<Vec<(StripeRoute, Option<String>)>>,
    last_answer: Mutex<Option<Response>>,
    /// The duration of a confirmation by the bank, during which the intent is locked.
    bank: Mutex<Duration>,
}

/// A running stand-in; it ends when this is dropped.
pub struct StandIn {
    base: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl std::fmt::Debug for StandIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StandIn")
            .field("base", &self.base)
            .field("money", &self.money())
            .finish_non_exhaustive()
    }
}

impl StandIn {
    /// Listens on a free port, with empty records.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap_or_else(|error| panic!("the stand-in can't listen: {error}"));
        let address = listener
            .local_addr()
            .unwrap_or_else(|error| panic!("the stand-in has no address: {error}"));
        let base = format!("http://{address}");
        let shared = Arc::new(Shared::default());
        let server = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Self {
            base,
            shared,
            server,
        }
    }

    /// The value for `STRIPE_API_BASE`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The totals so far.
    pub fn money(&self) -> Money {
        locked(&self.shared.records).money()
    }

    /// Makes the next request of this route that has no fault yet fail.
    pub fn fail_next(&self, route: StripeRoute, fault: Fault) {
        locked(&self.shared.faults).push_back((route, fault));
    }

    /// Makes the next `times` requests of this route fail.
    pub fn fail(&self, times: usize, route: StripeRoute, fault: Fault) {
        for _ in 0..times {
            self.fail_next(route, fault);
        }
    }

    /// Cancels the faults that have not occurred yet.
    pub fn stop_failing(&self) {
        locked(&self.shared.faults).clear();
    }

    /// Makes every confirmation take this long.
    pub fn set_bank_time(&self, time: Duration) {
        *locked(&self.shared.bank) = time;
    }

    /// The idempotency keys of the requests of a route, in order.
    pub fn seen(&self, route: StripeRoute) -> Vec<Option<String>> {
        let seen = locked(&self.shared.seen);
        seen.iter()
            .filter(|(of, _)| *of == route)
            .map(|(_, key)| key.clone())
            .collect()
    }

    /// Creates an intent of another application in the same account.
    pub fn add_foreign_intent(&self) -> String {
        locked(&self.shared.records).add_foreign_intent()
    }

    /// Creates an intent of the application under test that is missing from its log.
    pub fn add_intent(&self, payment_id: &str, amount: u64, currency: &str) -> String {
        locked(&self.shared.records).add_own_intent(payment_id, amount, currency)
    }

    /// The references of all intents, oldest first.
    pub fn references(&self) -> Vec<String> {
        locked(&self.shared.records).references()
    }

    /// Changes an intent without the application, as a person with access to the account can.
    ///
    /// # Panics
    /// When there is no such intent; so does [`StandIn::object`].
    pub fn tamper(&self, reference: &str, change: impl FnOnce(&mut Intent)) {
        change(locked(&self.shared.records).intent(reference));
    }

    /// The charge of an intent in Stripe's form, for webhooks; null while nothing is held.
    pub fn charge(&self, reference: &str) -> serde_json::Value {
        locked(&self.shared.records)
            .intent(reference)
            .charge(reference)
    }

    /// An intent in Stripe's form, for example for a webhook.
    pub fn object(&self, reference: &str) -> serde_json::Value {
        locked(&self.shared.records)
            .intent(reference)
            .object(reference)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    // Dropped, and so ended, together with the server.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(converse(stream, Arc::clone(&shared)));
    }
}

/// Handles one request after the other on a connection, until either side closes it.
async fn converse(stream: TcpStream, shared: Arc<Shared>) {
    let mut connection = HttpConnection::new(stream);
    while let Some(request) = connection.receive().await {
        let Some(route) = records::route_of(&request) else {
            connection.send(&refusals::unknown_url()).await;
            continue;
        };
        locked(&shared.seen).push((route, request.header("idempotency-key")));
        match take_fault(&shared, route) {
            None => {
                let response = perform(&shared, route, &request).await;
                connection.send(&response).await;
                *locked(&shared.last_answer) = Some(response);
            }
            Some(Fault::Reset) => return connection.reset(),
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::DoneButHang) => {
                perform(&shared, route, &request).await;
                std::future::pending::<()>().await;
            }
            Some(Fault::DoneButTorn) => {
                let response = perform(&shared, route, &request).await;
                return connection.send_torn(&response).await;
            }
            Some(Fault::Twice) => {
                let before = locked(&shared.last_answer).clone();
                let response = perform(&shared, route, &request).await;
                connection
                    .send(&before.unwrap_or_else(|| response.clone()))
                    .await;
                connection.send(&response).await;
            }
            Some(Fault::Slow(time)) => {
                tokio::time::sleep(time).await;
                let response = perform(&shared, route, &request).await;
                connection.send(&response).await;
            }
            Some(Fault::Portal) => {
                connection
                    .send(&Response::new(
                        200,
                        "<html>Welcome! Accept the terms.</html>",
                    ))
                    .await;
            }
            Some(Fault::Redirect(port)) => {
                let elsewhere = format!("http://127.0.0.1:{port}/");
                connection
                    .send(&Response::new(307, "").with("Location", &elsewhere))
                    .await;
            }
            Some(Fault::Status(status)) => connection.send(&refusals::failure(status)).await,
            Some(Fault::StatusFor(status, seconds)) => {
                let response = refusals::failure(status).with("Retry-After", &seconds.to_string());
                connection.send(&response).await;
            }
            Some(Fault::StatusForGood(status)) => {
                let response = refusals::failure(status).with("Stripe-Should-Retry", "false");
                connection.send(&response).await;
            }
            Some(Fault::StoredStatus(status)) => {
                let response = refusals::failure(status);
                locked(&shared.records).remember(&request, &response);
                connection.send(&response).await;
            }
            Some(Fault::DoneButStored500) => {
                perform(&shared, route, &request).await;
                let response = refusals::failure(500);
                locked(&shared.records).remember(&request, &response);
                connection.send(&response).await;
            }
        }
    }
}

fn take_fault(shared: &Shared, route: StripeRoute) -> Option<Fault> {
    let mut faults = locked(&shared.faults);
    let position = faults.iter().position(|(of, _)| *of == route)?;
    faults.remove(position).map(|(_, fault)| fault)
}

/// Executes a request, under Stripe's rules for idempotency keys and locked intents.
async fn perform(shared: &Shared, route: StripeRoute, request: &Request) -> Response {
    let step = locked(&shared.records).begin(route, request);
    let response = match step {
        StripeStep::Response(response) => response,
        StripeStep::Work => {
            let bank = *locked(&shared.bank);
            if route == StripeRoute::Confirm && !bank.is_zero() {
                tokio::time::sleep(bank).await;
            }
            locked(&shared.records).finish(route, request)
        }
    };
    match request.header("idempotency-key") {
        Some(key) => response.with("Idempotency-Key", &key),
        None => response,
    }
}
