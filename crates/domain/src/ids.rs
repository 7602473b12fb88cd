//! IDs: UUIDs, with a type for each kind so that they can't be mixed up.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

use crate::Email;

/// Namespace of ids derived from something else (`UUIDv5`, RFC 9562 §5.5). Changing it would give
/// every account and payment a new identity, so it never changes.
const NAMESPACE: Uuid = Uuid::from_u128(0x5f1d_0c0a_7c5e_4f0e_9d36_7e1b_6a52_11aa);

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

id!(
    /// Identity of a user; derived from the e-mail address, so one address has one account.
    UserId
);
id!(
    /// Identity of a ticket, and of the aggregate that holds all orders of that ticket.
    TicketId
);
id!(
    /// Identity of one order.
    OrderId
);
id!(
    /// Identity of the one payment that an order can have; derived from the order's id.
    PaymentId
);

impl UserId {
    /// The account of an e-mail address. Two spellings that differ in case have the same one.
    pub fn of(email: &Email) -> Self {
        Self(Uuid::new_v5(&NAMESPACE, format!("user:{email}").as_bytes()))
    }
}

impl PaymentId {
    /// The payment of an order: one order, one payment, however often it is paid.
    pub fn of(order: OrderId) -> Self {
        Self(Uuid::new_v5(
            &NAMESPACE,
            format!("payment:{order}").as_bytes(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_id_of_an_email_ignores_case() {
        let lower = Email::parse("ada@example.com").unwrap();
        let upper = Email::parse("Ada@Example.COM").unwrap();
        assert_eq!(UserId::of(&lower), UserId::of(&upper));
    }

    #[test]
    fn derived_ids_never_change_between_releases() {
        let email = Email::parse("ada@example.com").unwrap();
        let order = OrderId(Uuid::nil());
        assert_eq!(
            (
                UserId::of(&email).to_string(),
                PaymentId::of(order).to_string()
            ),
            (
                "e5ad41c2-415e-5bfe-9e7e-103b57a66560".to_owned(),
                "9e076cbc-4e4a-54fa-9bf3-d013af0aabff".to_owned()
            )
        );
    }
}
