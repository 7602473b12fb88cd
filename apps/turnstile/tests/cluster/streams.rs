//! `turnstile streams`: seen, planned, changed; and refused, where something could be lost.

use async_nats::jetstream::{self, stream::Config};
use testkit::Nats;

use crate::support::{NatsCluster, tool};

fn envs(url: &str) -> Vec<(String, String)> {
    vec![("NATS_URL".to_owned(), url.to_owned())]
}

#[tokio::test]
async fn streams_are_made_and_changed_after_a_plan_was_shown() {
    let nats = Nats::start().await;
    let envs = envs(nats.url());
    let check = tool(&["streams", "check", "--table"], &envs).await;
    assert_eq!(check.code, 1, "{}", check.stderr);
    assert!(
        check.stdout.contains("ORDERS: create it"),
        "{}",
        check.stdout
    );
    // Nobody is there to say yes.
    let asked = tool(&["streams", "migrate"], &envs).await;
    assert_eq!(asked.code, 2);
    assert!(asked.stderr.contains("--yes"), "{}", asked.stderr);
    assert_eq!(tool(&["streams", "check"], &envs).await.code, 1);

    tool(&["streams", "migrate", "--yes"], &envs)
        .await
        .assert_success();
    tool(&["streams", "check"], &envs).await.assert_success();

    let context = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    let mut requests = context.get_stream("REQUESTS").await.unwrap();
    let config = requests.info().await.unwrap().config.clone();
    let limited = Config {
        max_messages: 10,
        ..config
    };
    context.update_stream(limited).await.unwrap();
    let check = tool(&["streams", "check", "--table"], &envs).await;
    assert_eq!(check.code, 1);
    let expected = "REQUESTS: change max_msgs from 10 to no limit";
    assert!(check.stdout.contains(expected), "{}", check.stdout);
    tool(&["streams", "migrate", "--yes"], &envs)
        .await
        .assert_success();
    tool(&["streams", "check"], &envs).await.assert_success();
}

#[tokio::test]
async fn what_could_lose_messages_is_refused_and_nothing_else_is_done() {
    let nats = Nats::start().await;
    let envs = envs(nats.url());
    let context = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    let odd = Config {
        name: "ORDERS".to_owned(),
        subjects: vec!["ORDERS.*".to_owned(), "OLD.ORDERS.*".to_owned()],
        ..Config::default()
    };
    context.create_stream(odd).await.unwrap();
    let migrated = tool(&["streams", "migrate", "--yes"], &envs).await;
    assert_eq!(migrated.code, 2, "{}", migrated.stdout);
    assert!(
        migrated
            .stdout
            .contains("ORDERS: REFUSED: it also takes OLD.ORDERS.*"),
        "{}",
        migrated.stdout
    );
    assert!(migrated.stderr.contains("nothing was changed"));
    assert!(context.get_stream("USERS").await.is_err());
}

#[tokio::test]
async fn a_stream_gets_more_copies_while_it_is_there() {
    let nats = NatsCluster::start().await;
    let mut one = nats.envs("operator");
    one.push(("STREAM_REPLICAS".to_owned(), "1".to_owned()));
    tool(&["streams", "migrate", "--yes"], &one)
        .await
        .assert_success();
    let three = nats.envs("operator");
    let check = tool(&["streams", "check", "--table"], &three).await;
    assert_eq!(check.code, 1);
    let expected = "ORDERS: change num_replicas from 1 to 3";
    assert!(check.stdout.contains(expected), "{}", check.stdout);
    tool(&["streams", "migrate", "--yes"], &three)
        .await
        .assert_success();
    tool(&["streams", "check"], &three).await.assert_success();
    // More copies than wanted do no harm.
    tool(&["streams", "check"], &one).await.assert_success();
}
