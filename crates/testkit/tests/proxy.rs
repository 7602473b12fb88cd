//! The proxy between a real client and a real server.

#![allow(clippy::unwrap_used, reason = "the helpers of tests, too, may panic")]

use std::time::Duration;

use async_nats::jetstream::{self, Context, stream};
use testkit::{DropAcksProxy, LONG, Nats, eventually};

/// A client that connects through the proxy, with a short time limit for acknowledgments.
async fn jetstream(url: &str) -> Context {
    let client = async_nats::connect(url).await.unwrap();
    let mut context = jetstream::new(client);
    context.set_timeout(Duration::from_millis(400));
    context
}

async fn with_stream() -> (Nats, DropAcksProxy, Context, Context) {
    let nats = Nats::start().await;
    let proxy = DropAcksProxy::start(nats.url(), 7).await;
    let direct = jetstream(nats.url()).await;
    let config = stream::Config {
        name: "EVENTS".into(),
        subjects: vec!["EVENTS.>".into()],
        ..Default::default()
    };
    direct.create_stream(config).await.unwrap();
    let through = jetstream(proxy.url()).await;
    (nats, proxy, direct, through)
}

async fn is_acknowledged(context: &Context) -> bool {
    let sent = context.publish("EVENTS.a", "x".into()).await.unwrap();
    sent.await.is_ok()
}

async fn stored(context: &Context) -> u64 {
    let mut stream = context.get_stream("EVENTS").await.unwrap();
    stream.info().await.unwrap().state.messages
}

#[tokio::test]
async fn a_message_with_a_lost_acknowledgment_is_stored() {
    let (_nats, proxy, direct, through) = with_stream().await;
    assert!(is_acknowledged(&through).await);
    proxy.drop_next(2);
    assert!(!is_acknowledged(&through).await);
    assert!(!is_acknowledged(&through).await);
    assert!(is_acknowledged(&through).await);
    assert_eq!(proxy.dropped(), 2);
    assert_eq!(stored(&direct).await, 4);
}

#[tokio::test]
async fn other_responses_pass_while_acknowledgments_are_dropped() {
    let (_nats, proxy, direct, through) = with_stream().await;
    assert!(is_acknowledged(&direct).await);
    proxy.drop_with_probability(1.0);
    assert_eq!(stored(&through).await, 1);
    let stream = through.get_stream("EVENTS").await.unwrap();
    let message = stream.get_raw_message(1).await.unwrap();
    assert_eq!(message.payload, "x");
    assert_eq!(proxy.dropped(), 0);
}

#[tokio::test]
async fn a_predicate_chooses_by_stream_and_sequence() {
    let (_nats, proxy, _direct, through) = with_stream().await;
    proxy.drop_if(|ack| ack.stream == "EVENTS" && ack.sequence == 2);
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(is_acknowledged(&through).await);
    }
    assert_eq!(seen, [true, false, true]);
    proxy.pass_all();
    assert!(is_acknowledged(&through).await);
}

#[tokio::test]
async fn the_seed_determines_the_dropped_share() {
    let mut patterns = Vec::new();
    for _ in 0..2 {
        let (_nats, proxy, _direct, mut through) = with_stream().await;
        through.set_timeout(Duration::from_millis(100));
        proxy.drop_with_probability(0.5);
        let mut seen = Vec::new();
        for _ in 0..16 {
            seen.push(is_acknowledged(&through).await);
        }
        let lost = u64::try_from(seen.iter().filter(|acknowledged| !**acknowledged).count());
        assert_eq!(Ok(proxy.dropped()), lost);
        assert!((2..=14).contains(&proxy.dropped()), "{seen:?}");
        patterns.push(seen);
    }
    assert_eq!(patterns[0], patterns[1]);
}

#[tokio::test]
async fn restored_connections_reconnect() {
    let (_nats, proxy, direct, through) = with_stream().await;
    proxy.cut();
    let through_again = through.clone();
    let is_away = || async { through_again.get_stream("EVENTS").await.is_err() };
    eventually("nothing passes", LONG, is_away).await;
    assert!(is_acknowledged(&direct).await, "the server itself is up");
    proxy.restore();
    let is_back = || async { through.get_stream("EVENTS").await.is_ok() };
    eventually("the client comes back through the proxy", LONG, is_back).await;
    assert!(is_acknowledged(&through).await);
    assert_eq!(stored(&direct).await, 2);
}

#[tokio::test]
async fn a_dropped_publication_never_reaches_the_server() {
    let (_nats, proxy, direct, through) = with_stream().await;
    proxy.swallow_if(|publication| {
        publication.subject == "EVENTS.a" && publication.contains("secret")
    });
    let publish = async |body: &'static str| {
        let sent = through.publish("EVENTS.a", body.into()).await.unwrap();
        sent.await.is_ok()
    };
    assert!(publish("open").await);
    assert!(!publish("a secret").await);
    assert_eq!((proxy.swallowed(), stored(&direct).await), (1, 1));
    proxy.pass_all();
    assert!(publish("a secret").await);
    assert_eq!(stored(&direct).await, 2);
}
