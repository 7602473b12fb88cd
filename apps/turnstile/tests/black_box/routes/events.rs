//! The events that every change publishes for other services and analysts: in order, and once.

use serde_json::json;
use std::collections::BTreeSet;
use testkit::{LONG, eventually};
use uuid::Uuid;

use crate::support::{Commit, Site, on_both_deployments};

on_both_deployments!(each_change_is_published_once_and_in_order);

fn types(commits: &[Commit]) -> Vec<&str> {
    let types = commits.iter().flat_map(|commit| &commit.types);
    types.map(String::as_str).collect()
}

/// Waits until an aggregate's events are these; checks that versions are dense and IDs unique.
async fn published(site: &Site, stream: &str, aggregate: &str, expected: &[&str]) -> Vec<Commit> {
    let what = format!("{stream} has {expected:?}");
    let commits = eventually(&what, LONG, || async {
        let commits = site.commits(stream, aggregate).await;
        if types(&commits) == expected {
            Ok(commits)
        } else {
            Err(commits)
        }
    })
    .await;
    let mut version = 0;
    for commit in &commits {
        assert_eq!(commit.version, version, "{commits:?}");
        version += commit.types.len() as u64;
    }
    for id in [|c: &Commit| c.id.clone(), |c: &Commit| c.command.clone()] {
        let ids: BTreeSet<_> = commits.iter().map(id).collect();
        assert_eq!(ids.len(), commits.len(), "{commits:?}");
    }
    commits
}

async fn each_change_is_published_once_and_in_order(site: &Site) {
    let (seller, buyer) = (site.person().await, site.person().await);
    let ticket = seller.sell("Opening night", "19.99").await;
    let change = json!({"title": "Second night", "price": 30});
    let path = format!("/api/tickets/{ticket}");
    seller.put(&path, &change).await.assert_status(200);
    let first = buyer.order(&ticket).await;
    buyer.try_cancel(&first).await.assert_status(204);
    buyer.try_cancel(&first).await.assert_status(204);
    let request = Uuid::new_v4().to_string();
    let body = json!({"ticketId": ticket});
    let order = buyer
        .post("/api/orders", &body)
        .header("x-request-id", &request)
        .await;
    let order = order.expect_status(201).id();
    buyer
        .try_pay_with(&order, "tok_chargeDeclined")
        .await
        .assert_status(402);
    let paid = buyer.try_pay(&order).await.expect_status(201).id();
    buyer.try_pay(&order).await.assert_status(201);
    // Refusals publish nothing.
    seller.put(&path, &change).await.assert_status(400);
    buyer.try_cancel(&order).await.assert_status(400);
    seller.try_order(&ticket).await.assert_status(400);

    let users = published(site, "USERS", &buyer.user.id, &["UserRegistered"]).await;
    assert_eq!(users[0].data[0]["email"], buyer.user.email);
    let decided = [
        "OrderPlaced",
        "OrderCancelled",
        "OrderPlaced",
        "OrderAwaitingPayment",
        "OrderCompleted",
    ];
    let orders = published(site, "ORDERS", &ticket, &decided).await;
    assert_eq!(
        orders[2].correlation, request,
        "the request is the correlation"
    );
    assert_eq!(
        orders[2].data[0]["ticket"]["price"], 3_000,
        "money is in cents"
    );
    assert_eq!(orders[1].data[0]["reason"], "buyer");
    let followed = [
        "TicketListed",
        "TicketRevised",
        "TicketReserved",
        "TicketReleased",
        "TicketReserved",
        "TicketSold",
    ];
    let tickets = published(site, "TICKETS", &ticket, &followed).await;
    assert_eq!(tickets[4].correlation, request, "what follows keeps it");
    let moved = [
        "PaymentBegun",
        "PaymentDeclined",
        "PaymentAuthorized",
        "PaymentCaptured",
    ];
    published(site, "PAYMENTS", &paid, &moved).await;
}
