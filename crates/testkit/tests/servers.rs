//! The servers and the waiting.

use std::time::Duration;

use testkit::{LONG, Mongo, Nats, eventually};

#[tokio::test]
async fn messages_that_nats_acknowledged_survive_its_kill() {
    let nats = Nats::start().await;
    let client = async_nats::connect(nats.url()).await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    let config = async_nats::jetstream::stream::Config {
        name: "EVENTS".into(),
        ..Default::default()
    };
    jetstream.create_stream(config).await.unwrap();
    let ack = jetstream.publish("EVENTS", "first".into()).await.unwrap();
    assert_eq!(ack.await.unwrap().sequence, 1);

    nats.kill9().await;
    nats.restart().await;
    let stored = eventually("the client is connected again", LONG, || async {
        let stream = jetstream.get_stream("EVENTS").await.ok()?;
        stream.get_raw_message(1).await.ok()
    });
    assert_eq!(stored.await.payload, "first");
}

#[tokio::test]
async fn databases_on_one_server_have_different_names() {
    let (first, second) = (Mongo::database().await, Mongo::database().await);
    assert_eq!(first.uri(), second.uri());
    assert_ne!(first.name(), second.name());
    assert_ne!(first.name(), first.another_database().name());
}

#[tokio::test]
async fn a_private_mongodb_can_be_killed_and_restarted() {
    let mongo = Mongo::own().await;
    let address = mongo.uri().trim_start_matches("mongodb://").to_owned();
    let connects = || async { tokio::net::TcpStream::connect(&address).await.is_ok() };
    assert!(connects().await);
    mongo.kill9().await;
    assert!(!connects().await);
    mongo.restart().await;
    assert!(connects().await);
}

#[tokio::test]
#[should_panic(expected = "use Mongo::own()")]
async fn a_shared_mongodb_cannot_be_killed() {
    Mongo::database().await.kill9().await;
}

#[tokio::test]
async fn eventually_returns_the_value() {
    let mut asked = 0;
    let condition = || {
        asked += 1;
        let asked = asked;
        async move { (asked == 3).then_some(asked) }
    };
    assert_eq!(eventually("the third time", LONG, condition).await, 3);
}

#[tokio::test]
#[should_panic(expected = "not within 20ms: pigs fly; last seen: \"still walking\"")]
async fn a_timeout_names_the_condition_and_the_last_state() {
    let condition = || async { Err::<(), _>("still walking") };
    eventually("pigs fly", Duration::from_millis(20), condition).await;
}

#[tokio::test]
#[should_panic(expected = "not within 20ms: an answer comes")]
async fn a_condition_that_hangs_times_out() {
    eventually("an answer comes", Duration::from_millis(20), || {
        std::future::pending::<bool>()
    })
    .await;
}
