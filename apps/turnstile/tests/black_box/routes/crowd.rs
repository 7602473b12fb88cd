//! A crowd on one ticket that is too large to be served one by one.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use testkit::{LONG, Response};
use tokio::{sync::Barrier, time::sleep};

use crate::support::{Person, Site, as_answers};

/// Number of concurrent requests.
const CROWD: usize = 5_000;
/// Number of users that send them.
const PEOPLE: usize = 20;

/// Orders the ticket until the order is accepted or refused: how many requests of a crowd a machine
/// serves in time depends on what else it does, and each of the others is told to come back. One
/// that was accepted too late for its response finds its order then.
async fn decided(buyer: &Person, ticket: &str) -> Response {
    let deadline = Instant::now() + LONG;
    loop {
        let answer = buyer.try_order(ticket).await;
        if answer.status != 503 {
            return answer;
        }
        assert!(answer.header("retry-after").is_some(), "{}", answer.text);
        assert!(Instant::now() < deadline, "{}", answer.describe());
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_5000_concurrent_buyers_gets_the_ticket() {
    let site = Site::start().await;
    let ticket = site.person().await.sell("The last seat", 20).await;
    let mut people = Vec::new();
    for _ in 0..PEOPLE {
        people.push(site.person().await);
    }
    let start = Arc::new(Barrier::new(CROWD));
    let tasks = (0..CROWD).map(|n| {
        let (buyer, ticket) = (people[n % PEOPLE].clone(), ticket.clone());
        let start = Arc::clone(&start);
        tokio::spawn(async move {
            start.wait().await;
            decided(&buyer, &ticket).await
        })
    });
    let answers = as_answers(tasks.collect()).await;
    let mut placed = 0;
    for person in &people {
        let orders = person.get("/api/orders").await.expect_status(200).json;
        placed += orders.as_array().unwrap().len();
    }
    assert_eq!(placed, 1);
    let winners = answers.iter().filter(|answer| answer.status == 201);
    assert!(winners.count() <= 1);
    // Further orders of the winner lead to the existing one.
    let told = ["Ticket is already reserved", "You already hold this ticket"];
    for loser in answers.iter().filter(|answer| answer.status != 201) {
        loser.assert_status(400);
        let errors = loser.errors();
        assert!(told.contains(&errors[0].message.as_str()), "{}", loser.text);
    }
}
