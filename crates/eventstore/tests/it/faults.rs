//! What the network and the server do to commands.

use crate::support::*;
use eventstore::{Expectation, StoreError};
use futures_util::{StreamExt as _, future::join_all};
use std::time::{Duration, Instant};
use testkit::{DropAcksProxy, LONG, Nats, eventually};
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread")]
async fn lost_acknowledgments_neither_repeat_nor_lose_a_command() {
    let (nats, log) = start().await;
    let proxy = DropAcksProxy::start(nats.url(), 1).await;
    let mut config = config(proxy.url());
    config.answer_timeout = Duration::from_millis(150);
    let lossy = connect_with(config).await;
    proxy.drop_with_probability(0.3);
    let mut commands = JoinSet::new();
    for i in 0..40 {
        let accounts = accounts(&lossy);
        let (id, metadata) = (["a", "b"][i % 2], fresh());
        commands.spawn(async move {
            loop {
                let answer =
                    accounts.execute(id, Command::Deposit(1), &metadata, Expectation::Unknown);
                match answer.await {
                    Ok(executed) => return executed,
                    // On a busy machine; the same command again is safe.
                    Err(error) => assert!(matches!(
                        failure::<()>(Err(error)),
                        StoreError::Unavailable { .. } | StoreError::Conflict { .. }
                    )),
                }
            }
        });
    }
    let answers = commands.join_all().await;
    assert!(proxy.dropped() > 0);
    let stored = log.reader().range(ACCOUNTS, 1, u64::MAX).await.unwrap();
    assert_eq!(stored.count().await, 40);
    // Each was answered with its own result, the lost ones too.
    let mut versions: Vec<_> = answers.iter().map(|answer| answer.version).collect();
    versions.sort_unstable();
    let twice: Vec<_> = (1..=20).flat_map(|version| [version, version]).collect();
    assert_eq!(versions, twice);
    assert!(
        answers
            .iter()
            .all(|a| a.state.balance == i64::try_from(a.version).unwrap())
    );
    for id in ["a", "b"] {
        assert_eq!(accounts(&log).load(id).await.unwrap().state().balance, 20);
    }
}

#[tokio::test]
async fn a_frozen_server_is_unavailable_within_two_seconds_and_recovers() {
    let nats = Nats::start().await;
    let log = connect_with(impatient(nats.url())).await;
    let accounts = accounts(&log);
    deposit(&accounts, "a", 1).await.unwrap();
    let metadata = fresh();
    let requests = log.idempotency();
    nats.pause();
    let began = Instant::now();
    let (cached, unknown, queue, pinged, claimed) = tokio::join!(
        accounts.execute("a", Command::Deposit(2), &metadata, Expectation::Unknown),
        deposit(&accounts, "b", 1),
        // Nor may a queue add up.
        join_all((0..6).map(|_| accounts.load("b"))),
        log.ping(),
        requests.claim(metadata.command_id, "same"),
    );
    let took = began.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
    let mut errors = vec![failure(cached), failure(unknown)];
    errors.extend(queue.into_iter().map(|loaded| loaded.unwrap_err()));
    errors.extend([pinged.unwrap_err(), claimed.unwrap_err()]);
    for error in errors {
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
    }

    nats.resume();
    // The first try may have reached the server; the same command again is safe either way.
    let again = || accounts.execute("a", Command::Deposit(2), &metadata, Expectation::Unknown);
    let answer = eventually("the server answers again", LONG, again).await;
    assert_eq!(answer.state.balance, 3);
    assert_eq!(accounts.commits("a").await.unwrap().len(), 2);
}

#[tokio::test]
async fn without_a_connection_an_append_fails_at_once_and_is_never_sent_later() {
    let (nats, log) = start().await;
    let proxy = DropAcksProxy::start(nats.url(), 1).await;
    let cut_off = connect(proxy.url()).await;
    proxy.cut();
    disconnected(&cut_off).await;
    let began = Instant::now();
    let failed = append(&cut_off, (ACCOUNTS, "a"), 0, Event::Closed, 0);
    assert!(matches!(failed.await, Err(StoreError::Unavailable { .. })));
    assert!(
        cut_off
            .pubsub()
            .broadcast("news", Vec::new())
            .await
            .is_err()
    );
    assert!(began.elapsed() < Duration::from_millis(200));

    proxy.restore();
    connected(&cut_off).await;
    cut_off.ping().await.unwrap();
    assert_eq!(log.reader().last_sequence(ACCOUNTS).await.unwrap(), 0);
}

#[tokio::test]
async fn commands_go_on_after_the_server_was_killed_and_came_back() {
    let nats = Nats::start().await;
    let log = connect_with(impatient(nats.url())).await;
    let accounts = accounts(&log);
    deposit(&accounts, "a", 1).await.unwrap();
    nats.kill9().await;
    disconnected(&log).await;
    let began = Instant::now();
    let failed = failure(deposit(&accounts, "a", 1).await);
    assert!(matches!(failed, StoreError::Unavailable { .. }), "{failed}");
    assert!(began.elapsed() < Duration::from_secs(2));
    nats.restart().await;
    let again = || deposit(&accounts, "a", 10);
    eventually("the server answers again", LONG, again).await;
    assert_eq!(accounts.load("a").await.unwrap().state().balance, 11);
}

#[tokio::test]
async fn a_server_without_the_streams_is_unavailable() {
    let nats = Nats::start().await;
    let log = eventstore::Log::connect(config(nats.url())).await.unwrap();
    connected(&log).await;
    let accounts = accounts(&log);
    let new = run_new(&accounts, "a", Command::Close);
    for error in [failure(new.await), accounts.load("a").await.unwrap_err()] {
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_is_too_old_is_refused_by_name_and_version() {
    let nats = Nats::start().await;
    let old = Disguise::start(nats.url(), |info| {
        info.insert("version".to_owned(), "2.12.8".into());
        info.insert("server_name".to_owned(), "nats-0".into());
    })
    .await;
    let log = eventstore::Log::connect(config(old.url())).await.unwrap();
    connected(&log).await;
    let why = "the event log refused: the NATS server \"nats-0\" is of version \"2.12.8\"; \
               2.14.7 or later is needed";
    for refused in [
        log.streams().ensure().await.unwrap_err(),
        log.ping().await.unwrap_err(),
        log.probe().await.unwrap_err(),
        log.check_server().unwrap_err(),
    ] {
        assert_eq!(refused.to_string(), why);
    }
    // Nothing was made there.
    let raw = async_nats::jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    assert!(raw.get_stream("ACCOUNTS").await.is_err());
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_refused_at_once() {
    let bad = eventstore::Log::connect(config("nats://["))
        .await
        .unwrap_err();
    assert!(
        bad.to_string()
            .starts_with("the event log refused: address of NATS"),
        "{bad}"
    );
    let mut no_file = config("nats://127.0.0.1:1");
    no_file.login = Some(eventstore::Login::CredentialsFile("/nowhere.creds".into()));
    assert!(eventstore::Log::connect(no_file).await.is_err());
    // While a server that isn't there yet is waited for.
    let later = eventstore::Log::connect(impatient("nats://127.0.0.1:1"))
        .await
        .unwrap();
    assert!(!later.is_connected());
    assert!(matches!(
        later.ping().await,
        Err(StoreError::Unavailable { .. })
    ));
}
