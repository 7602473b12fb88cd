//! Commands: one effect each, whatever happens at once.

use crate::support::*;
use async_nats::jetstream;
use eventstore::{CommandError, Expectation, Log, Store, StoreError};
use futures_util::StreamExt as _;
use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use testkit::{DropAcksProxy, LONG, eventually};
use tokio::{sync::watch, task::JoinSet};
use uuid::Uuid;

/// The versions of an account's events are 0, 1, 2, … and its commits fold to what is loaded.
async fn assert_whole(accounts: &Store<Account>, id: &str) -> Account {
    let mut folded = Account::default();
    let mut next = 0;
    for commit in accounts.commits(id).await.unwrap() {
        for (version, event) in commit.decode().unwrap() {
            assert_eq!(version, next, "versions are dense");
            next += 1;
            cqrs_es::Aggregate::apply(&mut folded, event);
        }
    }
    let loaded = accounts.load(id).await.unwrap();
    assert_eq!((loaded.state(), loaded.version()), (&folded, next));
    folded
}

/// How many commits there are.
async fn stored(log: &Log) -> usize {
    let range = log.reader().range(ACCOUNTS, 1, u64::MAX).await.unwrap();
    range.count().await
}

/// A gate that all wait at, so that what comes behind it happens at once.
#[derive(Clone)]
struct Gate(watch::Sender<bool>);

impl Gate {
    async fn wait(&self) {
        self.0
            .subscribe()
            .wait_for(|is_open| *is_open)
            .await
            .unwrap();
    }

    fn open(&self) {
        self.0.send_replace(true);
    }
}

/// Several processes, each with a connection and a cache of its own, and a gate for them.
async fn processes(url: &str, count: usize) -> (Vec<Store<Account>>, Gate) {
    let mut tellers = Vec::new();
    for _ in 0..count {
        tellers.push(accounts(&connect(url).await));
    }
    (tellers, Gate(watch::Sender::new(false)))
}

#[tokio::test]
async fn a_command_builds_on_what_was_committed_before() {
    let (_nats, log) = start().await;
    let accounts = accounts(&log);
    let first = deposit(&accounts, "a", 5).await.unwrap();
    assert_eq!(
        (first.version, first.sequence, first.was_duplicate),
        (1, 1, false)
    );
    deposit(&accounts, "b", 1).await.unwrap();
    let both = run(&accounts, "a", Command::Transfer(7));
    let both = both.await.unwrap();
    assert_eq!((both.version, both.sequence, both.state.balance), (3, 3, 5));

    let commits = accounts.commits("a").await.unwrap();
    assert_eq!(sequences(&commits), [1, 3], "one commit a command");
    assert_eq!(commits[1].event_count().unwrap(), 2);
    let loaded = accounts.load("a").await.unwrap();
    assert_eq!((loaded.version(), loaded.last_sequence()), (3, 3));
    assert_eq!(accounts.load("nobody").await.unwrap().version(), 0);

    // Nothing to store, nothing stored.
    let looked = run(&accounts, "a", Command::Look);
    assert_eq!(looked.await.unwrap().sequence, 3);
    assert_eq!(log.reader().last_sequence(ACCOUNTS).await.unwrap(), 3);
    assert_whole(&accounts, "a").await;
}

#[tokio::test]
async fn a_refusal_is_given_only_after_the_newest_state_was_read() {
    let (nats, log) = start().await;
    let (mine, others) = (accounts(&log), accounts(&connect(nats.url()).await));
    deposit(&mine, "a", 1).await.unwrap();
    deposit(&others, "a", 10).await.unwrap();
    // What is in my memory knows of one only.
    let answer = run(&mine, "a", Command::Withdraw(11));
    assert_eq!(answer.await.unwrap().state.balance, 0);
    let refusal = run(&mine, "a", Command::Withdraw(1));
    assert_eq!(refusal.await.unwrap_err().to_string(), "the balance is 0");
    // Nor does the hint that nothing is there yet lead to a refusal, or to a second beginning.
    deposit(&others, "b", 3).await.unwrap();
    let answer = run_new(&mine, "b", Command::Withdraw(2));
    assert_eq!(answer.await.unwrap().state.balance, 1);
    let others = accounts(&connect(nats.url()).await);
    let answer = run_new(&others, "b", Command::Deposit(4));
    assert_eq!(answer.await.unwrap().state.balance, 5);
    assert_whole(&mine, "b").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_in_several_processes_lose_no_update() {
    let (nats, log) = start().await;
    let (tellers, gate) = processes(nats.url(), 4).await;
    let mut writers = JoinSet::new();
    for accounts in tellers {
        for _ in 0..25 {
            let (accounts, gate) = (accounts.clone(), gate.clone());
            writers.spawn(async move {
                gate.wait().await;
                deposit(&accounts, "a", 1).await
            });
        }
    }
    gate.open();
    let mut commits = HashSet::new();
    for answer in writers.join_all().await {
        match answer {
            Ok(executed) => assert!(commits.insert(executed.commit_id)),
            // Whoever loses sixteen times in a row is told so, and has stored nothing.
            Err(error) => assert!(matches!(
                failure::<()>(Err(error)),
                StoreError::Conflict { .. }
            )),
        }
    }
    let whole = assert_whole(&accounts(&log), "a").await;
    assert_eq!(whole.entries, commits.len() as u64);
    assert!(whole.entries > 50);
    assert_eq!(stored(&log).await, commits.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn random_concurrent_commands_keep_accounts_consistent() {
    let (nats, log) = start().await;
    let (tellers, gate) = processes(nats.url(), 4).await;
    let mut writers = JoinSet::new();
    for (writer, accounts) in tellers.into_iter().enumerate() {
        let gate = gate.clone();
        writers.spawn(async move {
            gate.wait().await;
            let mut stored = 0_usize;
            for step in 0..60 {
                let dice =
                    Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{writer}.{step}").as_bytes());
                let [which, what, amount, hint, ..] = dice.into_bytes();
                let id = ["a", "b", "c"][usize::from(which % 3)];
                let amount = i64::from(amount % 5);
                let command = match what % 4 {
                    0 => Command::Deposit(amount),
                    1 => Command::Withdraw(amount),
                    2 => Command::Transfer(amount),
                    _ => Command::Look,
                };
                let hint = [Expectation::Unknown, Expectation::LikelyNew][usize::from(hint % 2)];
                let looks = matches!(command, Command::Look);
                match accounts.execute(id, command, &fresh(), hint).await {
                    Ok(executed) => {
                        assert!(executed.state.balance >= 0, "refused below zero");
                        stored += usize::from(!looks);
                    }
                    Err(
                        CommandError::Refused(_)
                        | CommandError::Failed(StoreError::Conflict { .. }),
                    ) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            stored
        });
    }
    gate.open();
    let stored: usize = writers.join_all().await.into_iter().sum();
    assert_eq!(self::stored(&log).await, stored);
    for id in ["a", "b", "c"] {
        assert!(assert_whole(&accounts(&log), id).await.balance >= 0);
    }
}

#[tokio::test]
async fn a_repeated_command_returns_its_first_result() {
    let (nats, log) = start().await;
    let mine = accounts(&log);
    let metadata = fresh();
    let first = mine.execute("a", Command::Deposit(5), &metadata, Expectation::Unknown);
    let first = first.await.unwrap();
    deposit(&mine, "a", 70).await.unwrap();
    // In the same process, in another, and in one that believes the account to be new; also if the
    // command would be refused by now or says something else.
    let (others, new) = (accounts(&connect(nats.url()).await), accounts(&log));
    for (store, command, hint) in [
        (&mine, Command::Deposit(5), Expectation::Unknown),
        (&others, Command::Deposit(5), Expectation::Unknown),
        (&new, Command::Withdraw(1000), Expectation::LikelyNew),
    ] {
        let again = store.execute("a", command, &metadata, hint).await.unwrap();
        assert!(again.was_duplicate);
        assert_eq!(
            (again.state.balance, again.version, again.sequence),
            (5, first.version, first.sequence)
        );
    }
    assert_eq!(mine.load("a").await.unwrap().state().balance, 75);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_command_sent_many_times_at_once_takes_effect_once() {
    let (nats, log) = start().await;
    let (tellers, gate) = processes(nats.url(), 3).await;
    let mut senders = JoinSet::new();
    for accounts in tellers {
        for _ in 0..10 {
            let (accounts, gate) = (accounts.clone(), gate.clone());
            let metadata = of_command(Uuid::from_u128(7));
            senders.spawn(async move {
                gate.wait().await;
                let answer =
                    accounts.execute("a", Command::Deposit(3), &metadata, Expectation::Unknown);
                answer.await.unwrap()
            });
        }
    }
    gate.open();
    let answers = senders.join_all().await;
    assert!(
        answers
            .iter()
            .all(|answer| (answer.sequence, answer.state.balance) == (1, 3))
    );
    assert_eq!(
        answers
            .iter()
            .filter(|answer| !answer.was_duplicate)
            .count(),
        1
    );
    assert_eq!(log.reader().last_sequence(ACCOUNTS).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_cancelled_midway_leaves_nothing_half_done() {
    let (_nats, log) = start().await;
    let accounts = accounts(&log);
    for round in 0..60 {
        let accounts = accounts.clone();
        let command = tokio::spawn(async move { deposit(&accounts, "a", 1).await });
        tokio::time::sleep(Duration::from_micros(round * 20)).await;
        command.abort();
        let _ = command.await;
    }
    // Each was stored or not, the last ones perhaps only now; what goes on builds on what was.
    let after = deposit(&accounts, "a", 1).await.unwrap();
    assert_eq!(u64::try_from(after.state.balance), Ok(after.version));
    assert!(assert_whole(&accounts, "a").await.entries >= after.version);
}

#[tokio::test]
async fn a_repeated_command_reads_no_further_than_its_own_commit() {
    let (nats, log) = start().await;
    let first = fresh();
    let accounts_there = accounts(&log);
    accounts_there
        .execute("a", Command::Deposit(1), &first, Expectation::Unknown)
        .await
        .unwrap();
    for _ in 0..30 {
        deposit(&accounts_there, "a", 1).await.unwrap();
    }
    let proxy = DropAcksProxy::start(nats.url(), 1).await;
    let reader = accounts(&connect(proxy.url()).await);
    reader.load("a").await.unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    proxy.swallow_if(move |publication| {
        let reads = publication.subject.contains(".GET.ACCOUNTS");
        counted.fetch_add(usize::from(reads), Ordering::Relaxed);
        false
    });
    let again = reader.execute("a", Command::Deposit(1), &first, Expectation::Unknown);
    let again = again.await.unwrap();
    assert!(again.was_duplicate);
    assert_eq!((again.version, again.state.balance), (1, 1));
    let asked = asked.load(Ordering::Relaxed);
    assert!((1..=3).contains(&asked), "{asked} questions for one commit");
}

#[tokio::test]
async fn an_account_with_hundreds_of_commits_is_read_whole() {
    let (nats, log) = start().await;
    let mine = accounts(&log);
    for _ in 0..200 {
        deposit(&mine, "a", 1).await.unwrap();
        deposit(&mine, "b", 1).await.unwrap();
    }
    let others = accounts(&connect(nats.url()).await);
    assert_eq!(others.load("a").await.unwrap().state().balance, 200);
    assert_whole(&others, "a").await;
    // A part of it: what came since.
    for _ in 0..100 {
        deposit(&mine, "a", 1).await.unwrap();
    }
    assert_eq!(others.load("a").await.unwrap().state().balance, 300);
    assert_whole(&others, "a").await;
}

#[tokio::test]
async fn ids_that_could_leave_their_subject_are_refused() {
    let (_nats, log) = start().await;
    let accounts = accounts(&log);
    let too_long = "a".repeat(129);
    for id in [
        "",
        "a.b",
        "*",
        ">",
        "a b",
        "a\r\nb",
        "ä",
        "a/b",
        too_long.as_str(),
    ] {
        let answer = failure(deposit(&accounts, id, 1).await);
        assert!(
            matches!(answer, StoreError::InvalidId(_)),
            "{id:?}: {answer}"
        );
        assert!(matches!(
            accounts.load(id).await,
            Err(StoreError::InvalidId(_))
        ));
        assert!(matches!(
            accounts.commits(id).await,
            Err(StoreError::InvalidId(_))
        ));
    }
    for id in ["a-b_C9", &too_long[..128]] {
        deposit(&accounts, id, 1).await.unwrap();
    }
    assert_eq!(log.reader().last_sequence(ACCOUNTS).await.unwrap(), 2);
}

#[tokio::test]
async fn a_commit_that_the_server_would_not_take_is_too_large_and_does_no_harm() {
    let (_nats, log) = start().await;
    let accounts = accounts(&log);
    deposit(&accounts, "a", 1).await.unwrap();
    let note = "x".repeat(2 << 20);
    let answer = run(&accounts, "a", Command::Annotate(note));
    let answer = failure(answer.await);
    assert_eq!(
        answer.to_string(),
        "ACCOUNTS.a: the commit is larger than the server accepts"
    );
    assert_eq!(deposit(&accounts, "a", 1).await.unwrap().version, 2);
}

#[tokio::test]
async fn a_log_older_than_the_cache_is_read_again() {
    let (nats, log) = start().await;
    let accounts = accounts(&log);
    for _ in 0..3 {
        deposit(&accounts, "a", 1).await.unwrap();
    }
    // As if an older backup had been restored.
    let raw = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    raw.delete_stream("ACCOUNTS").await.unwrap();
    eventually("made anew", LONG, || recreated(&log)).await;
    append(&log, (ACCOUNTS, "a"), 0, Event::Deposited { amount: 50 }, 0)
        .await
        .unwrap();
    assert_eq!(deposit(&accounts, "a", 5).await.unwrap().state.balance, 55);
    assert_whole(&accounts, "a").await;
}
