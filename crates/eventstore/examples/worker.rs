//! A worker: it reacts to commits, at least once to each, also after a crash, and sets aside what it
//! can't handle.
//!
//! `cargo run --example worker` uses the NATS server at `NATS_URL`, or the one on this machine. Start
//! it twice at once: the two share the work.

mod accounts;

use chrono::Utc;
use eventstore::{Expectation, HandlerError, Metadata, Subscription};
use std::{error::Error, time::Duration};
use tokio::sync::mpsc;
use uuid::Uuid;

use accounts::{ACCOUNTS, Account, AccountCommand, AccountEvent, open_log};

/// The smallest deposit that needs a check by a person.
const SUSPICIOUS: i64 = 1_000_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let log = open_log().await?;

    // The name is durable: under it the server remembers what any process has handled.
    let subscription = Subscription {
        max_tries: 2,
        ..Subscription::new("receipts-on-accounts")
    };
    let (write, mut receipts) = mpsc::unbounded_channel();
    let worker = log
        .workers()
        .on_commit(ACCOUNTS, subscription, move |commit| {
            let write = write.clone();
            async move {
                for (_, event) in commit.decode::<AccountEvent>()? {
                    match event {
                        // It is tried again, and then waits among the dead letters for a person. Commits
                        // of other accounts are handled as before.
                        AccountEvent::Deposited { cents } if cents >= SUSPICIOUS => {
                            let why = format!("{cents} cents: where from?");
                            return Err(HandlerError::Poison(why));
                        }
                        AccountEvent::Deposited { cents } => {
                            let _ = write.send((commit.aggregate_id.clone(), cents));
                        }
                        AccountEvent::Withdrawn { cents } => {
                            let _ = write.send((commit.aggregate_id.clone(), -cents));
                        }
                    }
                }
                Ok(())
            }
        });

    // Two accounts of this run, so that it can be repeated.
    let accounts = log.store::<Account>(ACCOUNTS);
    let (honest, rich) = (
        format!("ann-{}", Uuid::new_v4()),
        format!("bob-{}", Uuid::new_v4()),
    );
    for (id, command) in [
        (&rich, AccountCommand::Deposit { cents: SUSPICIOUS }),
        (&honest, AccountCommand::Deposit { cents: 500 }),
        (&honest, AccountCommand::Withdraw { cents: 200 }),
    ] {
        let metadata = Metadata::of_request(Uuid::new_v4(), "request-1", id.as_str(), Utc::now());
        let done = accounts.execute(id, command, &metadata, Expectation::Unknown);
        done.await?;
    }

    // Those of earlier runs may come first, and one may come twice; never in another order.
    let mut expected = vec![-200, 500];
    let all = async {
        while let Some(cents) = expected.last() {
            let Some((id, found)) = receipts.recv().await else {
                break;
            };
            if id == honest && found == *cents {
                println!("receipt: {found} cents");
                expected.pop();
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), all).await?;

    let letter = async {
        loop {
            let letters = log.dead_letters().list().await?;
            if let Some(letter) = letters.into_iter().find(|letter| letter.key == rich) {
                return Ok::<_, eventstore::StoreError>(letter);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let letter = tokio::time::timeout(Duration::from_secs(20), letter).await??;
    println!("set aside after {} tries: {}", letter.tries, letter.error);
    // An operator drops it; `retry` would have it handled after all.
    log.dead_letters().drop(&letter).await?;

    // What is in hand is finished, and what waits is handed back.
    worker.stop().await;
    log.close().await;
    Ok(())
}
