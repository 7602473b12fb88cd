//! A bank account whose only truth is the log.
//!
//! `cargo run --example bank_account` uses the NATS server at `NATS_URL`, or the one on this machine
//! (`nats-server -js`), and finds its account again the next time.

mod accounts;

use chrono::Utc;
use cqrs_es::Aggregate as _;
use eventstore::{CommandError, Expectation, Metadata, Subscription};
use futures_util::TryStreamExt;
use std::{error::Error, time::Duration};
use uuid::Uuid;

use accounts::{ACCOUNTS, Account, AccountCommand, AccountEvent, open_log};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let log = open_log().await?;
    let accounts = log.store::<Account>(ACCOUNTS);

    // A command. Its ID makes it safe to repeat: the second call returns the first result.
    let metadata = Metadata::of_request(Uuid::new_v4(), "request-1", "ann", Utc::now());
    for _ in 0..2 {
        let command = AccountCommand::Deposit { cents: 1_000 };
        let done = accounts
            .execute("ann", command, &metadata, Expectation::Unknown)
            .await?;
        println!(
            "deposited: balance {}, event {}, repeated: {}",
            done.state.balance, done.version, done.was_duplicate
        );
    }

    // Ten concurrent withdrawals of 300 each: the log accepts as many as the balance covers.
    let withdrawals = (0..10).map(|i| {
        let accounts = accounts.clone();
        tokio::spawn(async move {
            let request = format!("request-{i}");
            let metadata = Metadata::of_request(Uuid::new_v4(), request, "ann", Utc::now());
            let command = AccountCommand::Withdraw { cents: 300 };
            accounts
                .execute("ann", command, &metadata, Expectation::Unknown)
                .await
        })
    });
    for withdrawal in withdrawals.collect::<Vec<_>>() {
        match withdrawal.await? {
            Ok(done) => println!("withdrew 300: balance {}", done.state.balance),
            Err(CommandError::Refused(refusal)) => println!("refused: {refusal}"),
            Err(CommandError::Failed(failure)) => return Err(failure.into()),
        }
    }

    // A worker handles each commit at least once, even after a crash.
    let (told, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let letters = Subscription::new("letters-on-accounts");
    let worker = log.workers().on_commit(ACCOUNTS, letters, move |commit| {
        let told = told.clone();
        async move {
            for (version, event) in commit.decode::<AccountEvent>()? {
                let _ = told.send(format!(
                    "letter {version} to {}: {event:?}",
                    commit.aggregate_id
                ));
            }
            Ok(())
        }
    });
    let first = tokio::time::timeout(Duration::from_secs(5), hears.recv()).await;
    match first {
        Ok(Some(letter)) => println!("{letter}"),
        _ => println!("all letters were written the last time"),
    }
    worker.stop().await;

    // Read the whole history again: everything that is derived from the log starts like this.
    let mut commits = std::pin::pin!(log.reader().range(ACCOUNTS, 1, u64::MAX).await?);
    let mut folded = Account::default();
    while let Some(commit) = commits.try_next().await? {
        for (_, event) in commit.decode()? {
            folded.apply(event);
        }
    }
    println!("replayed: balance {}", folded.balance);
    log.close().await;
    Ok(())
}
