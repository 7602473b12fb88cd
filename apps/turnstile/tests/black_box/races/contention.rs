//! One ticket for two hundred buyers, one account for sixteen sign-ups.

use serde_json::Value;
use uuid::Uuid;

use crate::support::{Person, Site, as_answers, statuses};

/// Signs up this number of users, a few at a time.
async fn people(site: &Site, count: usize) -> Vec<Person> {
    let mut people = Vec::new();
    while people.len() < count {
        let tasks: Vec<_> = (people.len()..count.min(people.len() + 16))
            .map(|_| {
                let client = site.anyone();
                tokio::spawn(async move {
                    let user = client.sign_up().await;
                    Person { client, user }
                })
            })
            .collect();
        for task in tasks {
            people.push(task.await.unwrap());
        }
    }
    people
}

/// Has all of them order the ticket concurrently; returns the winner, and that order.
async fn rush(buyers: &[Person], ticket: &str) -> (Person, String) {
    let tasks = buyers.iter().cloned().map(|buyer| {
        let ticket = ticket.to_owned();
        tokio::spawn(async move { buyer.try_order(&ticket).await })
    });
    let answers = as_answers(tasks.collect()).await;
    let mut expected = vec![400; buyers.len()];
    expected[0] = 201;
    expected.sort_unstable();
    assert_eq!(statuses(&answers), expected, "exactly one has the ticket");
    for loser in answers.iter().filter(|answer| answer.status == 400) {
        loser.assert_error(400, "Ticket is already reserved");
    }
    let winner = answers
        .iter()
        .position(|answer| answer.status == 201)
        .unwrap();
    (buyers[winner].clone(), answers[winner].id())
}

async fn two_hundred_buyers_at_once_get_one_ticket_once(site: &Site) {
    let seller = site.person().await;
    let buyers = people(site, 200).await;
    let ticket = seller.sell("The last seat", 20).await;
    let (winner, order) = rush(&buyers, &ticket).await;
    for buyer in &buyers {
        let orders = buyer.get("/api/orders").await.json;
        let count = usize::from(buyer.user.id == winner.user.id);
        assert_eq!(orders.as_array().map(Vec::len), Some(count), "{orders}");
    }
    // And once more, after it was released.
    winner.try_cancel(&order).await.assert_status(204);
    let (winner, order) = rush(&buyers, &ticket).await;
    winner.try_pay(&order).await.assert_status(201);
    let kept = site.charges();
    assert!(kept.keys().all(|charged| *charged == order), "{kept:?}");
}

#[tokio::test]
async fn one_process_sells_a_ticket_to_one_of_200_concurrent_buyers() {
    two_hundred_buyers_at_once_get_one_ticket_once(&Site::start().await).await;
}

#[tokio::test]
async fn separate_services_sell_a_ticket_to_one_of_200_concurrent_buyers() {
    let site = Site::builder().separate().start().await;
    two_hundred_buyers_at_once_get_one_ticket_once(&site).await;
}

#[tokio::test]
async fn sixteen_concurrent_sign_ups_create_one_account() {
    let site = Site::start().await;
    for _ in 0..3 {
        let name = Uuid::new_v4().simple().to_string();
        let tasks = (0..16).map(|n| {
            let client = site.anyone();
            // The same address, in different spellings.
            let email = if n % 2 == 0 {
                format!("{name}@example.com")
            } else {
                format!("{}@Example.COM", name.to_uppercase())
            };
            tokio::spawn(async move { client.sign_up_as(&email, &format!("secret {n}")).await })
        });
        let answers = as_answers(tasks.collect()).await;
        let mut expected = [400; 16];
        expected[0] = 201;
        expected.sort_unstable();
        assert_eq!(statuses(&answers), expected);
        let winner = answers
            .iter()
            .position(|answer| answer.status == 201)
            .unwrap();
        for (n, answer) in answers.iter().enumerate() {
            if n != winner {
                assert_eq!(answer.errors()[0].message, "Email in use");
                assert_eq!(answer.cookie("session"), None);
            }
            // Only the winner's password opens the account.
            let email = format!("{name}@example.com");
            let sign_in = site
                .anyone()
                .sign_in_as(&email, &format!("secret {n}"))
                .await;
            sign_in.assert_status(if n == winner { 200 } else { 400 });
        }
    }
}

#[tokio::test]
async fn two_processes_sell_a_ticket_once() {
    // Caches, leases and expectations that only hold within a process would fail here.
    let first = Site::start().await;
    let second = Site::builder()
        .nats(&first.nats)
        .mongo(&first.mongo)
        .start()
        .await;
    let seller = first.person().await;
    let mut buyers = people(&first, 10).await;
    for buyer in &mut people(&first, 10).await {
        let client = second.anyone();
        client.set_session(buyer.session().as_deref());
        buyer.client = client;
        buyers.push(buyer.clone());
    }
    for _ in 0..10 {
        let ticket = seller.sell("The last seat", 20).await;
        let (winner, order) = rush(&buyers, &ticket).await;
        // A change in one process is visible in the other within moments.
        for site in [&first, &second] {
            let client = site.anyone();
            client.set_session(winner.session().as_deref());
            let path = format!("/api/orders/{order}");
            let shown: Value = client.get(&path).await.expect_status(200).json;
            assert_eq!(shown["status"], "created");
        }
    }
    drop(second);
}
