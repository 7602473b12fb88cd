//! The commands of operators, on a running system.

use domain::{
    OrderId, Price, TicketId, Title, UserId,
    ticket_orders::{OrderedTicket, TicketOrdersEvent},
};
use event_streams::ORDERS;
use mongodb::bson::{Bson, Document, doc};
use serde_json::json;
use testkit::{Client, LONG, eventually};
use uuid::Uuid;

use crate::support::{Archive, Draft, System, event, id, tool};

/// Offers a ticket without waiting for the read model.
async fn sell(seller: &Client, title: &str) {
    let call = seller.try_sell(title, 20).respond_async();
    call.await.assert_status(201);
}

#[tokio::test]
async fn a_paused_read_model_falls_behind_and_catches_up() {
    let system = System::start().await;
    let seller = system.app.person().await;
    sell(&seller, "Before").await;
    eventually("the read models are there", LONG, || async {
        let model = system.read_model("tickets").await;
        let is_there = model["state"] == "folding" && model["lag_commits"] == 0;
        if is_there && model["checkpoint"] == 1 {
            Ok(())
        } else {
            Err(model)
        }
    })
    .await;
    system
        .tool(&["projections", "pause", "tickets"])
        .await
        .well();
    eventually("it falls behind", LONG, || async {
        sell(&seller, "Meanwhile").await;
        let model = system.read_model("tickets").await;
        let rests = model["state"] == "paused" && model["lag_commits"].as_u64() > Some(2);
        if rests && model["lag_ms"].as_u64() > Some(0) {
            Ok(())
        } else {
            Err(model)
        }
    })
    .await;
    system
        .tool(&["projections", "resume", "tickets"])
        .await
        .well();
    eventually("it catches up", LONG, || async {
        let model = system.read_model("tickets").await;
        if model["state"] == "folding" && model["lag_commits"] == 0 {
            Ok(())
        } else {
            Err(model)
        }
    })
    .await;
    system.tool(&["verify"]).await.well();
}

#[tokio::test]
async fn a_read_model_is_accepted_under_each_of_its_names() {
    let system = System::start().await;
    for name in [
        "payable_orders",
        "payable-orders",
        "payable_orders_v1",
        "PAYABLE_ORDERS",
    ] {
        let args = ["projections", "pause", name, "--json"];
        let told = system.tool(&args).await.well().json();
        let (listed, version) = (&told[0]["name"], &told[0]["version"]);
        assert_eq!(told[0]["kind"], "projection");
        assert_eq!((listed, version), (&json!("payable_orders"), &json!(1)));
        system.tool(&["projections", "resume", name]).await.well();
    }
    system
        .tool(&["projections", "rebuild", "payable_orders_v0"])
        .await
        .with_code(2)
        .says("payable_orders");
    let model = system.read_model("tickets").await;
    assert!(model["version"].is_u64(), "{model}");
}

#[tokio::test]
async fn a_comparison_does_not_wait_for_stopped_read_models() {
    let season = crate::support::Season::write().await;
    let mongo = testkit::Mongo::database().await;
    let mongodb = [
        "--mongodb-uri",
        mongo.uri(),
        "--mongodb-database",
        mongo.name(),
    ];
    let began = std::time::Instant::now();
    let args = [&["verify"][..], &mongodb].concat();
    tool(season.archive.url(), &args)
        .await
        .with_code(1)
        .says("nobody runs tickets_v2")
        .says("nobody runs payable_orders_v1");
    assert!(
        began.elapsed() < std::time::Duration::from_secs(25),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn the_first_document_that_differs_from_a_replay_is_named() {
    let system = System::start().await;
    let seller = system.app.person().await;
    sell(&seller, "Seat").await;
    let verified = system.tool(&["verify"]).await.well().json();
    let equal = verified.iter().filter(|line| line["equals_replay"] == true);
    assert_eq!(equal.count(), 3, "{verified:?}");
    let client = mongodb::Client::with_uri_str(system.mongo.uri())
        .await
        .unwrap();
    let stored = client
        .database(system.mongo.name())
        .collection::<Document>("tickets_v2");
    let forged = doc! { "$set": { "price": 1_i64 } };
    let before = stored
        .find_one_and_update(doc! {}, forged)
        .await
        .unwrap()
        .unwrap();
    let Some(Bson::Binary(document)) = before.get("_id") else {
        panic!("{before} has another kind of id");
    };
    let document = Uuid::from_slice(&document.bytes).unwrap();
    let found = system.tool(&["verify"]).await.with_code(1).json();
    let found = found
        .iter()
        .find(|line| line["rule"] == "read_model")
        .unwrap();
    assert_eq!(found["read_model"], "tickets_v2");
    assert_eq!(found["document"], document.to_string());
}

#[tokio::test]
async fn a_dead_letter_can_be_listed_shown_and_dropped() {
    let system = System::start().await;
    let mut log = Archive::on(system.nats.clone()).await;
    let (ticket, now) = (id(7, 1), chrono::Utc::now());
    // An order of a ticket that was never listed: the ticket's worker can't follow it.
    let placed = TicketOrdersEvent::OrderPlaced {
        order_id: OrderId(Uuid::new_v4()),
        buyer: UserId(Uuid::new_v4()),
        ticket: OrderedTicket {
            id: TicketId(ticket),
            title: Title::parse("Seat").unwrap(),
            price: Price::from_cents(100).unwrap(),
            currency: domain::Currency::USD,
            version: 0,
        },
        placed_at: now,
        expires_at: now + chrono::TimeDelta::hours(1),
    };
    let orphan = Draft {
        stream: ORDERS,
        aggregate: ticket,
        time: now,
        actor: "somebody".to_owned(),
        request: "forged".to_owned(),
        cause: None,
        events: vec![event(&placed)],
        version: None,
    };
    log.commit(&orphan).await;
    let letter = eventually("it is a dead letter", 2 * LONG, || async {
        let letters = system.tool(&["dead-letters", "ls"]).await.well().json();
        letters.into_iter().next()
    })
    .await;
    let number = letter["id"].to_string();
    let shown = system
        .tool(&["dead-letters", "show", &number])
        .await
        .well()
        .json();
    let mut of_letter = shown[0]["letter"].clone();
    of_letter["kind"] = "dead_letter".into();
    assert_eq!(of_letter, letter);
    assert_eq!(shown[0]["events"][0]["event_type"], "OrderPlaced");
    system
        .tool(&["dead-letters", "show", "999"])
        .await
        .with_code(2)
        .says("no dead letter 999");
    system.tool(&["dead-letters", "drop", &number]).await.well();
    assert_eq!(system.tool(&["dead-letters", "ls"]).await.well().stdout, "");
}
