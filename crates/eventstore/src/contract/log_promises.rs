//! What is promised of streams and their readers.

use futures_util::{StreamExt as _, TryStreamExt as _};

use super::{Command, Kept, Promise, SOON, STREAM, Subject, expect};
use crate::{Restoring, StreamsFound};

pub(super) const ALL: &[Promise] = &[
    ("streams have the settings that keep data safe", |it| {
        Box::pin(settings(it))
    }),
    ("a reader gets each commit once and in order", |it| {
        Box::pin(in_order(it))
    }),
    ("a reader goes on from where it was", |it| {
        Box::pin(from_a_checkpoint(it))
    }),
    ("nothing can be deleted from a stream of commits", |it| {
        Box::pin(nothing_deleted(it))
    }),
    ("a stream comes back from a copy as it was", |it| {
        Box::pin(copied(it))
    }),
    ("announcements reach who listens", |it| {
        Box::pin(announced(it))
    }),
];

async fn settings(it: Subject) -> Kept {
    let found = it.log.streams().check().await?;
    expect(found == StreamsFound::All, || format!("{found:?}"))?;
    let plans = it.log.streams().plans().await?;
    let differing = plans.iter().find(|plan| !plan.refusals.is_empty());
    expect(differing.is_none(), || format!("{differing:?}"))
}

async fn in_order(it: Subject) -> Kept {
    for _ in 0..50 {
        it.run(Command::Deposit(1)).await?;
    }
    let end = it.log.reader().last_sequence(STREAM).await?;
    let commits = it.log.reader().range(STREAM, 1, end).await?;
    let sequences: Vec<u64> = commits
        .map_ok(|commit| commit.sequence)
        .try_collect()
        .await?;
    expect(sequences == (1..=end).collect::<Vec<_>>(), || {
        format!("{sequences:?}")
    })
}

async fn from_a_checkpoint(it: Subject) -> Kept {
    let first = it.run(Command::Deposit(1)).await?.sequence;
    let mut commits = std::pin::pin!(it.log.reader().follow(STREAM, first));
    let second = it.run(Command::Deposit(1)).await?.sequence;
    let next = tokio::time::timeout(SOON, commits.next()).await?;
    let found = next.transpose()?.map(|commit| commit.sequence);
    expect(found == Some(second), || {
        format!("#{found:?} came, expected #{second}")
    })
}

async fn nothing_deleted(it: Subject) -> Kept {
    let sequence = it.run(Command::Deposit(1)).await?.sequence;
    let stream = it.log.connection.stream(STREAM).await?;
    let refused = stream.delete_message(sequence).await.is_err();
    expect(refused, || format!("the server deleted #{sequence}"))?;
    it.log.reader().commit_at(STREAM, sequence).await?;
    Ok(())
}

async fn copied(it: Subject) -> Kept {
    let before = it.run(Command::Deposit(3)).await?.sequence;
    let backup = it.log.backup();
    let mut snapshot = backup.snapshot(STREAM).await?;
    let (mut parts, head) = (Vec::new(), snapshot.head().clone());
    while let Some(part) = snapshot.next().await? {
        parts.push(part);
    }
    backup.delete_for_restore(STREAM).await?;
    let mut restoring: Restoring = backup.restore(STREAM, &head).await?;
    for part in parts {
        restoring.write(part).await?;
    }
    restoring.finish().await?;
    let commit = it.log.reader().commit_at(STREAM, before).await?;
    expect(commit.aggregate_id == it.id, || {
        format!("{} is at #{before}", commit.aggregate_id)
    })
}

async fn announced(it: Subject) -> Kept {
    let mut heard = it.log.pubsub().subscribe("news").await?;
    it.log.pubsub().broadcast("news", b"hello".to_vec()).await?;
    let payload = tokio::time::timeout(SOON, heard.next()).await?;
    expect(payload.as_deref() == Some(b"hello"), || {
        format!("{payload:?}")
    })
}
