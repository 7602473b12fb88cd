//! The state of an aggregate of any of the four types, as values that can be shown and compared.

use cqrs_es::Aggregate as _;
use domain::streams;
use domain::{
    AnyEvent, OrderId, payment::Payment, ticket::Ticket, ticket_orders::TicketOrders, user::User,
};
use eventstore::{Commit, StoreError, StreamName};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

use crate::{events_of, row::hide_secrets};

/// An aggregate while its events are applied.
#[derive(Clone, Debug)]
pub enum Aggregate {
    /// A user.
    User(User),
    /// A ticket.
    Ticket(Ticket),
    /// A ticket's orders.
    Orders(TicketOrders),
    /// A payment.
    Payment(Payment),
}

impl Aggregate {
    /// An aggregate without events; `None` if the stream is not one of the log's.
    pub fn empty(stream: StreamName) -> Option<Self> {
        Some(match stream.as_str() {
            streams::USERS => Self::User(User::default()),
            streams::TICKETS => Self::Ticket(Ticket::default()),
            streams::ORDERS => Self::Orders(TicketOrders::default()),
            streams::PAYMENTS => Self::Payment(Payment::default()),
            _ => return None,
        })
    }

    /// Applies a commit, which must be the next: versions are dense.
    ///
    /// # Errors
    /// [`StoreError::Gap`] when it isn't, [`StoreError::Unreadable`] when it can't be read.
    pub fn apply(&mut self, version: &mut u64, commit: &Commit) -> Result<(), StoreError> {
        if commit.version != *version {
            return Err(StoreError::Gap {
                stream: commit.stream,
                sequence: commit.sequence,
                expected: format!("version {version} of {}", commit.aggregate_id),
                found: format!("version {}", commit.version),
            });
        }
        for (_, event) in events_of(commit)? {
            match (&mut *self, event) {
                (Self::User(user), AnyEvent::User(event)) => user.apply(event),
                (Self::Ticket(ticket), AnyEvent::Ticket(event)) => ticket.apply(event),
                (Self::Orders(orders), AnyEvent::Orders(event)) => orders.apply(event),
                (Self::Payment(payment), AnyEvent::Payment(event)) => payment.apply(event),
                // The events of a commit belong to its stream.
                _ => {}
            }
            *version += 1;
        }
        Ok(())
    }

    /// The state as JSON; `null` without events. Secrets are left out.
    pub fn state(&self) -> Value {
        let mut state = match self {
            Self::User(user) => json(&user.account()),
            Self::Ticket(ticket) => json(&ticket.listing()),
            Self::Orders(orders) if orders.orders().is_empty() => Value::Null,
            Self::Orders(orders) => json(orders),
            Self::Payment(payment) => json(&payment.begun()),
        };
        hide_secrets(&mut state);
        state
    }

    /// The state of one order; the whole state of any other aggregate.
    pub fn state_of_order(&self, order: OrderId) -> Value {
        match self {
            Self::Orders(orders) => json(&orders.order(order)),
            _ => self.state(),
        }
    }
}

fn json(value: &impl Serialize) -> Value {
    // Plain structures with text keys always serialize.
    serde_json::to_value(value).unwrap_or_default()
}

/// A field that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// Its path: `availability`, `orders[0].status`.
    pub field: String,
    /// The old value; `null` if there was none.
    pub before: Value,
    /// The new value; `null` if there is none.
    pub after: Value,
}

/// The fields that differ between two states, by name.
pub fn changes(before: &Value, after: &Value) -> Vec<FieldChange> {
    let (mut was, mut is) = (BTreeMap::new(), BTreeMap::new());
    flatten(String::new(), before, &mut was);
    flatten(String::new(), after, &mut is);
    let fields: std::collections::BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let value = |of: &BTreeMap<String, Value>, field| of.get(field).cloned().unwrap_or_default();
    fields
        .into_iter()
        .filter(|field| was.get(*field) != is.get(*field))
        .map(|field| FieldChange {
            field: field.clone(),
            before: value(&was, field),
            after: value(&is, field),
        })
        .collect()
}

/// Splits a value into its leaves. `null` and empty values have none.
fn flatten(path: String, value: &Value, leaves: &mut BTreeMap<String, Value>) {
    match value {
        Value::Null => {}
        Value::Object(fields) => {
            for (name, field) in fields {
                let path = match path.as_str() {
                    "" => name.clone(),
                    path => format!("{path}.{name}"),
                };
                flatten(path, field, leaves);
            }
        }
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                flatten(format!("{path}[{i}]"), item, leaves);
            }
        }
        leaf => {
            leaves.insert(path, leaf.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn changes_name_the_field_and_both_values() {
        let before = json!({"price": 2000, "title": "A", "orders": [{"status": "Created"}]});
        let after =
            json!({"price": 2500, "title": "A", "orders": [{"status": "Complete", "by": 1}]});
        let found = changes(&before, &after);
        let found: Vec<_> = found
            .iter()
            .map(|change| (change.field.as_str(), &change.before, &change.after))
            .collect();
        assert_eq!(
            found,
            [
                ("orders[0].by", &json!(null), &json!(1)),
                ("orders[0].status", &json!("Created"), &json!("Complete")),
                ("price", &json!(2000), &json!(2500)),
            ]
        );
    }

    #[test]
    fn a_new_aggregate_changes_each_field() {
        let found = changes(&Value::Null, &json!({"id": "t", "held": null}));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].field, "id");
    }
}
