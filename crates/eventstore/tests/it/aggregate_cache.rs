//! What aggregates in memory save: reads of a crowd, and the way so far of a long reading.

use crate::support::*;
use async_nats::jetstream;
use eventstore::{HistoricalCommit, LogConfig};
use testkit::LONG;
use tokio::{sync::watch, task::JoinSet, time::Instant};
use uuid::Uuid;

/// So many who ask at once.
const CROWD: usize = 500;

/// Counts what is asked of a stream's messages, from outside.
struct Questions(async_nats::Client, async_nats::Subscriber);

impl Questions {
    async fn listen(url: &str) -> Self {
        let client = async_nats::connect(url).await.unwrap();
        let heard = client.subscribe("$JS.API.DIRECT.GET.>").await.unwrap();
        client.flush().await.unwrap();
        Self(client, heard)
    }

    /// How many came since.
    async fn count(&mut self) -> usize {
        let Self(client, heard) = self;
        let end = "$JS.API.DIRECT.GET.END.x";
        client.publish(end, "".into()).await.unwrap();
        let mut count = 0;
        while next(heard, 1).await[0].subject.as_str() != end {
            count += 1;
        }
        count
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_is_refused_shares_its_reads() {
    let (nats, log) = start().await;
    let accounts = accounts(&log);
    deposit(&accounts, "a", 1).await.unwrap();
    let mut questions = Questions::listen(nats.url()).await;
    let gate = watch::Sender::new(false);
    let mut crowd = JoinSet::new();
    for n in 0..CROWD {
        let (accounts, mut gate) = (accounts.clone(), gate.subscribe());
        crowd.spawn(async move {
            gate.wait_for(|is_open| *is_open).await.unwrap();
            if n % 2 == 0 {
                let refused = run(&accounts, "a", Command::Withdraw(5)).await;
                assert_eq!(refused.unwrap_err().to_string(), "the balance is 1");
            } else {
                assert_eq!(accounts.load("a").await.unwrap().version(), 1);
            }
        });
    }
    gate.send_replace(true);
    crowd.join_all().await;
    let asked = questions.count().await;
    assert!((1..CROWD / 4).contains(&asked), "{asked} reads");
}

#[tokio::test]
async fn a_shared_read_is_never_older_than_the_command_that_it_answers() {
    let (nats, log) = start().await;
    let (mine, others) = (accounts(&log), accounts(&connect(nats.url()).await));
    deposit(&mine, "a", 0).await.unwrap();
    for balance in 1..=20 {
        // What another process was told stands in the log before this one asks.
        deposit(&others, "a", 1).await.unwrap();
        let loaded = mine.load("a").await.unwrap();
        assert_eq!(loaded.state().balance, balance);
        let refusal = run(&mine, "a", Command::Withdraw(1000)).await;
        let expected = format!("the balance is {balance}");
        assert_eq!(refusal.unwrap_err().to_string(), expected);
    }
}

#[tokio::test]
async fn a_long_reading_that_is_interrupted_goes_on_where_it_was() {
    let (nats, log) = start().await;
    let (mut version, mut last) = (0, 0);
    let events = vec![Event::Deposited { amount: 1 }; 100];
    for _ in 0..800 {
        let metadata = fresh();
        let account = ("account", "a");
        let importer = log.importer();
        let appended = importer.append_events(ACCOUNTS, account, version, &events, &metadata, last);
        last = appended.await.unwrap();
        version += 100;
    }
    let mut whole = LONG;
    for _ in 0..3 {
        let began = Instant::now();
        assert_eq!(accounts(&log).load("a").await.unwrap().version(), version);
        whole = whole.min(began.elapsed());
    }

    // Never enough time for all of it.
    let hasty = connect_with(LogConfig {
        command_timeout: whole / 4,
        ..config(nats.url())
    })
    .await;
    let hasty = accounts(&hasty);
    let mut tries = 1;
    let loaded = loop {
        match hasty.load("a").await {
            Ok(loaded) => break loaded,
            Err(error) => assert!(tries < 50, "{error}, of {whole:?}"),
        }
        tries += 1;
    };
    assert!(tries > 1, "it took {whole:?} before");
    assert_eq!(loaded.version(), version);
    assert_eq!(loaded.state().balance, i64::try_from(version).unwrap());
}

#[tokio::test]
async fn a_replaced_log_is_read_again_at_once() {
    let (nats, log) = start().await;
    let accounts = accounts(&log);
    deposit(&accounts, "a", 1).await.unwrap();
    deposit(&accounts, "b", 1).await.unwrap();
    let raw = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    raw.delete_stream("ACCOUNTS").await.unwrap();
    testkit::eventually("made anew", LONG, || recreated(&log)).await;
    // Longer than what is in memory, so its end alone doesn't give it away, and neither do its
    // versions.
    let (mut last, both) = (0, [Event::Deposited { amount: 7 }, Event::Closed]);
    for version in [0, 2, 4] {
        let metadata = fresh();
        let account = ("account", "a");
        let importer = log.importer();
        let appended = importer.append_events(ACCOUNTS, account, version, &both, &metadata, last);
        last = appended.await.unwrap();
    }
    let loaded = accounts.load("a").await.unwrap();
    assert_eq!((loaded.state().balance, loaded.version()), (21, 6));
}

#[tokio::test]
async fn an_account_of_a_hundred_thousand_commits_stays_in_memory() {
    let (nats, log) = start().await;
    let mut import = log.importer().begin(ACCOUNTS, 0);
    for message in 0..400_u64 {
        let commits: Vec<_> = (0..250)
            .map(|n| {
                HistoricalCommit::new(
                    (ACCOUNTS, "account", "a".to_owned()),
                    message * 250 + n,
                    Uuid::now_v7(),
                    fresh(),
                    &[Event::Deposited { amount: 1 }],
                )
                .unwrap()
            })
            .collect();
        import.append(&commits).await.unwrap();
    }
    import.finish().await.unwrap();
    let accounts = accounts(&log);
    assert_eq!(accounts.load("a").await.unwrap().version(), 100_000);
    let mut questions = Questions::listen(nats.url()).await;
    for n in 1..=20 {
        let done = deposit(&accounts, "a", 1).await.unwrap();
        assert_eq!(done.version, 100_000 + n);
    }
    assert_eq!(questions.count().await, 0, "nothing is read again");
}
