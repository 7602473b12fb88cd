//! A log that loses its tail under living processes, as a power cut does it.

use crate::support::*;
use eventstore::{
    Claim, CommandError, Expectation, Log, LogConfig, RestsOn, StoreError, StoredAnswer,
};
use testkit::{DiskCopy, DropAcksProxy, LONG, Nats, eventually};
use tokio::runtime::Handle;
use uuid::Uuid;

/// Copies the disk, and waits until the log is there again.
async fn copy(nats: &Nats, log: &Log) -> DiskCopy {
    let copy = nats.copy_disk().await;
    answers(log).await;
    copy
}

async fn answers(log: &Log) {
    eventually("the server answers", LONG, || log.ping()).await;
}

/// Deposits, as often as it takes while the log is away.
async fn deposited(log: &Log, id: &str, amount: i64) -> u64 {
    let (accounts, metadata) = (accounts(log), fresh());
    let deposit = || {
        accounts.execute(
            id,
            Command::Deposit(amount),
            &metadata,
            Expectation::Unknown,
        )
    };
    eventually("it is stored", LONG, deposit).await.sequence
}

/// What withdrawing is refused with, as soon as the log is there.
async fn refusal(accounts: &eventstore::Store<Account>, id: &str, amount: i64) -> String {
    eventually("it is answered", LONG, || async {
        match run(accounts, id, Command::Withdraw(amount)).await {
            Err(CommandError::Failed(error @ StoreError::Unavailable { .. })) => {
                Err(error.to_string())
            }
            Err(CommandError::Refused(refusal)) => Ok(refusal.to_string()),
            other => panic!("{other:?}"),
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_on_what_the_log_has_lost_is_never_stored() {
    // With as many commits in place of the lost one, and with more.
    for others in [vec![1], vec![1, 2]] {
        let (nats, log) = start().await;
        let empty = copy(&nats, &log).await;
        let kept = accounts(&log);
        let deposit = deposit(&kept, "a", 100).await.unwrap();
        assert_eq!(deposit.sequence, 1);
        nats.lose_tail(&empty).await;
        let another = connect(nats.url()).await;
        for amount in &others {
            deposited(&another, "a", *amount).await;
        }
        let balance: i64 = others.iter().sum();
        let refusal = refusal(&kept, "a", 100).await;
        assert_eq!(refusal, format!("the balance is {balance}"));
        let end = log.reader().last_sequence(ACCOUNTS).await.unwrap();
        assert_eq!(end, others.len() as u64);
        assert_eq!(log.tails().epoch(ACCOUNTS), 1);
        assert_eq!(*log.tails().losses().borrow(), 1);
        // And it goes on.
        assert_eq!(deposited(&log, "a", 7).await, end + 1);
        let loaded = kept.load("a").await.unwrap();
        assert_eq!(loaded.state().balance, balance + 7);
    }
}

/// Another process appends between the two questions of the look: whether the commit is there, and
/// where the stream ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_loss_that_is_grown_over_while_it_is_looked_for_is_noticed() {
    let (nats, first) = start().await;
    let empty = copy(&nats, &first).await;
    drop(first);
    let proxy = DropAcksProxy::start(nats.url(), 1).await;
    let log = connect(proxy.url()).await;
    let kept = accounts(&log);
    assert_eq!(deposit(&kept, "a", 100).await.unwrap().sequence, 1);
    let (url, mut has_grown) = (nats.url().to_owned(), false);
    proxy.swallow_if(move |publication| {
        let asks_for_the_end = publication.subject == "$JS.API.STREAM.INFO.ACCOUNTS";
        if asks_for_the_end && !std::mem::replace(&mut has_grown, true) {
            let grow = async { deposited(&connect(&url).await, "a", 1).await };
            tokio::task::block_in_place(|| Handle::current().block_on(grow));
        }
        false
    });
    nats.lose_tail(&empty).await;
    answers(&log).await;
    assert_eq!(refusal(&kept, "a", 100).await, "the balance is 1");
    assert_eq!(log.tails().epoch(ACCOUNTS), 1);
}

/// More than the buffers of a connection to a server that reads nothing take up.
const FILLING: [usize; 2] = [400, 64 * 1024];

#[tokio::test(flavor = "multi_thread")]
async fn an_unsent_append_is_not_sent_to_a_restarted_server() {
    let (nats, first) = start().await;
    let empty = copy(&nats, &first).await;
    deposited(&first, "a", 1).await;
    let of_another = copy(&nats, &first).await;
    drop(first);
    nats.lose_tail(&empty).await;
    let patient = LogConfig {
        answer_timeout: LONG,
        command_timeout: LONG,
        ..config(nats.url())
    };
    let log = connect_with(patient).await;
    let kept = accounts(&log);
    assert_eq!(deposit(&kept, "a", 100).await.unwrap().sequence, 1);
    nats.pause();
    for _ in 0..FILLING[0] {
        log.pubsub()
            .broadcast("filling", vec![0; FILLING[1]])
            .await
            .unwrap();
    }
    // Decided on the deposit of 100, it is on its way when the server ends.
    let withdrawing = tokio::spawn({
        let kept = kept.clone();
        async move { run(&kept, "a", Command::Withdraw(100)).await }
    });
    nats.lose_tail(&of_another).await;
    let withdrawn = withdrawing.await.unwrap();
    assert!(withdrawn.is_err(), "{withdrawn:?}");
    answers(&log).await;
    assert_eq!(log.reader().last_sequence(ACCOUNTS).await.unwrap(), 1);
    assert_eq!(refusal(&kept, "a", 100).await, "the balance is 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_commit_was_lost_takes_effect_when_it_is_sent_again() {
    let (nats, log) = start().await;
    let empty = copy(&nats, &log).await;
    let (kept, metadata) = (accounts(&log), fresh());
    let send = || kept.execute("a", Command::Deposit(100), &metadata, Expectation::Unknown);
    assert!(!send().await.unwrap().was_duplicate);
    nats.lose_tail(&empty).await;
    let again = eventually("it is stored", LONG, send).await;
    assert_eq!((again.was_duplicate, again.state.balance), (false, 100));
    assert_eq!(log.reader().last_sequence(ACCOUNTS).await.unwrap(), 1);
}

/// Deposits under a key, and keeps the answer.
async fn answered(log: &Log, key: Uuid) -> StoredAnswer {
    let accounts = accounts(log);
    let executed = deposit(&accounts, "a", 100).await.unwrap();
    let answer = StoredAnswer {
        status: 201,
        headers: Vec::new(),
        body: executed.sequence.to_string(),
        rests_on: Some(RestsOn {
            stream: ACCOUNTS.as_str().to_owned(),
            sequence: executed.sequence,
            commit_id: executed.commit_id.unwrap(),
        }),
    };
    let Claim::Fresh(token) = log.idempotency().claim(key, "same").await.unwrap() else {
        panic!("the key is new");
    };
    assert!(
        log.idempotency()
            .answer(&token, answer.clone())
            .await
            .unwrap()
    );
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_is_repeated_only_while_its_commit_exists() {
    // The lost commit's place is empty, or another's.
    for others in [0, 1] {
        let (nats, log) = start().await;
        let (stays, goes) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let first = answered(&log, stays).await;
        let at_one = copy(&nats, &log).await;
        answered(&log, goes).await;
        let known = log.idempotency().claim(goes, "same").await.unwrap();
        assert!(matches!(known, Claim::Answered(_)), "{known:?}");
        nats.lose_tail_of(ACCOUNTS.as_str(), &at_one).await;
        // By a process that has seen nothing of what is gone.
        let another = connect(nats.url()).await;
        for _ in 0..others {
            deposited(&another, "b", 1).await;
        }
        let requests = another.idempotency();
        let claim = |key| requests.claim(key, "same");
        let kept = claim(stays).await.unwrap();
        assert!(
            matches!(&kept, Claim::Answered(found) if *found == first),
            "{kept:?}"
        );
        let gone = claim(goes).await.unwrap();
        assert!(matches!(gone, Claim::Fresh(_)), "{gone:?}");
        // It is one claim, as any other.
        let next = claim(goes).await.unwrap();
        assert!(matches!(next, Claim::InProgress), "{next:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_learns_that_its_commits_were_lost() {
    // The log is shorter now; it is as long; it is longer.
    for others in [0, 2, 5] {
        let (nats, log) = start().await;
        deposit_on(&log, &["a"; 3]).await;
        let at_three = copy(&nats, &log).await;
        deposited(&log, "b", 1).await;
        assert_eq!(deposited(&log, "b", 1).await, 5);
        let mut followed = Box::pin(log.reader().follow(ACCOUNTS, 0));
        let last = next(&mut followed, 5).await.pop().unwrap().unwrap();
        nats.lose_tail(&at_three).await;
        let another = connect(nats.url()).await;
        for _ in 0..others {
            deposited(&another, "c", 1).await;
        }
        let told = next(&mut followed, 1).await.pop().unwrap();
        let error = told.unwrap_err();
        assert!(matches!(error, StoreError::TailLost { sequence: 5, .. }));
        let text = error.to_string();
        let expected = format!("ACCOUNTS#5: commit {} was there", last.commit_id);
        assert!(text.starts_with(&expected), "{text}");
        let found = match others {
            0 => "the stream ends at #3",
            _ => "stands there",
        };
        // It may be told before the others came.
        let ends = text.contains("the stream ends at #");
        assert!(text.contains(found) || ends, "{text}");
        eventually("all who keep something hear of it", LONG, || async {
            log.tails().epoch(ACCOUNTS) == 1
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_continues_if_its_position_still_exists() {
    let (nats, log) = start().await;
    deposit_on(&log, &["a"; 3]).await;
    let mut followed = Box::pin(log.reader().follow(ACCOUNTS, 0));
    next(&mut followed, 3).await;
    let at_three = copy(&nats, &log).await;
    nats.lose_tail(&at_three).await;
    assert_eq!(deposited(&log, "a", 1).await, 4);
    let commit = next(&mut followed, 1).await.pop().unwrap();
    assert_eq!(commit.unwrap().sequence, 4);
    assert_eq!(log.tails().epoch(ACCOUNTS), 0);
}

#[tokio::test]
async fn following_from_beyond_the_end_is_an_error_and_no_silence() {
    let (_nats, log) = start().await;
    deposit_on(&log, &["a"; 3]).await;
    let mut beyond = Box::pin(log.reader().follow(ACCOUNTS, 4));
    let error = next(&mut beyond, 1).await.pop().unwrap().unwrap_err();
    assert!(matches!(error, StoreError::TailLost { sequence: 4, .. }));
    // The end itself is none.
    let mut end = Box::pin(log.reader().follow(ACCOUNTS, 3));
    deposit_on(&log, &["a"]).await;
    let commit = next(&mut end, 1).await.pop().unwrap();
    assert_eq!(commit.unwrap().sequence, 4);
}
