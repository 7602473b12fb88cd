//! Many processes start at once, and none was there before.

use std::time::Instant;
use testkit::Mongo;

use crate::support::{NatsCluster, builder, tool};

#[tokio::test]
async fn eight_processes_that_start_at_once_make_the_streams_together() {
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
        let app = builder(name, nats.envs(name)).mongo(&mongo);
        apps.push(app.start_unready().await);
    }
    for app in &apps {
        app.wait_ready().await;
    }
    println!("8 processes were ready after {:?}", began.elapsed());
    let operator = nats.envs("operator");
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
    let refused = nats.complaints("Permissions Violation");
    assert!(refused.is_empty(), "{refused:#?}");
}
