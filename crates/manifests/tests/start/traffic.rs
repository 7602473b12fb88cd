//! Users who sell, order and pay continuously, and record every request without a proper response.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use testkit::{Call, Client, Response, eventually};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::{router::CUT, site::Site};

/// Pause of a user before another try.
const PAUSE: Duration = Duration::from_millis(50);
/// Time limit for a number of requests, on a busy machine and while pods are down.
const PROGRESS_TIMEOUT: Duration = Duration::from_mins(1);

/// A request without a proper response.
#[derive(Debug)]
#[allow(dead_code, reason = "shown when a test fails")]
pub struct Failure {
    what: String,
    answer: String,
    took: Duration,
    /// Whether its pod was killed during the request.
    pub was_cut: bool,
}

/// The observations of all users.
#[derive(Debug, Default)]
pub struct Observations {
    pub failures: Vec<Failure>,
}

/// The users.
pub struct Crowd {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    people: Vec<JoinHandle<Vec<Failure>>>,
}

impl Crowd {
    /// Starts this number of users.
    pub async fn begin(site: &Site, people: usize) -> Self {
        let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let mut running = Vec::new();
        for _ in 0..people {
            let person = Trader {
                seller: site.client().person().await.client,
                buyer: site.client().person().await.client,
                answered: answered.clone(),
                failures: Vec::new(),
            };
            running.push(tokio::spawn(person.run(stop.clone())));
        }
        Self {
            stop,
            answered,
            people: running,
        }
    }

    /// Waits until this number of further requests were answered.
    pub async fn go_on_for(&self, requests: usize) {
        let enough = self.answered.load(Ordering::Relaxed) + requests;
        eventually("requests are answered", PROGRESS_TIMEOUT, || async {
            assert!(
                !self.people.iter().any(JoinHandle::is_finished),
                "somebody gave up"
            );
            self.answered.load(Ordering::Relaxed) >= enough
        })
        .await;
    }

    /// Waits for their current requests and ends them.
    pub async fn end(self) -> Observations {
        self.stop.store(true, Ordering::Relaxed);
        let mut told = Observations::default();
        for person in self.people {
            told.failures.extend(person.await.unwrap());
        }
        told
    }
}

/// Two accounts: users can't buy their own tickets.
struct Trader {
    seller: Client,
    buyer: Client,
    answered: Arc<AtomicUsize>,
    failures: Vec<Failure>,
}

impl Trader {
    async fn run(mut self, stop: Arc<AtomicBool>) -> Vec<Failure> {
        while !stop.load(Ordering::Relaxed) {
            self.one_ticket().await;
        }
        self.failures
    }

    async fn one_ticket(&mut self) {
        self.read("/api/docs").await;
        self.read("/api/users/currentuser").await;
        let (seller, buyer) = (self.seller.clone(), self.buyer.clone());
        let offer = || seller.try_sell("Opening night", 20);
        let ticket = self.insist("sell", offer).await.id();
        self.read(&format!("/api/tickets/{ticket}")).await;
        let order = self.insist("order", || buyer.try_order(&ticket)).await.id();
        self.insist("pay", || buyer.try_pay(&order)).await;
        let order = self.read(&format!("/api/orders/{order}")).await;
        assert_eq!(order.json["status"], "complete", "{}", order.text);
    }

    async fn read(&mut self, path: &str) -> Response {
        let buyer = self.buyer.clone();
        self.until(path, 200, || buyer.get(path)).await
    }

    /// Sends a command until it is answered, under one key: it takes effect once.
    async fn insist(&mut self, what: &str, call: impl Fn() -> Call) -> Response {
        let key = Uuid::new_v4().to_string();
        self.until(what, 201, || call().idempotency_key(&key)).await
    }

    async fn until(&mut self, what: &str, status: u16, call: impl Fn() -> Call) -> Response {
        let begun = Instant::now();
        loop {
            let sent = Instant::now();
            let answer = call().try_send().await;
            let (answer, was_cut) = match answer {
                Ok(answer) if answer.status == status => {
                    self.answered.fetch_add(1, Ordering::Relaxed);
                    return answer;
                }
                Ok(answer) => (answer.describe(), answer.header(CUT).is_some()),
                Err(error) => (format!("{error:?}"), false),
            };
            self.failures.push(Failure {
                what: what.to_owned(),
                answer,
                took: sent.elapsed(),
                was_cut,
            });
            assert!(begun.elapsed() < PROGRESS_TIMEOUT, "{:#?}", self.failures);
            tokio::time::sleep(PAUSE).await;
        }
    }
}
