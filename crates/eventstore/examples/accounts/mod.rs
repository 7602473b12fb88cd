//! Bank accounts, as all examples have them, and their log.

use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use eventstore::{Log, LogConfig, StreamName};
use serde::{Deserialize, Serialize};
use std::{error::Error, time::Duration};

// The events, and the one rule: a withdrawal never exceeds the balance.

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum AccountEvent {
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
pub enum AccountCommand {
    Deposit { cents: i64 },
    Withdraw { cents: i64 },
}

#[derive(Debug, thiserror::Error)]
#[error("only {balance} cents are left")]
pub struct TooLittle {
    pub balance: i64,
}

#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Account {
    pub balance: i64,
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

pub const ACCOUNTS: StreamName = StreamName::new("ACCOUNTS");

/// The log on the server at `NATS_URL`, or on this machine.
pub async fn open_log() -> Result<Log, Box<dyn Error>> {
    let url = std::env::var("NATS_URL").unwrap_or_else(|_| "nats://127.0.0.1:4222".to_owned());
    let log = Log::connect(LogConfig {
        url: url.clone(),
        event_streams: vec![ACCOUNTS],
        ..LogConfig::default()
    })
    .await?;
    let mut connection = log.connection();
    let connected = connection.wait_for(|up| *up);
    if tokio::time::timeout(Duration::from_secs(5), connected)
        .await
        .is_err()
    {
        return Err(format!("no NATS server at {url}; start one with `nats-server -js`").into());
    }
    log.streams().ensure().await?;
    Ok(log)
}
