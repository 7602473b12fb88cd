//! Commands that wait for the same account: decided one after the other, stored together, and each
//! answered on its own.

use crate::support::*;
use eventstore::{CommandError, Commit, Expectation, Log, Metadata, Store, StoreError};
use futures_util::{TryStreamExt, future::join_all};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};
use testkit::{DropAcksProxy, Nats};
use uuid::Uuid;

/// Commands that are sent at once.
const CROWD: usize = 64;

async fn all_commits(log: &Log) -> Vec<Commit> {
    let commits = log.reader().range(ACCOUNTS, 1, u64::MAX).await.unwrap();
    commits.try_collect().await.unwrap()
}

/// Sends commands to an account at once; they arrive in this order.
async fn at_once(
    accounts: &Store<Account>,
    commands: impl IntoIterator<Item = (Command, Metadata)>,
) -> Vec<Answer> {
    let commands = commands.into_iter().map(|(command, metadata)| {
        let accounts = accounts.clone();
        async move {
            accounts
                .execute("a", command, &metadata, Expectation::Unknown)
                .await
        }
    });
    join_all(commands).await
}

#[tokio::test]
async fn waiting_commands_share_a_message_with_a_commit_for_each() {
    let (_nats, log) = start().await;
    let accounts = accounts(&log);
    let sent: Vec<_> = (0..CROWD)
        .map(|n| Metadata {
            actor: format!("teller {n}"),
            correlation_id: format!("request {n}"),
            causation_id: (n % 2 == 0).then(Uuid::new_v4),
            trace_parent: (n % 3 == 0).then(|| format!("00-{n}-1-01")),
            ..fresh()
        })
        .collect();
    let deposits = sent.iter().map(|it| (Command::Deposit(1), it.clone()));
    let answers = at_once(&accounts, deposits).await;
    let commits = all_commits(&log).await;
    assert_eq!(commits.len(), CROWD);
    let messages = log.reader().last_sequence(ACCOUNTS).await.unwrap();
    assert!(messages <= 3, "{messages} messages for {CROWD} commands");
    for (n, (metadata, answer)) in sent.iter().zip(answers).enumerate() {
        let answer = answer.unwrap();
        assert!(!answer.was_duplicate);
        let version = n as u64 + 1;
        assert_eq!((answer.version, answer.state.entries), (version, version));
        let commit = &commits[n];
        assert_eq!(Some(commit.commit_id), answer.commit_id);
        assert_eq!(
            (commit.sequence, commit.version),
            (answer.sequence, version - 1)
        );
        assert_eq!(&commit.metadata.actor, &metadata.actor);
        assert_eq!(&commit.metadata.correlation_id, &metadata.correlation_id);
        assert_eq!(commit.metadata.causation_id, metadata.causation_id);
        assert_eq!(commit.metadata.trace_parent, metadata.trace_parent);
        assert_eq!(commit.metadata.command_id, metadata.command_id);
    }
    // Each is known by its ID from then on, here and elsewhere.
    for store in [&accounts, &self::accounts(&log)] {
        let again = sent.iter().map(|it| (Command::Close, it.clone()));
        for (n, again) in at_once(store, again).await.into_iter().enumerate() {
            let again = again.unwrap();
            assert!(again.was_duplicate);
            assert_eq!(
                (again.version, again.commit_id),
                (n as u64 + 1, Some(commits[n].commit_id))
            );
        }
    }
}

#[tokio::test]
async fn a_command_that_fails_does_not_affect_others_in_its_group() {
    let (_nats, log) = start().await;
    let accounts = accounts(&log);
    let first = fresh();
    let verbose = Metadata {
        actor: "x".repeat(129),
        ..fresh()
    };
    let commands = [
        (Command::Withdraw(1), fresh()),
        (Command::Deposit(5), first.clone()),
        (Command::Withdraw(100), fresh()),
        (Command::Deposit(5), first),
        (Command::Look, fresh()),
        (Command::Annotate("x".repeat(2 << 20)), fresh()),
        (Command::Deposit(1), verbose),
        (Command::Withdraw(3), fresh()),
        (Command::Withdraw(3), fresh()),
    ];
    let mut answers = at_once(&accounts, commands).await.into_iter();
    let mut next = || answers.next().unwrap();
    let refused = |answer: Answer, balance: i64| match answer {
        Err(CommandError::Refused(refusal)) => assert_eq!(refusal, Refusal(balance)),
        other => panic!("{other:?}"),
    };
    refused(next(), 0);
    let deposited = next().unwrap();
    assert_eq!(
        (deposited.state.balance, deposited.was_duplicate),
        (5, false)
    );
    refused(next(), 5);
    let repeated = next().unwrap();
    assert_eq!(repeated.commit_id, deposited.commit_id);
    assert_eq!((repeated.state.balance, repeated.was_duplicate), (5, true));
    let looked = next().unwrap();
    assert_eq!((looked.commit_id, looked.version), (deposited.commit_id, 1));
    assert_eq!(looked.sequence, deposited.sequence);
    assert!(matches!(failure(next()), StoreError::TooLarge { .. }));
    assert!(matches!(failure(next()), StoreError::Rejected(_)));
    assert_eq!(next().unwrap().state.balance, 2);
    refused(next(), 2);
    assert_eq!(all_commits(&log).await.len(), 2);
}

#[tokio::test]
async fn a_refusal_that_rests_on_what_was_not_stored_is_decided_again() {
    let (nats, log) = start().await;
    let (mine, others) = (accounts(&log), accounts(&connect(nats.url()).await));
    deposit(&mine, "a", 1).await.unwrap();
    // What is in my memory leads to a refusal, and is too old to be stored.
    deposit(&others, "a", 10).await.unwrap();
    let commands = [
        (Command::Deposit(1), fresh()),
        (Command::Withdraw(12), fresh()),
        (Command::Withdraw(1), fresh()),
    ];
    let answers = at_once(&mine, commands).await;
    let balances: Vec<_> = answers
        .into_iter()
        .map(|answer| {
            answer
                .map(|it| it.state.balance)
                .map_err(|error| error.to_string())
        })
        .collect();
    assert_eq!(
        balances,
        [Ok(12), Ok(0), Err("the balance is 0".to_owned())]
    );
}

#[tokio::test]
async fn a_command_that_panics_does_so_for_its_caller_alone() {
    let (_nats, log) = start().await;
    let accounts = accounts(&log);
    let defect = {
        let accounts = accounts.clone();
        tokio::spawn(async move { run(&accounts, "a", Command::Panic).await })
    };
    let others = [
        (Command::Deposit(1), fresh()),
        (Command::Deposit(1), fresh()),
    ];
    let (defect, others) = tokio::join!(defect, at_once(&accounts, others));
    assert!(defect.unwrap_err().is_panic());
    assert!(others.iter().all(Result::is_ok));
    assert_eq!(deposit(&accounts, "a", 1).await.unwrap().version, 3);
}

#[tokio::test]
async fn a_caller_that_gives_up_takes_nothing_from_others() {
    let (_nats, log) = start().await;
    let accounts = accounts(&log);
    for round in 1..=20_u64 {
        let mut waiting: Vec<_> = (0..3)
            .map(|_| {
                let accounts = accounts.clone();
                tokio::spawn(async move { deposit(&accounts, "a", 1).await })
            })
            .collect();
        // The first, which found nobody at work.
        let first = waiting.remove(0);
        tokio::time::sleep(Duration::from_micros(round * 40)).await;
        first.abort();
        for other in waiting {
            other.await.unwrap().unwrap();
        }
    }
    let loaded = accounts.load("a").await.unwrap();
    assert!(
        (40..=60).contains(&loaded.version()),
        "{}",
        loaded.version()
    );
    assert_eq!(all_commits(&log).await.len() as u64, loaded.version());
}

/// Rounds of faults, and commands in each.
const ROUNDS: u64 = 500;
const AT_ONCE: usize = 6;

/// Sends commands again until each is answered.
async fn until_answered(
    accounts: &Store<Account>,
    commands: &[Metadata],
) -> Vec<eventstore::CommandOutcome<Account>> {
    let each = commands.iter().map(|metadata| async move {
        loop {
            let answer = accounts.execute("a", Command::Deposit(1), metadata, Expectation::Unknown);
            match answer.await {
                Ok(executed) => return executed,
                Err(error) => assert!(matches!(
                    failure::<()>(Err(error)),
                    StoreError::Unavailable { .. } | StoreError::Conflict { .. }
                )),
            }
        }
    });
    join_all(each).await
}

/// Sends commands as a process that ends after a while, wherever it is then.
async fn die_while_sending(url: &str, commands: &[Metadata], after: Duration) {
    let process = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (url, commands) = (url.to_owned(), commands.to_vec());
    let (ready, is_ready) = tokio::sync::oneshot::channel();
    process.spawn(async move {
        let accounts = accounts(&connect(&url).await);
        accounts.load("a").await.unwrap();
        ready.send(()).unwrap();
        until_answered(&accounts, &commands).await;
        std::future::pending::<()>().await;
    });
    is_ready.await.unwrap();
    tokio::time::sleep(after).await;
    // Nothing that it has in memory, or in its sockets, outlives this.
    process.shutdown_background();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_command_takes_effect_once_in_500_rounds_of_faults() {
    let nats = Nats::start().await;
    let log = connect(nats.url()).await;
    let proxy = DropAcksProxy::start(nats.url(), 1).await;
    let mut hasty = config(proxy.url());
    hasty.answer_timeout = Duration::from_millis(30);
    let lossy = accounts(&connect_with(hasty).await);
    let rival = accounts(&connect(nats.url()).await);
    let began = Instant::now();
    let mut sent = HashMap::new();
    for round in 0..ROUNDS {
        let commands: Vec<_> = (0..AT_ONCE).map(|_| fresh()).collect();
        // Every tenth time the process dies; every second time an acknowledgment is lost.
        let answered = if round % 10 == 0 {
            let after = Duration::from_micros(round * 97 % 1_500);
            die_while_sending(nats.url(), &commands, after).await;
            until_answered(&rival, &commands).await
        } else {
            proxy.drop_next(round % 2);
            let (answered, ()) = tokio::join!(
                until_answered(&lossy, &commands),
                // Somebody else writes to the same account.
                async {
                    if round % 4 == 0 {
                        let metadata = fresh();
                        let id = metadata.command_id;
                        let executed = until_answered(&rival, &[metadata]).await.remove(0);
                        sent.insert(id, executed);
                    }
                }
            );
            answered
        };
        for (metadata, executed) in commands.iter().zip(answered) {
            sent.insert(metadata.command_id, executed);
        }
    }
    let took = began.elapsed();
    assert!(proxy.dropped() > 100, "{}", proxy.dropped());
    // Each command has one commit, and was told of that one.
    let commits = all_commits(&log).await;
    assert_eq!(commits.len(), sent.len());
    for (n, commit) in commits.iter().enumerate() {
        assert_eq!(commit.version, n as u64, "versions are dense");
        let executed = &sent[&commit.metadata.command_id];
        assert_eq!(executed.commit_id, Some(commit.commit_id));
        assert_eq!(
            (executed.sequence, executed.version),
            (commit.sequence, n as u64 + 1)
        );
        assert_eq!(executed.state.entries, n as u64 + 1);
    }
    let messages = log.reader().last_sequence(ACCOUNTS).await.unwrap();
    let half = commits.len() as u64 / 2;
    assert!(messages < half, "they share messages");
    println!(
        "{ROUNDS} rounds in {took:?}: {} commits in {messages} messages",
        commits.len()
    );
}
