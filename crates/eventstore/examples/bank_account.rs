//! A bank account whose only truth is the log.
//!
//! `cargo run -p eventstore --example bank_account` starts its own NATS server; with `NATS_URL` set
//! it uses that one, and finds its account again on the next run.

use chrono::Utc;
use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use eventstore::{CommandError, Expectation, Log, LogConfig, Metadata, StreamName, Subscription};
use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use std::{error::Error, time::Duration};
use uuid::Uuid;

// The events, and the one rule: no withdrawal exceeds the balance.

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
enum AccountEvent {
    Deposited { cents: i64 },
    Withdrawn { cents: i64 },
}

impl DomainEvent for AccountEvent {
    fn event_type(&self) -> String {
        match self {
            Self::Deposited { .. } => "Deposited".to_owned(),
            Self::Withdrawn { .. } => "Withdrawn".to_owned(),
        }
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}

#[derive(Clone, Debug)]
enum AccountCommand {
    Deposit { cents: i64 },
    Withdraw { cents: i64 },
}

#[derive(Debug, thiserror::Error)]
#[error("only {balance} cents are left")]
struct TooLittle {
    balance: i64,
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Account {
    balance: i64,
}

impl Aggregate for Account {
    const TYPE: &'static str = "account";
    type Command = AccountCommand;
    type Event = AccountEvent;
    type Error = TooLittle;
    type Services = ();

    async fn handle(
        &mut self,
        command: AccountCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), TooLittle> {
        let event = match command {
            AccountCommand::Deposit { cents } => AccountEvent::Deposited { cents },
            AccountCommand::Withdraw { cents } if cents > self.balance => {
                let balance = self.balance;
                return Err(TooLittle { balance });
            }
            AccountCommand::Withdraw { cents } => AccountEvent::Withdrawn { cents },
        };
        sink.write(event, self).await;
        Ok(())
    }

    fn apply(&mut self, event: AccountEvent) {
        match event {
            AccountEvent::Deposited { cents } => self.balance += cents,
            AccountEvent::Withdrawn { cents } => self.balance -= cents,
        }
    }
}

const ACCOUNTS: StreamName = StreamName::new("ACCOUNTS");

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // A server: yours, or one that ends with this program.
    let own_server;
    let url = if let Ok(url) = std::env::var("NATS_URL") {
        url
    } else {
        own_server = devservers::NatsServer::start(&devservers::NatsOptions::default())?;
        own_server.url().to_owned()
    };
    let log = Log::connect(LogConfig {
        url,
        event_streams: vec![ACCOUNTS],
        ..LogConfig::default()
    })
    .await?;
    let mut connection = log.connection();
    tokio::time::timeout(Duration::from_secs(5), connection.wait_for(|up| *up)).await??;
    log.streams().ensure().await?;
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
