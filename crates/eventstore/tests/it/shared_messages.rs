//! Commits that share a message: read one after the other, and never from its middle on.

use crate::support::*;
use eventstore::{Expectation, HandlerError, HistoricalCommit, Log, Subscription};
use futures_util::{StreamExt, TryStreamExt};
use testkit::{LONG, eventually};
use uuid::Uuid;

/// A deposit of the past: its command and its commit have the same number.
fn deposited(number: u128, id: &str, version: u64, amount: i64) -> HistoricalCommit {
    HistoricalCommit::new(
        (ACCOUNTS, "account", id.to_owned()),
        version,
        Uuid::from_u128(number),
        of_command(Uuid::from_u128(number)),
        &[Event::Deposited { amount }],
    )
    .unwrap()
}

/// Messages of three commits, one and two: the first and the last are of account `a`.
async fn write(log: &Log) {
    let mut import = log.importer().begin(ACCOUNTS, 0);
    for message in [
        vec![
            deposited(1, "a", 0, 1),
            deposited(2, "a", 1, 10),
            deposited(3, "a", 2, 100),
        ],
        vec![deposited(4, "b", 0, 7)],
        vec![deposited(5, "a", 3, 1_000), deposited(6, "a", 4, 10_000)],
    ] {
        import.append(&message).await.unwrap();
    }
    assert_eq!(import.finish().await.unwrap(), 3);
}

/// Where each commit stands: sequence, place in the message, number.
fn places(commits: &[eventstore::Commit]) -> Vec<(u64, u32, u128)> {
    commits
        .iter()
        .map(|it| (it.sequence, it.index, it.commit_id.as_u128()))
        .collect()
}

const ALL: [(u64, u32, u128); 6] = [
    (1, 0, 1),
    (1, 1, 2),
    (1, 2, 3),
    (2, 0, 4),
    (3, 0, 5),
    (3, 1, 6),
];

#[tokio::test]
async fn readers_get_each_commit_of_a_message_and_go_on_behind_whole_messages() {
    let (_nats, log) = start().await;
    write(&log).await;
    let reader = log.reader();
    for after in 0..3_u64 {
        let expected: Vec<_> = ALL.into_iter().filter(|it| it.0 > after).collect();
        let mut followed = Box::pin(reader.follow(ACCOUNTS, after));
        let commits = next(&mut followed, expected.len()).await;
        let commits: Vec<_> = commits.into_iter().map(Result::unwrap).collect();
        assert_eq!(places(&commits), expected);
        let lasts: Vec<_> = commits.iter().map(|it| it.is_last).collect();
        let is_last =
            |place: &(u64, u32, u128)| [(1, 2), (2, 0), (3, 1)].contains(&(place.0, place.1));
        assert_eq!(lasts, expected.iter().map(is_last).collect::<Vec<_>>());

        let range = reader.range(ACCOUNTS, after + 1, 2).await.unwrap();
        let commits: Vec<_> = range.try_collect().await.unwrap();
        let expected: Vec<_> = expected.into_iter().filter(|it| it.0 <= 2).collect();
        assert_eq!(places(&commits), expected);
    }
    let merged = reader.merged(&[ACCOUNTS, BRANCHES]).await.unwrap();
    let merged: Vec<_> = merged.try_collect().await.unwrap();
    assert_eq!(places(&merged), ALL);
    let third = reader.commits_at(ACCOUNTS, 3).await.unwrap();
    assert_eq!(places(&third), ALL[4..]);
    assert_eq!(reader.commit_at(ACCOUNTS, 3).await.unwrap().index, 0);
}

#[tokio::test]
async fn an_account_is_loaded_from_the_commits_of_all_its_messages() {
    let (nats, log) = start().await;
    write(&log).await;
    let mine = accounts(&log);
    let commits = mine.commits("a").await.unwrap();
    let [first @ .., _, fifth, sixth] = ALL;
    assert_eq!(places(&commits), [&first[..], &[fifth, sixth]].concat());
    let loaded = mine.load("a").await.unwrap();
    assert_eq!((loaded.state().balance, loaded.version()), (11_111, 5));
    assert_eq!(loaded.last_sequence(), 3);
    assert_eq!(loaded.last_commit(), Some(Uuid::from_u128(6)));
    let done = deposit(&mine, "a", 5).await.unwrap();
    assert_eq!(
        (done.sequence, done.version, done.state.balance),
        (4, 6, 11_116)
    );
    // What another process added to what is in memory.
    let others = accounts(&connect(nats.url()).await);
    deposit(&others, "a", 1).await.unwrap();
    assert_eq!(mine.load("a").await.unwrap().state().balance, 11_117);
}

#[tokio::test]
async fn a_repeated_command_is_answered_with_its_own_commit_of_a_message() {
    let (_nats, log) = start().await;
    write(&log).await;
    let known = accounts(&log);
    known.load("a").await.unwrap();
    for (command, balance, version, sequence) in [
        (1, 1, 1, 1),
        (2, 11, 2, 1),
        (3, 111, 3, 1),
        (5, 1_111, 4, 3),
        (6, 11_111, 5, 3),
    ] {
        for store in [&known, &accounts(&log)] {
            let metadata = of_command(Uuid::from_u128(command));
            let again = store.execute("a", Command::Close, &metadata, Expectation::Unknown);
            let again = again.await.unwrap();
            assert!(again.was_duplicate);
            assert_eq!(
                (again.state.balance, again.version, again.sequence),
                (balance, version, sequence)
            );
            assert_eq!(again.commit_id, Some(Uuid::from_u128(command)));
        }
    }
    assert_eq!(log.reader().last_sequence(ACCOUNTS).await.unwrap(), 3);
}

#[tokio::test]
async fn each_commit_of_a_message_stands_where_it_was_seen() {
    let (_nats, log) = start().await;
    write(&log).await;
    let tails = log.tails();
    for (sequence, _, commit) in ALL {
        let stands = tails.still_stands(ACCOUNTS, sequence, Uuid::from_u128(commit));
        stands.await.unwrap();
    }
    let another = tails.still_stands(ACCOUNTS, 1, Uuid::from_u128(5)).await;
    let commit = Uuid::from_u128(3);
    let why = another.unwrap_err().to_string();
    assert!(
        why.contains(&format!("commit {commit} stands there")),
        "{why}"
    );
}

#[tokio::test]
async fn a_worker_handles_and_repeats_the_commits_of_a_message_in_order() {
    let (_nats, log) = start().await;
    write(&log).await;
    let handled = Notes::default();
    let notes = handled.clone();
    let worker = log.workers().on_commit(
        ACCOUNTS,
        Subscription::new("teller-on-accounts"),
        move |commit| {
            let of = format!("{}.{}", commit.aggregate_id, commit.commit_id.as_u128());
            notes.take(of.clone());
            // Fails for the second of three, once.
            let fails = of == "a.2" && notes.of("a.2").len() == 1;
            async move {
                if fails {
                    return Err(HandlerError::Unavailable("once".to_owned()));
                }
                Ok(())
            }
        },
    );
    handled.until(8).await;
    eventually("all are acknowledged", LONG, || async {
        handled.of("a.6").len() == 1
    })
    .await;
    a_while().await;
    worker.stop().await;
    let expected = ["a.1", "a.2", "a.1", "a.2", "a.3", "a.5", "a.6"];
    assert_eq!(handled.of("a."), expected);
    assert_eq!(handled.of("b."), ["b.4"]);
}

#[tokio::test]
async fn imported_commits_share_a_message_only_in_sequence() {
    let (_nats, log) = start().await;
    let mut import = log.importer().begin(ACCOUNTS, 0);
    for second in [deposited(2, "b", 1, 1), deposited(2, "a", 2, 1)] {
        let refused = import.append(&[deposited(1, "a", 0, 1), second]).await;
        assert!(
            refused
                .unwrap_err()
                .to_string()
                .contains("does not continue ACCOUNTS.a at version 1")
        );
    }
    assert_eq!(import.finish().await.unwrap(), 0);
    let mut followed = Box::pin(log.reader().range(ACCOUNTS, 1, 9).await.unwrap());
    assert!(followed.next().await.is_none());
}
