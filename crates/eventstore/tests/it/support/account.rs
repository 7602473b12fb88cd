//! An account: the smallest aggregate on which a lost update shows.

use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub balance: i64,
    pub entries: u64,
    pub note: String,
    pub closed: bool,
}

#[derive(Clone, Debug)]
pub enum Command {
    Deposit(i64),
    Withdraw(i64),
    /// Two events at once.
    Transfer(i64),
    /// No event at all.
    Look,
    Annotate(String),
    Close,
    /// A defect.
    Panic,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum Event {
    Deposited { amount: i64 },
    Withdrawn { amount: i64 },
    Annotated { note: String },
    Closed,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the balance is {0}")]
pub struct Refusal(pub i64);

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::Deposited { .. } => "Deposited",
            Self::Withdrawn { .. } => "Withdrawn",
            Self::Annotated { .. } => "Annotated",
            Self::Closed => "Closed",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "2.0".to_owned()
    }
}

impl Aggregate for Account {
    const TYPE: &'static str = "account";
    type Command = Command;
    type Event = Event;
    type Error = Refusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: Command,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Refusal> {
        match command {
            Command::Deposit(amount) => sink.write(Event::Deposited { amount }, self).await,
            Command::Withdraw(amount) if amount > self.balance => {
                return Err(Refusal(self.balance));
            }
            Command::Withdraw(amount) => sink.write(Event::Withdrawn { amount }, self).await,
            Command::Transfer(amount) => {
                sink.write(Event::Deposited { amount }, self).await;
                sink.write(Event::Withdrawn { amount }, self).await;
            }
            Command::Look => {}
            Command::Annotate(note) => sink.write(Event::Annotated { note }, self).await,
            Command::Close => sink.write(Event::Closed, self).await,
            Command::Panic => panic!("what a defect"),
        }
        Ok(())
    }

    fn apply(&mut self, event: Event) {
        self.entries += 1;
        match event {
            Event::Deposited { amount } => self.balance += amount,
            Event::Withdrawn { amount } => self.balance -= amount,
            Event::Annotated { note } => self.note = note,
            Event::Closed => self.closed = true,
        }
    }
}
