//! The aggregate that every store keeps: one definition of its events and its rules, and for each
//! framework only the lines that its trait asks for.

use chrono::{DateTime, Utc};
use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use disintegrate::{Decision, Event, StateMutate, StateQuery};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The balance of a new account, more than all withdrawals of a round.
pub const OPENING: i64 = 1_000_000_000;

/// A bank account.
#[allow(clippy::struct_field_names)] // disintegrate takes the id's name in the events from here
#[derive(Clone, Debug, Default, Serialize, Deserialize, StateQuery)]
#[state_query(AccountEvent)]
pub struct Account {
    // For disintegrate alone: the others find events by the id that they are called with.
    #[id]
    account: String,
    balance: i64,
    /// Number of its events.
    version: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Event)]
#[serde(tag = "type", content = "data")]
pub enum AccountEvent {
    Opened {
        #[id]
        account: String,
        cents: i64,
    },
    Withdrawn {
        #[id]
        account: String,
        cents: i64,
    },
}

/// A command, and who gave it when: what a store that keeps metadata keeps.
#[derive(Clone, Debug)]
pub struct Command {
    pub account: String,
    pub what: What,
    pub id: Uuid,
    pub time: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug)]
pub enum What {
    /// Opens a new account.
    Open { cents: i64 },
    /// Takes money out, if there is enough: needs the balance, so each withdrawal can invalidate
    /// the decision on any other.
    Withdraw { cents: i64 },
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the account is open already")]
    Open,
    #[error("only {balance} cents are left")]
    TooLittle { balance: i64 },
}

impl Command {
    /// A command of now, with an id of its own.
    pub fn new(account: &str, what: What) -> Self {
        Self {
            account: account.to_owned(),
            what,
            id: Uuid::new_v4(),
            time: Utc::now(),
        }
    }

    /// Whether it creates its account.
    pub fn is_first(&self) -> bool {
        matches!(self.what, What::Open { .. })
    }
}

impl AccountEvent {
    /// A withdrawal of one cent.
    pub fn withdrawn(account: &str) -> Self {
        let account = account.to_owned();
        Self::Withdrawn { account, cents: 1 }
    }
}

impl Account {
    /// The account before its first event.
    pub fn unopened(account: &str) -> Self {
        let account = account.to_owned();
        Self {
            account,
            ..Self::default()
        }
    }

    /// Number of its events.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// What is left.
    pub fn balance(&self) -> i64 {
        self.balance
    }

    /// The rules.
    fn decide(&self, command: &Command) -> Result<AccountEvent, Refusal> {
        let account = command.account.clone();
        match command.what {
            What::Open { .. } if self.version > 0 => Err(Refusal::Open),
            What::Open { cents } => Ok(AccountEvent::Opened { account, cents }),
            What::Withdraw { cents } if cents > self.balance => {
                let balance = self.balance;
                Err(Refusal::TooLittle { balance })
            }
            What::Withdraw { cents } => Ok(AccountEvent::Withdrawn { account, cents }),
        }
    }

    fn count(&mut self, event: &AccountEvent) {
        self.version += 1;
        match event {
            AccountEvent::Opened { cents, .. } => self.balance = *cents,
            AccountEvent::Withdrawn { cents, .. } => self.balance -= cents,
        }
    }
}

// For cqrs-es: this event store and postgres-es.

impl DomainEvent for AccountEvent {
    fn event_type(&self) -> String {
        match self {
            Self::Opened { .. } => "Opened".to_owned(),
            Self::Withdrawn { .. } => "Withdrawn".to_owned(),
        }
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}

impl Aggregate for Account {
    const TYPE: &'static str = "account";
    type Command = Command;
    type Event = AccountEvent;
    type Error = Refusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: Command,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Refusal> {
        let event = self.decide(&command)?;
        sink.write(event, self).await;
        Ok(())
    }

    fn apply(&mut self, event: AccountEvent) {
        self.count(&event);
    }
}

// For disintegrate.

impl StateMutate for Account {
    fn mutate(&mut self, event: AccountEvent) {
        self.count(&event);
    }
}

impl Decision for Command {
    type Event = AccountEvent;
    type StateQuery = Account;
    type Error = Refusal;

    fn state_query(&self) -> Account {
        Account::unopened(&self.account)
    }

    fn process(&self, account: &Account) -> Result<Vec<AccountEvent>, Refusal> {
        Ok(vec![account.decide(self)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_framework_gets_other_rules() {
        let mut account = Account::unopened("ann");
        let open = Command::new("ann", What::Open { cents: 2 });
        let withdraw = Command::new("ann", What::Withdraw { cents: 2 });
        let refusal = Err(Refusal::TooLittle { balance: 0 });
        assert_eq!(withdraw.process(&account), refusal);
        for command in [&open, &withdraw] {
            for event in command.process(&account).unwrap() {
                account.apply(event);
            }
        }
        assert_eq!((account.version(), account.balance()), (2, 0));
        assert_eq!(open.process(&account), Err(Refusal::Open));
        assert_eq!(withdraw.process(&account), refusal);
    }
}
