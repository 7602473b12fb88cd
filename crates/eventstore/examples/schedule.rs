//! A command that falls due later, although this process may be gone by then: the server keeps it.
//!
//! `cargo run --example schedule` uses the NATS server at `NATS_URL`, or the one on this machine.

mod accounts;

use chrono::{TimeDelta, Utc};
use eventstore::{Expectation, Metadata, Subscription};
use serde_json::json;
use std::{error::Error, time::Duration};
use tokio::sync::mpsc;
use uuid::Uuid;

use accounts::{ACCOUNTS, Account, AccountCommand, open_log};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let log = open_log().await?;
    let accounts = log.store::<Account>(ACCOUNTS);
    let id = format!("ann-{}", Uuid::new_v4());
    let metadata = Metadata::of_request(Uuid::new_v4(), "request-1", "ann", Utc::now());
    let deposit = AccountCommand::Deposit { cents: 1_000 };
    let done = accounts
        .execute(&id, deposit, &metadata, Expectation::LikelyNew)
        .await?;

    // Who carries it out: any process that runs this worker when it falls due, or the first one after.
    let (send, mut paid) = mpsc::unbounded_channel();
    let workers = log.workers();
    let handler_accounts = accounts.clone();
    let subscription = Subscription::new("accounts-on-rent");
    let worker = workers.on_due("rent", subscription, move |due| {
        let (accounts, send) = (handler_accounts.clone(), send.clone());
        async move {
            let cents = due.data["cents"].as_i64().unwrap_or_default();
            // Its id follows from the cause: a second delivery is answered with the first result.
            let metadata = due.metadata("accounts-on-rent", Utc::now());
            let withdraw = AccountCommand::Withdraw { cents };
            match accounts
                .execute(&due.key, withdraw, &metadata, Expectation::Unknown)
                .await
            {
                Ok(done) => {
                    let _ = send.send((due.key, done.state.balance));
                    Ok(())
                }
                // The balance is too low, and trying again wouldn't help.
                Err(eventstore::CommandError::Refused(_)) => Ok(()),
                Err(eventstore::CommandError::Failed(failure)) => Err(failure.into()),
            }
        }
    });

    // Two seconds from now. The commit that it follows from makes it one chain in the log.
    let cause = log.reader().commit_at(ACCOUNTS, done.sequence).await?;
    let at = Utc::now() + TimeDelta::seconds(2);
    log.scheduler()
        .schedule("rent", &id, at, &cause, json!({ "cents": 400 }))
        .await?;
    println!("balance {}, rent is due in 2 seconds", done.state.balance);

    let mine = async {
        loop {
            match paid.recv().await {
                Some((key, balance)) if key == id => return balance,
                Some(_) => {}
                None => std::future::pending().await,
            }
        }
    };
    let balance = tokio::time::timeout(Duration::from_secs(20), mine).await?;
    println!("paid: balance {balance}");
    worker.stop().await;
    log.close().await;
    Ok(())
}
