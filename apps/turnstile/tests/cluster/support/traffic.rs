//! Users who sell, order and pay continuously, and record every acknowledgment.

use serde_json::Value;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use testkit::{Call, Client, Response, eventually};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// Pause of a user before another try.
const PAUSE: Duration = Duration::from_millis(50);
/// Time limit of a user for one response.
const ANSWER: Duration = Duration::from_secs(4);

/// Everything that was acknowledged.
#[derive(Default)]
pub struct Ledger {
    /// Tickets.
    pub tickets: Vec<String>,
    /// Orders: the buyer, the ID, the ticket.
    pub orders: Vec<(Client, String, String)>,
    /// Orders that were paid.
    pub paid: Vec<(Client, String)>,
}

/// Traffic; it ends with the value.
pub struct Traffic {
    ledger: Arc<Mutex<Ledger>>,
    stop: Arc<AtomicBool>,
    traders: Vec<JoinHandle<()>>,
    prober: Trader,
}

#[derive(Clone)]
struct Trader {
    seller: Client,
    buyers: [Client; 2],
    ledger: Arc<Mutex<Ledger>>,
}

impl Traffic {
    /// Starts this number of traders.
    pub async fn open(client: &Client, traders: usize) -> Self {
        let ledger = Arc::<Mutex<Ledger>>::default();
        let stop = Arc::<AtomicBool>::default();
        let mut running = Vec::new();
        for _ in 0..traders {
            let trader = Trader::new(client, &ledger).await;
            let stop = stop.clone();
            running.push(tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    trader.trade().await;
                }
            }));
        }
        Self {
            prober: Trader::new(client, &ledger).await,
            ledger,
            stop,
            traders: running,
        }
    }

    /// Time until a ticket can be sold, ordered and paid from beginning to end.
    pub async fn time_to_trade(&self) -> Duration {
        let began = Instant::now();
        eventually("somebody can trade", Duration::from_mins(1), || async {
            self.prober.try_trade().await
        })
        .await;
        began.elapsed()
    }

    /// Ends the traffic, and returns everything that was acknowledged.
    pub async fn close(self) -> Ledger {
        self.stop.store(true, Ordering::Relaxed);
        for trader in self.traders {
            trader.await.unwrap();
        }
        std::mem::take(&mut *self.ledger.lock().unwrap())
    }
}

impl Ledger {
    /// Checks that all of it exists, and that no ticket was sold twice.
    pub async fn assert_kept(&self, client: &Client) {
        for ticket in &self.tickets {
            let answer = client.get(&format!("/api/tickets/{ticket}")).await;
            answer.assert_status(200);
        }
        let mut sold = std::collections::HashSet::new();
        for (buyer, order, ticket) in &self.orders {
            buyer.order_of(order).await;
            assert!(sold.insert(ticket), "{ticket} was sold twice");
        }
        for (buyer, order) in &self.paid {
            buyer.wait_for_order(order, "complete", testkit::LONG).await;
        }
    }
}

impl Trader {
    async fn new(client: &Client, ledger: &Arc<Mutex<Ledger>>) -> Self {
        let person = async || client.person().await.client;
        Self {
            seller: person().await,
            buyers: [person().await, person().await],
            ledger: ledger.clone(),
        }
    }

    /// Sells a ticket to one of two concurrent buyers. A request without a proper response is
    /// repeated under the same key, for a while.
    async fn trade(&self) {
        let Some(ticket) = patiently(|key| self.sell(key)).await else {
            return;
        };
        let order = |buyer: usize| {
            let ticket = ticket.clone();
            async move { patiently(|key| self.order(buyer, &ticket, key)).await }
        };
        let (one, two) = tokio::join!(order(0), order(1));
        for (buyer, order) in [(0, one), (1, two)] {
            if let Some(Some(order)) = order {
                patiently(|key| self.pay(buyer, &order, key)).await;
            }
        }
    }

    /// The same without repetitions.
    async fn try_trade(&self) -> Result<(), String> {
        let key = || Uuid::new_v4().to_string();
        let ticket = self.sell(key()).await?;
        let order = self.order(0, &ticket, key()).await?;
        let order = order.ok_or("the ticket is taken")?;
        self.pay(0, &order, key()).await
    }

    async fn sell(&self, key: String) -> Result<String, String> {
        let answer = sent(self.seller.try_sell("Concert", 20), &key).await?;
        let ticket = created(&answer)?;
        self.ledger.lock().unwrap().tickets.push(ticket.clone());
        Ok(ticket)
    }

    /// `None`: the other buyer has it.
    async fn order(
        &self,
        buyer: usize,
        ticket: &str,
        key: String,
    ) -> Result<Option<String>, String> {
        let client = &self.buyers[buyer];
        let answer = sent(client.try_order(ticket), &key).await?;
        if answer.status == 400 || answer.status == 409 {
            let taken = answer.text.contains("reserved");
            return if taken { Ok(None) } else { Err(answer.text) };
        }
        let order = created(&answer)?;
        let entry = (client.clone(), order.clone(), ticket.to_owned());
        self.ledger.lock().unwrap().orders.push(entry);
        Ok(Some(order))
    }

    async fn pay(&self, buyer: usize, order: &str, key: String) -> Result<(), String> {
        let client = &self.buyers[buyer];
        let answer = sent(client.try_pay(order), &key).await?;
        created(&answer)?;
        let entry = (client.clone(), order.to_owned());
        self.ledger.lock().unwrap().paid.push(entry);
        Ok(())
    }
}

async fn sent(call: Call, key: &str) -> Result<Response, String> {
    let answer = call.idempotency_key(key).try_send();
    match tokio::time::timeout(ANSWER, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer".to_owned()),
    }
}

fn created(answer: &Response) -> Result<String, String> {
    match (answer.status, &answer.json["id"]) {
        (201, Value::String(id)) => Ok(id.clone()),
        _ => Err(answer.describe()),
    }
}

/// Tries for a while under one key.
async fn patiently<T, F>(what: impl Fn(String) -> F) -> Option<T>
where
    F: Future<Output = Result<T, String>>,
{
    let key = Uuid::new_v4().to_string();
    let end = Instant::now() + Duration::from_secs(30);
    while Instant::now() < end {
        if let Ok(done) = what(key.clone()).await {
            return Some(done);
        }
        tokio::time::sleep(PAUSE).await;
    }
    None
}
