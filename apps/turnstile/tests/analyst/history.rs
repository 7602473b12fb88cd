//! `turnstile history`, `state` and `tickets`: how something got into its state, and its state
//! then.

use serde_json::{Value, json};

use crate::{
    simulate::simulated,
    support::{Season, tool},
};

/// A history in short: each step with its cause and its changes.
fn short(steps: &[Value]) -> String {
    let line = |step: &Value| {
        let events = step["events"].as_array().unwrap();
        let types: Vec<_> = events
            .iter()
            .map(|e| e["event_type"].as_str().unwrap())
            .collect();
        let changes: Vec<_> = step["changes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| {
                format!(
                    "    {}: {} → {}",
                    c["field"].as_str().unwrap(),
                    c["before"],
                    c["after"]
                )
            })
            .collect();
        let depth = usize::try_from(step["depth"].as_u64().unwrap()).unwrap();
        format!(
            "{} ← {} {}{} by {}\n{}",
            step["step"],
            step["caused_by"],
            "> ".repeat(depth),
            types.join(", "),
            events[0]["actor"].as_str().unwrap(),
            changes.join("\n"),
        )
    };
    steps.iter().map(line).collect::<Vec<_>>().join("\n")
}

async fn history(season: &Season, id: &str) -> String {
    let told = tool(season.archive.url(), &["history", id]).await.well();
    short(&told.json())
}

#[tokio::test]
async fn tickets_orders_payments_and_users_have_histories() {
    let season = Season::write().await;
    let ticket = history(&season, &Season::ticket(1).to_string()).await;
    insta::assert_snapshot!("story_of_a_ticket", ticket);
    let order = history(&season, &Season::order(4).to_string()).await;
    insta::assert_snapshot!("story_of_an_order", order);
    let payment = domain::PaymentId::of(Season::order(4)).to_string();
    assert_eq!(history(&season, &payment).await, order);
    let user = history(&season, &Season::user("bob").to_string()).await;
    insta::assert_snapshot!("story_of_a_buyer", user);
    assert_eq!(history(&season, "BOB@example.com").await, user);
    let seller = history(&season, "dan@example.com").await;
    insta::assert_snapshot!("story_of_a_seller", seller);
}

#[tokio::test]
async fn an_order_without_a_payment_has_a_history() {
    let season = Season::write().await;
    let story = history(&season, &Season::order(2).to_string()).await;
    for part in [
        "OrderPlaced",
        "TicketReserved",
        "OrderCancelled",
        "TicketReleased",
    ] {
        assert!(story.contains(part), "{story}");
    }
    assert!(!story.contains("PaymentBegun"), "{story}");
    assert_eq!(
        story.matches("OrderPlaced").count(),
        1,
        "only this order\n{story}"
    );
}

#[tokio::test]
async fn a_history_is_a_tree_of_causes() {
    let season = Season::write().await;
    let args = ["history", &Season::order(1).to_string(), "--table"];
    let story = tool(season.archive.url(), &args).await.well().stdout;
    insta::assert_snapshot!(story);
}

#[tokio::test]
async fn a_request_is_the_parent_of_all_its_commits() {
    let nats = simulated().await;
    let captured = ["events", "ls", "--type", "PaymentCaptured", "-n", "1"];
    let captured = tool(nats.url(), &captured).await.well().json();
    let payment = captured[0]["aggregate_id"].as_str().unwrap();
    let story = tool(nats.url(), &["history", payment, "--table"]).await;
    let story = story.well().stdout;
    let (_, causes) = story.split_once("\nCauses\n").unwrap();
    // It was begun, and then authorized.
    let of_one: Vec<_> = causes
        .split("  request ")
        .filter(|of| of.contains("PaymentBegun"))
        .collect();
    assert_eq!(of_one.len(), 1, "{causes}");
    assert!(of_one[0].contains("PaymentAuthorized"), "{causes}");
}

#[tokio::test]
async fn an_aggregate_is_shown_at_any_point_in_time() {
    let season = Season::write().await;
    let url = season.archive.url();
    let ticket = Season::ticket(3).to_string();
    let rows = [
        ("2026-03-01T10:20:00Z", 0, json!("ForSale"), 15_000),
        ("2026-03-01T11:30:00Z", 1, json!("ForSale"), 12_500),
        (
            "2026-03-01T12:01:00Z",
            2,
            json!({"Held": Season::order(4).to_string()}),
            12_500,
        ),
        ("TICKETS:5", 0, json!("ForSale"), 15_000),
    ];
    for (at, version, availability, price) in rows {
        let then = tool(url, &["state", &ticket, "--at", at])
            .await
            .well()
            .json();
        let state = &then[0]["state"];
        assert_eq!(then[0]["stream"], "TICKETS");
        assert_eq!(state["version"], version, "{at}: {state}");
        assert_eq!(then[0]["version"], version, "{at}");
        assert_eq!(state["availability"], availability, "{at}");
        assert_eq!(state["price"], price, "{at}");
    }
    let order = Season::order(4).to_string();
    for (at, status) in [
        ("2026-03-01T12:00:30Z", "Created"),
        ("2026-03-01T12:01:30Z", "AwaitingPayment"),
        ("2026-03-02", "Cancelled"),
    ] {
        let then = tool(url, &["state", &order, "--at", at])
            .await
            .well()
            .json();
        assert_eq!(then[0]["state"]["status"], status, "{at}");
    }
    let now = tool(url, &["state", "ann@example.com"]).await.well();
    assert_eq!(now.json()[0]["state"]["password_hash"], "(secret)");
    tool(url, &["state", &ticket, "--at", "2026-02-01"])
        .await
        .with_code(2)
        .says("there was no");
    tool(url, &["state", &ticket, "--at", "TICKETS:15"])
        .await
        .with_code(2)
        .says("TICKETS ends at #14, so there is no #15");
    tool(url, &["state", &ticket, "--at", "5"])
        .await
        .with_code(2)
        .says("say TICKETS:5 or ORDERS:5");
    let unknown = uuid::Uuid::from_u128(12).to_string();
    tool(url, &["state", &unknown])
        .await
        .with_code(2)
        .says("knows nothing of");
}

#[tokio::test]
async fn tickets_for_sale_at_a_point_in_time_are_listed() {
    let season = Season::write().await;
    let url = season.archive.url();
    for (at, titles) in [
        ("2026-03-01T09:59:59Z", vec![]),
        ("2026-03-01T10:04:00Z", vec!["Seat 1"]),
        // The first is held.
        ("2026-03-01T10:05:00Z", vec![]),
        ("2026-03-01T10:30:00Z", vec!["Seat 2", "Seat 3"]),
        ("2026-03-01T11:10:00Z", vec!["Seat 3"]),
        // The second's hold expired at this very moment.
        ("2026-03-01T11:15:00Z", vec!["Seat 2", "Seat 3"]),
        ("2026-03-03", vec!["Seat 2", "Seat 3"]),
    ] {
        let offers = tool(url, &["tickets", "--at", at]).await.well().json();
        let found: Vec<_> = offers
            .iter()
            .map(|offer| offer["title"].as_str().unwrap())
            .collect();
        assert_eq!(found, titles, "{at}");
    }
    let at = "2026-03-01T11:29:00Z";
    let before = tool(url, &["tickets", "--at", at]).await.well().json();
    assert_eq!(before[1]["price"], "150.00", "as it was then");
    let now = tool(url, &["tickets"]).await.well().json();
    assert_eq!(now[1]["price"], "125.00");
}
