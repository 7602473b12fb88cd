//! A crowd on one ticket that is too large to be served one by one.

use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::Barrier;

use crate::support::{Site, as_answers};

/// Number of concurrent requests.
const CROWD: usize = 5_000;
/// Number of users that send them.
const PEOPLE: usize = 20;

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
            buyer.try_order(&ticket).await
        })
    });
    let answers = as_answers(tasks.collect()).await;
    let mut counts = BTreeMap::new();
    for answer in &answers {
        *counts.entry(answer.status).or_insert(0) += 1;
    }
    assert_eq!(counts, BTreeMap::from([(201, 1), (400, CROWD - 1)]));
    // Further orders of the winner lead to the existing one.
    let told = ["Ticket is already reserved", "You already hold this ticket"];
    for loser in answers.iter().filter(|answer| answer.status == 400) {
        let errors = loser.errors();
        assert!(told.contains(&errors[0].message.as_str()), "{}", loser.text);
    }
}
