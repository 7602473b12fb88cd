//! What is promised of commands.

use futures_util::{TryStreamExt as _, future::join_all};

use super::{Account, Command, Kept, Promise, STREAM, Subject, expect, fresh};
use crate::{CommandError, Expectation, StoreError, contract::account::Event};

pub(super) const ALL: &[Promise] = &[
    ("a commit is read as it was written", |it| {
        Box::pin(as_written(it))
    }),
    ("of commands that are decided at once none is lost", |it| {
        Box::pin(no_lost_update(it))
    }),
    ("of two first commits one wins", |it| {
        Box::pin(one_first(it))
    }),
    ("a command takes effect at most once", |it| {
        Box::pin(at_most_once(it))
    }),
    ("a refusal stores nothing", |it| Box::pin(refused(it))),
    ("a stale expectation stores nothing", |it| {
        Box::pin(stale(it))
    }),
    ("another process reads what was acknowledged", |it| {
        Box::pin(read_elsewhere(it))
    }),
    ("what the server can't store is named", |it| {
        Box::pin(too_large(it))
    }),
    ("an id is one token", |it| Box::pin(one_token(it))),
];

async fn as_written(it: Subject) -> Kept {
    let metadata = fresh();
    let done = it.repeat(Command::Deposit(5), &metadata).await?;
    let commit = it.log.reader().commit_at(STREAM, done.sequence).await?;
    expect(commit.aggregate_id == it.id, || {
        format!("aggregate {}", commit.aggregate_id)
    })?;
    expect(commit.metadata.command_id == metadata.command_id, || {
        format!("{commit:?}")
    })?;
    let events: Vec<(u64, Event)> = commit.decode()?;
    let expected = vec![(0, Event::Deposited { amount: 5 })];
    expect(events == expected, || {
        format!("{events:?}, expected {expected:?}")
    })
}

async fn no_lost_update(it: Subject) -> Kept {
    // Each with a cache of its own, as processes have.
    let others = (0..16).map(|_| Subject {
        id: it.id.clone(),
        ..Subject::new(&it.log)
    });
    let deposits = others.map(|other| async move { other.run(Command::Deposit(1)).await });
    let mut stored = 0;
    for done in join_all(deposits).await {
        match done {
            Ok(_) => stored += 1,
            Err(CommandError::Failed(
                StoreError::Conflict { .. } | StoreError::Unavailable { .. },
            )) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let loaded = it.accounts.load(&it.id).await?;
    // One that is said to be unknown may have been stored.
    let balance = loaded.state().balance;
    expect((stored..=16).contains(&balance), || {
        format!("the balance is {balance} after {stored} deposits that were acknowledged")
    })
}

async fn one_first(it: Subject) -> Kept {
    let append = |account: String| {
        let importer = it.log.importer();
        async move {
            let events = [Event::Deposited { amount: 1 }];
            let aggregate = ("account", account.as_str());
            importer
                .append_events(STREAM, aggregate, 0, &events, &fresh(), 0)
                .await
        }
    };
    let appended = join_all((0..8).map(|_| append(it.id.clone()))).await;
    let won = appended.iter().filter(|appended| appended.is_ok()).count();
    expect(won == 1, || format!("{won} of 8 were stored: {appended:?}"))
}

async fn at_most_once(it: Subject) -> Kept {
    let metadata = fresh();
    let first = it.repeat(Command::Deposit(5), &metadata).await?;
    let again = it.repeat(Command::Deposit(5), &metadata).await?;
    let elsewhere = Subject {
        id: it.id.clone(),
        ..Subject::new(&it.log)
    };
    let other = elsewhere.repeat(Command::Deposit(5), &metadata).await?;
    for repeated in [&again, &other] {
        expect(repeated.was_duplicate, || {
            "a repeated command was carried out".to_owned()
        })?;
        expect(repeated.sequence == first.sequence, || {
            format!(
                "answered with #{} in place of #{}",
                repeated.sequence, first.sequence
            )
        })?;
    }
    expect(other.state.balance == 5, || {
        format!("the balance is {}", other.state.balance)
    })
}

async fn refused(it: Subject) -> Kept {
    let before = it.log.reader().last_sequence(STREAM).await?;
    match it.run(Command::Withdraw(1)).await {
        Err(CommandError::Refused(_)) => {}
        other => return Err(format!("expected a refusal, found {other:?}").into()),
    }
    let after = it.log.reader().last_sequence(STREAM).await?;
    expect(before == after, || {
        format!("the stream grew from #{before} to #{after}")
    })
}

async fn stale(it: Subject) -> Kept {
    let first = it.run(Command::Deposit(1)).await?.sequence;
    it.run(Command::Deposit(1)).await?;
    let events = [Event::Deposited { amount: 1 }];
    let aggregate = ("account", it.id.as_str());
    let importer = it.log.importer();
    let appended = importer
        .append_events(STREAM, aggregate, 1, &events, &fresh(), first)
        .await;
    expect(matches!(appended, Err(StoreError::Conflict { .. })), || {
        format!("expected a conflict, found {appended:?}")
    })
}

async fn read_elsewhere(it: Subject) -> Kept {
    it.run(Command::Deposit(7)).await?;
    let loaded = Subject::new(&it.log).accounts.load(&it.id).await?;
    let balance = loaded.state().balance;
    expect(balance == 7, || format!("the balance is {balance}"))?;
    let commits: Vec<_> = it
        .log
        .reader()
        .range(STREAM, 1, u64::MAX)
        .await?
        .try_collect()
        .await?;
    let mut folded = Account::default();
    for commit in commits.iter().filter(|commit| commit.aggregate_id == it.id) {
        for (_, event) in commit.decode()? {
            cqrs_es::Aggregate::apply(&mut folded, event);
        }
    }
    expect(folded == *loaded.state(), || {
        format!("a replay gives {folded:?}")
    })
}

async fn too_large(it: Subject) -> Kept {
    match it.run(Command::Overfill).await {
        Err(CommandError::Failed(StoreError::TooLarge { .. })) => Ok(()),
        other => Err(format!("expected the size to be refused, found {other:?}").into()),
    }
}

async fn one_token(it: Subject) -> Kept {
    let metadata = fresh();
    for id in ["", "a.b", "a*", ">", "a b"] {
        let done = it
            .accounts
            .execute(id, Command::Deposit(1), &metadata, Expectation::Unknown);
        match done.await {
            Err(CommandError::Failed(StoreError::InvalidId(_))) => {}
            other => {
                return Err(format!("{id:?}: expected it to be refused, found {other:?}").into());
            }
        }
    }
    Ok(())
}
