//! Many processes start at once, on a new installation.

use std::time::Instant;
use testkit::{LONG, Mongo, eventually};

use crate::support::{NatsCluster, builder, tool};

#[tokio::test]
async fn eight_starting_processes_wait_for_the_streams_of_one_job() {
    let nats = NatsCluster::start().await;
    let mongo = Mongo::database().await;
    let began = Instant::now();
    let names = [
        "auth",
        "tickets",
        "orders",
        "expiration",
        "auth",
        "tickets",
        "orders",
        "expiration",
    ];
    let mut apps = Vec::new();
    for name in names {
        let app = builder(name, &nats.envs(name)).mongo(&mongo);
        apps.push(app.start_unready().await);
    }
    for (app, name) in apps.iter().zip(names) {
        let client = app.client();
        // A service without a read model can't distinguish a new installation from a lost log.
        let told = if ["auth", "expiration"].contains(&name) {
            r#"{"name":"streams","reason":"are not made yet"}"#
        } else {
            r#"{"name":"stream USERS","reason":"is missing"}"#
        };
        eventually("it tells what it waits for", LONG, || async {
            let answer = client.get("/readyz").try_send().await;
            let text = answer.map(|answer| answer.text).unwrap_or_default();
            text.contains(told).then_some(()).ok_or(text)
        })
        .await;
    }
    let mut operator = nats.envs("operator");
    operator.push(("MONGODB_URI".to_owned(), mongo.uri().to_owned()));
    operator.push(("MONGODB_DATABASE".to_owned(), mongo.name().to_owned()));
    let job = tool(&["streams", "init"], &operator).await;
    job.assert_success();
    for app in &apps {
        app.wait_ready().await;
    }
    println!("8 processes were ready after {:?}", began.elapsed());
    let check = tool(&["streams", "check", "--table"], &operator).await;
    check.assert_success();
    let list = tool(&["streams", "ls", "--table"], &operator).await;
    assert_eq!(
        list.stdout.matches("3 copies").count(),
        8,
        "{}",
        list.stdout
    );
    assert!(list.stdout.contains("led by nats-"), "{}", list.stdout);
    assert!(list.stdout.contains("tickets-on-orders"), "{}", list.stdout);
    // Each tried to create them once, and accepts the refusal.
    let (tried, others): (Vec<_>, Vec<_>) = nats
        .complaints("Permissions Violation")
        .into_iter()
        .partition(|line| line.contains("STREAM.CREATE.USERS"));
    assert!(others.is_empty(), "{others:#?}");
    assert!(tried.len() <= apps.len(), "{tried:#?}");
    // Repeating it changes nothing.
    tool(&["streams", "init"], &operator).await.assert_success();
    tool(&["streams", "check"], &operator)
        .await
        .assert_success();
}
