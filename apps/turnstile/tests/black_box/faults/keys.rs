//! `kill -9` in the middle of a request with an `Idempotency-Key`: repeated with the same key, it
//! takes effect once, and the response is the effect.
//!
//! The network drops what the process is about to write (or to receive) at one point of the
//! request; then it is killed, so only the log remains.

use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};
use testkit::{DropAcksProxy, LONG, Publication, Response, eventually};
use uuid::Uuid;

use crate::support::{Person, Site};

/// The losses so far, by what distinguishes them.
#[derive(Clone, Default)]
struct Lost(Arc<Mutex<BTreeSet<String>>>);

impl Lost {
    fn note(&self, what: &str) -> bool {
        self.0.lock().unwrap().insert(what.to_owned());
        true
    }

    async fn are(&self, count: usize) {
        eventually("all requests are where they are to be", LONG, || async {
            let lost = self.0.lock().unwrap();
            if lost.len() == count {
                Ok(())
            } else {
                Err(lost.clone())
            }
        })
        .await;
    }
}

/// A command that is sent, and repeated.
struct Sent {
    person: Person,
    path: &'static str,
    body: Value,
    key: String,
}

impl Sent {
    fn new(person: &Person, path: &'static str, body: Value) -> Self {
        Self {
            person: person.clone(),
            path,
            body,
            key: Uuid::new_v4().to_string(),
        }
    }

    /// Sends it without waiting for a response.
    fn in_vain(&self) {
        let call = self.person.post(self.path, &self.body);
        let call = call.idempotency_key(&self.key);
        tokio::spawn(async move {
            let _ = call.try_send().await;
        });
    }

    /// Sends it until there is a response.
    async fn again(&self) -> Response {
        eventually("it is answered", LONG, || async {
            let call = self.person.post(self.path, &self.body);
            let answer = call.idempotency_key(&self.key).await;
            if answer.status == 201 {
                Ok(answer)
            } else {
                assert!([409, 503].contains(&answer.status), "{}", answer.describe());
                Err(answer.describe())
            }
        })
        .await
    }
}

/// Kills the server when a listing, an order and a payment are all at the point at which `hold`
/// begins to drop messages, and checks that each takes effect once when it is repeated.
async fn killed_when(hold: impl FnOnce(&DropAcksProxy, Lost)) {
    let (site, proxy) = Site::builder().behind_proxy().await;
    let site = site.start().await;
    let (seller, buyer, payer) = (
        site.person().await,
        site.person().await,
        site.person().await,
    );
    let (ticket, taken) = (
        seller.sell("To order", 20).await,
        seller.sell("To pay", 20).await,
    );
    let order = payer.order(&taken).await;
    let path = format!("/api/tickets/{taken}");
    eventually("the ticket knows of its order", LONG, || async {
        seller.get(&path).await.json["orderId"] == order.as_str()
    })
    .await;
    let word = format!("w{}", Uuid::new_v4().simple());
    let commands = [
        Sent::new(&seller, "/api/tickets", json!({"title": word, "price": 20})),
        Sent::new(&buyer, "/api/orders", json!({"ticketId": ticket})),
        Sent::new(
            &payer,
            "/api/payments",
            json!({"token": "tok_visa", "orderId": order}),
        ),
    ];

    let lost = Lost::default();
    hold(&proxy, lost.clone());
    commands.iter().for_each(Sent::in_vain);
    lost.are(commands.len()).await;
    site.app().kill9().await;
    proxy.pass_all();
    site.app().restart().await;

    let mut answers = Vec::new();
    for command in &commands {
        answers.push(command.again().await);
    }
    for (command, first) in commands.iter().zip(&answers) {
        let again = command.again().await;
        assert_eq!(again.text, first.text);
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
    }
    let listed = seller.get(&format!("/api/tickets?q={word}")).await.json;
    assert_eq!(listed, json!([answers[0].json]));
    let ordered = buyer.get("/api/orders").await.json;
    assert_eq!(ordered, json!([answers[1].json]));
    assert_eq!(payer.order_of(&order).await["status"], "complete");
    eventually("the money is taken", LONG, || async {
        site.charges()[&order].is_kept()
    })
    .await;
    let charge = site.charges()[&order].clone();
    assert_eq!((charge.held, charge.captured, charge.voided), (1, 1, 0));
    for (stream, aggregate, count) in [
        ("TICKETS", answers[0].id(), 1),
        ("ORDERS", ticket, 1),
        ("PAYMENTS", answers[2].id(), 3),
    ] {
        let commits = site.commits(stream, &aggregate).await;
        assert_eq!(commits.len(), count, "{commits:?}");
    }
}

fn is_record(publication: &Publication<'_>, state: &str) -> bool {
    publication.subject.starts_with("REQUESTS.") && publication.contains(state)
}

/// The stream of an aggregate's commit.
fn stream_of<'a>(publication: &Publication<'a>) -> Option<&'a str> {
    let (stream, _) = publication.subject.split_once('.')?;
    ["TICKETS", "ORDERS", "PAYMENTS"]
        .contains(&stream)
        .then_some(stream)
}

#[tokio::test]
async fn a_request_killed_before_its_claim_takes_effect_once() {
    killed_when(|proxy, lost| {
        proxy.swallow_if(move |it| is_record(&it, "\"claimed\"") && lost.note(it.subject));
    })
    .await;
}

#[tokio::test]
async fn a_request_killed_before_its_commit_takes_effect_once() {
    killed_when(|proxy, lost| {
        proxy.swallow_if(move |it| stream_of(&it).is_some_and(|stream| lost.note(stream)));
    })
    .await;
}

#[tokio::test]
async fn a_request_killed_before_its_acknowledgment_takes_effect_once() {
    killed_when(|proxy, lost| {
        proxy.drop_if(move |ack| {
            ["TICKETS", "ORDERS", "PAYMENTS"].contains(&ack.stream.as_str())
                && lost.note(&ack.stream)
        });
    })
    .await;
}

#[tokio::test]
async fn a_request_killed_before_its_record_takes_effect_once() {
    killed_when(|proxy, lost| {
        proxy.swallow_if(move |it| is_record(&it, "\"answered\"") && lost.note(it.subject));
    })
    .await;
}
