//! A read model that is rebuilt while users read and write.

use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
use uuid::Uuid;

use crate::support::{Person, Site, assert_has};

const TICKETS: u64 = 60;

/// Reads and writes until it is stopped, and checks that every response is right.
async fn read_and_write(person: Person, ids: Vec<String>, stop: Arc<AtomicBool>) -> usize {
    let mut reads = 0;
    let mut version = 0;
    let own = person.sell("Mine", 1).await;
    while !stop.load(Ordering::Relaxed) {
        version += 1;
        let body = json!({"title": format!("Mine {version}"), "price": version});
        let path = format!("/api/tickets/{own}");
        person.put(&path, &body).await.assert_status(200);
        let shown = person.get(&path).await.expect_status(200).json;
        assert_has(&shown, &json!({"version": version, "price": version}));
        for id in &ids[reads % 7..reads % 7 + 5] {
            let shown = person.get(&format!("/api/tickets/{id}")).await;
            assert_eq!(shown.expect_status(200).id(), *id);
        }
        let list = person
            .get("/api/tickets?limit=200")
            .await
            .expect_status(200)
            .json;
        let listed = list.as_array().unwrap();
        assert!(
            listed.len() >= ids.len(),
            "{} of {}",
            listed.len(),
            ids.len()
        );
        reads += 7;
    }
    reads
}

#[tokio::test]
async fn a_rebuild_is_identical_and_fails_no_read() {
    let site = Site::start().await;
    let (seller, buyer) = (site.person().await, site.person().await);
    let mut ids = Vec::new();
    for n in 0..TICKETS {
        ids.push(seller.sell(&format!("Seat {n}"), n + 1).await);
    }
    let order = buyer.order(&ids.pop().unwrap()).await;
    buyer.try_pay(&order).await.assert_status(201);
    let (stop, reads) = (Arc::new(AtomicBool::new(false)), AtomicUsize::new(0));
    let mut readers = Vec::new();
    for _ in 0..3 {
        let person = site.person().await;
        readers.push(tokio::spawn(read_and_write(
            person,
            ids.clone(),
            Arc::clone(&stop),
        )));
    }
    for name in ["tickets", "orders", "tickets"] {
        let tool = site.tool(&["projections", "rebuild", name]).await;
        tool.assert_success();
        assert!(
            !readers.iter().any(tokio::task::JoinHandle::is_finished),
            "a reader failed"
        );
    }
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        reads.fetch_add(reader.await.unwrap(), Ordering::Relaxed);
    }
    assert!(reads.into_inner() > 0);
    site.assert_read_models_agree().await;
    assert_eq!(buyer.order_of(&order).await["status"], "complete");
}

#[tokio::test]
async fn an_unknown_read_model_is_refused_by_name() {
    let site = Site::start().await;
    let tool = site.tool(&["projections", "rebuild", "nonsense"]).await;
    assert_ne!(tool.code, 0);
    assert!(tool.stderr.contains("nonsense"), "{}", tool.stderr);
}

#[tokio::test]
async fn lost_read_models_are_rebuilt_from_the_log() {
    let site = Site::start().await;
    let (seller, buyer) = (site.person().await, site.person().await);
    let word = format!("w{}", Uuid::new_v4().simple());
    let free = seller.sell(&word, 10).await;
    let order = buyer.order(&seller.sell(&word, 20).await).await;
    buyer.try_pay(&order).await.assert_status(201);
    let shown = seller.get(&format!("/api/tickets/{free}")).await.json;
    let orders = buyer.get("/api/orders").await.json;
    site.app().terminate().await;

    // The same log with an empty database.
    let empty = site.mongo.another_database();
    let again = Site::builder().nats(&site.nats).mongo(&empty).start().await;
    let client = again.anyone();
    assert_eq!(
        client.get(&format!("/api/tickets/{free}")).await.json,
        shown
    );
    let sign_in = client
        .sign_in_as(&buyer.user.email, &buyer.user.password)
        .await;
    sign_in.assert_status(200);
    assert_eq!(client.get("/api/orders").await.json, orders);
    again.assert_read_models_agree().await;
}
