//! What is promised of workers, schedules and records.

use chrono::{TimeDelta, Utc};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Broken, Command, Kept, Promise, STREAM, Subject, expect, until};
use crate::{Commit, HandlerError, Subscription};

pub(super) const ALL: &[Promise] = &[
    ("a worker gets each commit of an aggregate in order", |it| {
        Box::pin(handled_in_order(it))
    }),
    (
        "what can't be handled is set aside, and can be tried again",
        |it| Box::pin(set_aside(it)),
    ),
    (
        "a scheduled command falls due, and not before its time",
        |it| Box::pin(due(it)),
    ),
    #[cfg(feature = "idempotency")]
    (
        "a repeated request is answered with its first answer",
        |it| Box::pin(answered(it)),
    ),
    #[cfg(feature = "session-keys")]
    ("a retired key stays retired", |it| Box::pin(retired(it))),
];

/// Notes that a handler takes.
#[derive(Clone, Default)]
struct Notes<T>(Arc<Mutex<Vec<T>>>);

impl<T: Clone> Notes<T> {
    fn add(&self, note: T) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(note);
    }

    fn all(&self) -> Vec<T> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// The versions of one account's commits.
fn version_of(commit: &Commit, id: &str) -> Option<u64> {
    (commit.aggregate_id == id).then_some(commit.version)
}

async fn handled_in_order(it: Subject) -> Kept {
    let (notes, id) = (Notes::default(), it.id.clone());
    let taken = notes.clone();
    let subscription = Subscription::new("contract-in-order");
    let worker = it
        .log
        .workers()
        .on_commit(STREAM, subscription, move |commit| {
            if let Some(version) = version_of(&commit, &id) {
                taken.add(version);
            }
            async { Ok(()) }
        });
    for _ in 0..20 {
        it.run(Command::Deposit(1)).await?;
    }
    let all = until("20 commits are handled", || async {
        Ok(notes.all().len() >= 20)
    })
    .await;
    worker.stop().await;
    all?;
    let mut versions = notes.all();
    // Once more is allowed, another order isn't.
    versions.dedup();
    expect(versions == (0..20).collect::<Vec<_>>(), || {
        format!("{versions:?}")
    })
}

async fn set_aside(it: Subject) -> Kept {
    let (notes, id, mended) = (Notes::default(), it.id.clone(), Notes::default());
    let (taken, is_mended) = (notes.clone(), mended.clone());
    let subscription = Subscription {
        max_tries: 1,
        ..Subscription::new("contract-set-aside")
    };
    let worker = it
        .log
        .workers()
        .on_commit(STREAM, subscription, move |commit| {
            let mine = version_of(&commit, &id);
            let poisoned = mine == Some(0) && is_mended.all().is_empty();
            if let (Some(version), false) = (mine, poisoned) {
                taken.add(version);
            }
            async move {
                if poisoned {
                    return Err(HandlerError::Poison("on purpose".to_owned()));
                }
                Ok(())
            }
        });
    it.run(Command::Deposit(1)).await?;
    let letter = async {
        let letters = it.log.dead_letters();
        let mine = || async {
            let listed = letters.list().await?;
            Ok::<_, Broken>(listed.into_iter().find(|letter| letter.key == it.id))
        };
        until("it is listed", || async { Ok(mine().await?.is_some()) }).await?;
        let letter = mine().await?.ok_or("it is listed no more")?;
        it.run(Command::Deposit(1)).await?;
        until("the next one is handled", || async {
            Ok(notes.all().contains(&1))
        })
        .await?;
        mended.add(());
        letters.retry(&letter).await?;
        until("it is handled", || async { Ok(notes.all().contains(&0)) }).await?;
        until("it is listed no more", || async {
            Ok(mine().await?.is_none())
        })
        .await
    };
    let result = letter.await;
    worker.stop().await;
    result
}

async fn due(it: Subject) -> Kept {
    let done = it.run(Command::Deposit(1)).await?;
    let cause = it.log.reader().commit_at(STREAM, done.sequence).await?;
    let notes = Notes::default();
    let (taken, id) = (notes.clone(), it.id.clone());
    let subscription = Subscription::new("contract-due");
    let worker = it
        .log
        .workers()
        .on_due("contract", subscription, move |due| {
            if due.key == id {
                taken.add((Utc::now(), due.at, due.causation_id));
            }
            async { Ok(()) }
        });
    let at = Utc::now() + TimeDelta::milliseconds(1_500);
    it.log
        .scheduler()
        .schedule("contract", &it.id, at, &cause, serde_json::json!({}))
        .await?;
    let fell = until("it falls due", || async { Ok(!notes.all().is_empty()) }).await;
    worker.stop().await;
    fell?;
    let (now, said, causation) = notes.all()[0];
    expect(causation == cause.commit_id, || {
        "it lost its cause".to_owned()
    })?;
    // Half a second for clocks that differ.
    expect(now + TimeDelta::milliseconds(500) >= said, || {
        format!("it was due at {said} and came at {now}")
    })
}

#[cfg(feature = "idempotency")]
async fn answered(it: Subject) -> Kept {
    use crate::{Claim, StoredAnswer};
    let (records, key) = (it.log.idempotency(), uuid::Uuid::new_v4());
    let Claim::Fresh(token) = records.claim(key, "content").await? else {
        return Err("a request that nobody sent isn't new".into());
    };
    let busy = records.claim(key, "content").await?;
    expect(matches!(busy, Claim::InProgress), || format!("{busy:?}"))?;
    let answer = StoredAnswer {
        status: 201,
        headers: Vec::new(),
        body: "first".to_owned(),
        rests_on: None,
    };
    records.answer(&token, answer.clone()).await?;
    let again = records.claim(key, "content").await?;
    expect(
        matches!(&again, Claim::Answered(given) if *given == answer),
        || format!("{again:?}"),
    )?;
    let other = records.claim(key, "other content").await?;
    expect(matches!(other, Claim::Mismatch), || format!("{other:?}"))
}

#[cfg(feature = "session-keys")]
async fn retired(it: Subject) -> Kept {
    let keys = it.log.session_keys();
    expect(keys.publish(&it.id, "key").await?, || {
        "a key isn't new".to_owned()
    })?;
    keys.retire(&it.id).await?;
    let again = keys.publish(&it.id, "key").await;
    expect(again.is_err(), || {
        "a key that was retired was published again".to_owned()
    })
}
