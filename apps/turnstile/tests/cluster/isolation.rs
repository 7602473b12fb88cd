//! A server of NATS that is cut off from the others, and continues as if it weren't.

use std::time::{Duration, Instant};
use testkit::{LONG, Mongo, TestApp, eventually};

use crate::support::{PartitionableCluster, builder, tool};

/// Time until it is noticed: three missing answers, and three seconds of silence before that if the
/// server that is cut off leads the requested stream.
const NOTICED: Duration = Duration::from_secs(8);

/// A service in a cluster whose servers can be cut off.
async fn service(nats: &PartitionableCluster) -> (TestApp, Mongo) {
    let envs = nats.envs();
    eventually("the streams exist", LONG, || async {
        let made = tool(&["streams", "migrate", "--yes"], &envs).await;
        (made.code == 0).then_some(()).ok_or(made.stderr)
    })
    .await;
    let mongo = Mongo::database().await;
    let app = builder("tickets", &envs).mongo(&mongo).start().await;
    (app, mongo)
}

#[tokio::test]
async fn publishing_moves_away_from_an_isolated_server() {
    let nats = PartitionableCluster::start().await;
    let (_app, _mongo) = service(&nats).await;
    let home = nats.home_of("tickets-publisher").await.unwrap();
    nats.cut(home);
    eventually("it publishes elsewhere", LONG, || async {
        let elsewhere = nats.home_of("tickets-publisher").await;
        let moved = elsewhere.is_some_and(|now| now != home);
        moved.then_some(()).ok_or(elsewhere)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_moves_away_from_an_isolated_server() {
    let nats = PartitionableCluster::start().await;
    let (app, _mongo) = service(&nats).await;
    let home = nats.home_of("tickets").await.unwrap();

    nats.cut(home);
    let began = Instant::now();
    let client = app.client();
    let ready = async || {
        let answer = client.get("/readyz").try_send().await;
        answer.is_ok_and(|answer| answer.status == 200)
    };
    eventually("it isn't ready", LONG, || async {
        (!ready().await).then_some(()).ok_or("it still is")
    })
    .await;
    let noticed = began.elapsed();
    eventually("it is ready, elsewhere", LONG, || async {
        let elsewhere = nats.home_of("tickets").await;
        let moved = elsewhere.is_some_and(|now| now != home);
        (moved && ready().await).then_some(()).ok_or(elsewhere)
    })
    .await;
    println!(
        "cut off: noticed after {noticed:.1?}, elsewhere after {:.1?}",
        began.elapsed()
    );
    assert!(noticed < NOTICED, "{noticed:?}");
}
