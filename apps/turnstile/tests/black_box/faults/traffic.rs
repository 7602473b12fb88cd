//! Users who sell, order, pay and cancel while servers fail, and record every response.

use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use testkit::{Call, LONG, Response, eventually};
use tokio::{task::JoinHandle, time::sleep};
use uuid::Uuid;

use crate::support::{Person, Site};

/// Pause of a user before another try.
const PAUSE: Duration = Duration::from_millis(20);

/// The running traffic.
pub struct Traffic {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    people: Vec<JoinHandle<Acknowledged>>,
}

/// The responses to one user.
pub struct Acknowledged {
    /// The buyer.
    person: Person,
    /// The seller: users can't order their own tickets.
    seller: Person,
    /// A word in the titles of all tickets of this user.
    word: String,
    /// Tickets, and the last acknowledged version.
    tickets: HashMap<String, u64>,
    /// Orders, and the last acknowledged status.
    orders: HashMap<String, &'static str>,
}

impl Traffic {
    /// Starts this number of users.
    pub async fn begin(site: &Site, people: usize) -> Self {
        let (stop, acknowledged) = (Arc::default(), Arc::default());
        let mut running = Vec::new();
        for _ in 0..people {
            let told = Acknowledged {
                person: site.person().await,
                seller: site.person().await,
                word: format!("w{}", Uuid::new_v4().simple()),
                tickets: HashMap::new(),
                orders: HashMap::new(),
            };
            let busy = Busy {
                told,
                stop: Arc::clone(&stop),
                acknowledged: Arc::clone(&acknowledged),
            };
            running.push(tokio::spawn(busy.run()));
        }
        Self {
            stop,
            acknowledged,
            people: running,
        }
    }

    /// Waits until this number of further commands were acknowledged.
    pub async fn go_on_for(&self, commands: usize) {
        let enough = self.acknowledged.load(Ordering::Relaxed) + commands;
        eventually("commands are acknowledged", 2 * LONG, || async {
            let so_far = self.acknowledged.load(Ordering::Relaxed);
            assert!(
                !self.people.iter().any(JoinHandle::is_finished),
                "somebody gave up"
            );
            if so_far >= enough {
                Ok(())
            } else {
                Err(so_far)
            }
        })
        .await;
    }

    /// Ends it after the current commands.
    pub async fn end(self) -> Vec<Acknowledged> {
        self.stop.store(true, Ordering::Relaxed);
        let mut told = Vec::new();
        for person in self.people {
            told.push(person.await.unwrap());
        }
        told
    }
}

/// A person at work.
struct Busy {
    told: Acknowledged,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
}

impl Busy {
    async fn run(mut self) -> Acknowledged {
        let mut round = 0;
        while !self.stop.load(Ordering::Relaxed) {
            self.sell_something(round).await;
            round += 1;
        }
        self.told
    }

    /// One ticket's life; its length and end vary by round.
    async fn sell_something(&mut self, round: u64) {
        let title = format!("{} {round}", self.told.word);
        let body = json!({"title": title, "price": 20});
        let offer = self
            .insist_on_post(&self.told.seller, "/api/tickets", &body)
            .await
            .expect_status(201);
        let ticket = offer.id();
        self.told.tickets.insert(ticket.clone(), 0);
        if round.is_multiple_of(3) {
            self.change(&ticket, &title).await;
        }
        if round % 5 == 4 {
            return;
        }
        let body = json!({"ticketId": ticket});
        let order = self
            .insist_on_post(&self.told.person, "/api/orders", &body)
            .await
            .expect_status(201)
            .id();
        self.told.orders.insert(order.clone(), "created");
        match round % 4 {
            0 | 1 => self.pay(&order).await,
            2 => self.cancel(&order).await,
            _ => {}
        }
    }

    async fn change(&mut self, ticket: &str, title: &str) {
        let body = json!({"title": format!("{title} changed"), "price": 20});
        let path = format!("/api/tickets/{ticket}");
        let answer = self.insist(|| self.told.seller.put(&path, &body)).await;
        let version = answer.expect_status(200).json["version"].as_u64().unwrap();
        self.told.tickets.insert(ticket.to_owned(), version);
    }

    async fn pay(&mut self, order: &str) {
        let body = json!({"token": "tok_visa", "orderId": order});
        let person = &self.told.person;
        let answer = self.insist_on_post(person, "/api/payments", &body).await;
        if answer.status == 201 {
            self.told.orders.insert(order.to_owned(), "complete");
        } else {
            // Its hold ended while the servers were down.
            answer.assert_error(400, "Cannot pay for a cancelled order");
            self.told.orders.insert(order.to_owned(), "cancelled");
        }
    }

    async fn cancel(&mut self, order: &str) {
        let path = format!("/api/orders/{order}");
        self.insist(|| self.told.person.delete(&path))
            .await
            .assert_status(204);
        self.told.orders.insert(order.to_owned(), "cancelled");
    }

    /// Repeats a command under one key until there is a response.
    async fn insist_on_post(&self, person: &Person, path: &str, body: &Value) -> Response {
        let key = Uuid::new_v4().to_string();
        self.insist(|| person.post(path, body).idempotency_key(&key))
            .await
    }

    async fn insist(&self, call: impl Fn() -> Call) -> Response {
        loop {
            let sent = call().timeout(Duration::from_secs(15));
            match sent.try_send().await {
                // A server is down, or (409) a request with this key, which the client gave up, is
                // still in progress.
                Ok(answer) if [503, 409].contains(&answer.status) => {
                    assert!(
                        answer.header("retry-after").is_some(),
                        "{}",
                        answer.describe()
                    );
                }
                Ok(answer) => {
                    assert!(answer.status < 500, "{}", answer.describe());
                    self.acknowledged.fetch_add(1, Ordering::Relaxed);
                    return answer;
                }
                Err(_) => {}
            }
            sleep(PAUSE).await;
        }
    }
}

/// Checks that every response is true, that every order ends, and that money, log and read models
/// agree.
pub async fn assert_nothing_is_lost(site: &Site, told: &[Acknowledged]) {
    for one in told {
        let mut listed = Vec::new();
        for (ticket, version) in &one.tickets {
            let shown = one.person.get(&format!("/api/tickets/{ticket}")).await;
            let shown = shown.expect_status(200).json;
            assert!(
                shown["version"].as_u64() >= Some(*version),
                "{version} of {shown}"
            );
            listed.push(ticket.clone());
        }
        for (order, status) in &one.orders {
            let shown = one.person.order_of(order).await;
            if *status != "created" {
                assert_eq!(shown["status"], *status, "{shown}");
            }
        }
    }
    for one in told {
        let orders = eventually("every order comes to an end", LONG, || async {
            let orders = one.person.get("/api/orders").await.expect_status(200).json;
            let orders = orders.as_array().unwrap().clone();
            match orders
                .iter()
                .find(|o| o["status"] != "complete" && o["status"] != "cancelled")
            {
                Some(open) => Err(open.clone()),
                None => Ok(orders),
            }
        })
        .await;
        assert_eq!(orders.len(), one.orders.len(), "no order was placed twice");
        assert_each_ticket_exists_once(one, &orders).await;
        assert_money(site, &orders).await;
    }
    site.assert_money_agrees().await;
    site.assert_read_models_agree().await;
}

async fn assert_each_ticket_exists_once(one: &Acknowledged, orders: &[Value]) {
    let sold = orders
        .iter()
        .filter(|order| order["status"] == "complete")
        .count();
    let path = format!("/api/tickets?limit=200&q={}", one.word);
    eventually("all that isn't sold is for sale, once", LONG, || async {
        let list = one.person.get(&path).await.expect_status(200);
        let count = list.json.as_array().unwrap().len();
        let expected = one.tickets.len() - sold;
        // A list may have more pages; a user in these tests doesn't list that many.
        assert!(list.header("link").is_none(), "too many tickets to count");
        if count == expected {
            Ok(())
        } else {
            Err(format!("{count} of {expected}"))
        }
    })
    .await;
}

async fn assert_money(site: &Site, orders: &[Value]) {
    eventually("the money is where it belongs", LONG, || async {
        let charges = site.charges();
        for order in orders {
            let charge = charges
                .get(order["id"].as_str().unwrap())
                .cloned()
                .unwrap_or_default();
            let complete = order["status"] == "complete";
            assert!(
                complete || !charge.is_kept(),
                "money is kept for {order}: {charge:?}"
            );
            if charge.captured > 1 || charge.is_in_between() || complete != charge.is_kept() {
                return Err(format!("{order} with {charge:?}"));
            }
        }
        Ok(())
    })
    .await;
}
