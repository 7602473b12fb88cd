//! The aggregate of the suite: an account, the smallest on which a lost update shows.

use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Account {
    pub balance: i64,
}

#[derive(Clone, Debug)]
pub(super) enum Command {
    Deposit(i64),
    Withdraw(i64),
    /// More text than any server accepts.
    Overfill,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub(super) enum Event {
    Deposited { amount: i64 },
    Withdrawn { amount: i64 },
    Filled { text: String },
}

#[derive(Clone, Debug, thiserror::Error)]
#[error("only {0} is left")]
pub(super) struct TooLittle(i64);

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::Deposited { .. } => "Deposited",
            Self::Withdrawn { .. } => "Withdrawn",
            Self::Filled { .. } => "Filled",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}

impl Aggregate for Account {
    const TYPE: &'static str = "account";
    type Command = Command;
    type Event = Event;
    type Error = TooLittle;
    type Services = ();

    async fn handle(
        &mut self,
        command: Command,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), TooLittle> {
        let event = match command {
            Command::Deposit(amount) => Event::Deposited { amount },
            Command::Withdraw(amount) if amount > self.balance => {
                return Err(TooLittle(self.balance));
            }
            Command::Withdraw(amount) => Event::Withdrawn { amount },
            Command::Overfill => Event::Filled {
                text: "x".repeat(128 << 20),
            },
        };
        sink.write(event, self).await;
        Ok(())
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Deposited { amount } => self.balance += amount,
            Event::Withdrawn { amount } => self.balance -= amount,
            Event::Filled { .. } => {}
        }
    }
}
