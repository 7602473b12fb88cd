//! Explains differences between the log and the provider's records.

use domain::{payment::PaymentStatus, ticket_orders::OrderStatus};
use std::fmt::Write as _;

use super::Booked;
use crate::provider::{IntentStatus, ListedIntent};

/// Captured money that was refunded or disputed. The order is unchanged: a person has to decide
/// what happens to it and to the ticket.
fn left_again(intent: &ListedIntent) -> Option<&'static str> {
    match (intent.refunded_cents, intent.disputed) {
        (0, false) => None,
        (_, true) => Some("the buyer's bank disputes the payment: answer it at the provider"),
        (refunded, false) if refunded >= intent.amount_cents => {
            Some("all of the money was given back, and the order is still complete")
        }
        (_, false) => Some("some of the money was given back, and the log has all of it"),
    }
}

/// An intent in words.
pub(super) fn described(intent: &ListedIntent) -> String {
    let (status, cents, currency) = (intent.status, intent.amount_cents, &intent.currency);
    let mut text = format!("{status} of {cents} cents ({currency})");
    if intent.refunded_cents > 0 {
        // Writing to a string can't fail.
        let _ = write!(text, ", {} of them given back", intent.refunded_cents);
    }
    if intent.disputed {
        text.push_str(", disputed");
    }
    text
}

/// The meaning of a difference; `None` if there is none.
pub(super) fn difference(
    booked: Option<&Booked>,
    intent: Option<&ListedIntent>,
) -> Option<&'static str> {
    let Some(intent) = intent else {
        return Some("the provider doesn't know this payment: are these its books?");
    };
    let Some(booked) = booked else {
        // An intent is opened before the payment is recorded, and holds nothing until then.
        return match intent.status {
            IntentStatus::Open | IntentStatus::Voided => None,
            IntentStatus::Captured if intent.refunded_cents >= intent.amount_cents => None,
            IntentStatus::Authorized | IntentStatus::Captured => {
                Some("money that no payment in the log accounts for: give it back by hand")
            }
        };
    };
    if booked.amount.cents() != intent.amount_cents {
        return Some("the amounts differ");
    }
    if intent.currency != booked.currency.as_str() {
        return Some("the currencies differ");
    }
    let complete = booked.order == Some(OrderStatus::Complete);
    if complete && let Some(left) = left_again(intent) {
        return Some(left);
    }
    if intent.status == IntentStatus::Captured && intent.refunded_cents >= intent.amount_cents {
        // It was captured for an order that isn't complete, and refunded by hand as it should be.
        return None;
    }
    match (booked.status, intent.status) {
        (_, IntentStatus::Captured) if !complete => {
            Some("money was taken for an order that isn't complete: refund it by hand")
        }
        (PaymentStatus::Authorized | PaymentStatus::Pending, IntentStatus::Authorized)
            if booked.order == Some(OrderStatus::Cancelled) =>
        {
            Some("money is held for a cancelled order; a worker lets it go when it comes to it")
        }
        (PaymentStatus::Authorized, IntentStatus::Authorized) if complete => {
            Some("the order is complete and its money is only held; a worker takes it soon")
        }
        (PaymentStatus::Lost, IntentStatus::Voided) if complete => {
            Some("the money of a complete order is lost; a worker undoes the sale soon")
        }
        (PaymentStatus::Captured, IntentStatus::Captured)
        | (PaymentStatus::Voided | PaymentStatus::Lost, IntentStatus::Voided)
        | (PaymentStatus::Authorized, IntentStatus::Authorized)
        | (PaymentStatus::Pending, IntentStatus::Open) => None,
        (PaymentStatus::Pending, IntentStatus::Authorized) => {
            Some("money is held that the log doesn't know of; it is let go when the order ends")
        }
        (
            PaymentStatus::Authorized | PaymentStatus::Pending,
            IntentStatus::Captured | IntentStatus::Voided,
        ) => Some("the provider is ahead of the log; a worker notes it when it comes to it"),
        (PaymentStatus::Captured, _) => Some("the log has it taken, the provider has not"),
        (PaymentStatus::Voided, _) => Some("the log has it let go, the provider holds it"),
        (PaymentStatus::Lost, _) => Some("the log has it lost, the provider has not"),
        (PaymentStatus::Authorized, IntentStatus::Open) => {
            Some("the log has it held, the provider has not")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::ProviderRef;
    use domain::Price;
    use uuid::Uuid;

    fn booked(status: PaymentStatus, order: OrderStatus) -> Booked {
        Booked {
            status,
            order: Some(order),
            amount: Price::from_cents(1_999).unwrap(),
            currency: "usd".parse().unwrap(),
            reference: "pi_1".to_owned(),
        }
    }

    fn intent(status: IntentStatus, amount_cents: u64) -> ListedIntent {
        ListedIntent {
            payment_id: Uuid::nil(),
            reference: ProviderRef::new("pi_1"),
            status,
            amount_cents,
            currency: "usd".to_owned(),
            refunded_cents: 0,
            disputed: false,
        }
    }

    fn found(booked: Option<&Booked>, intent: Option<&ListedIntent>) -> Option<&'static str> {
        difference(booked, intent)
    }

    #[test]
    fn matching_records_have_no_discrepancy() {
        for (log, order, books) in [
            (
                PaymentStatus::Captured,
                OrderStatus::Complete,
                IntentStatus::Captured,
            ),
            (
                PaymentStatus::Voided,
                OrderStatus::Cancelled,
                IntentStatus::Voided,
            ),
            (
                PaymentStatus::Authorized,
                OrderStatus::Created,
                IntentStatus::Authorized,
            ),
            (
                PaymentStatus::Pending,
                OrderStatus::AwaitingPayment,
                IntentStatus::Open,
            ),
        ] {
            assert_eq!(
                found(Some(&booked(log, order)), Some(&intent(books, 1_999))),
                None
            );
        }
    }

    #[test]
    fn captured_money_without_a_complete_order_is_reported() {
        let kept = found(
            Some(&booked(PaymentStatus::Captured, OrderStatus::Cancelled)),
            Some(&intent(IntentStatus::Captured, 1_999)),
        );
        assert!(kept.unwrap().contains("isn't complete"));
    }

    #[test]
    fn unknown_money_is_reported_and_an_unused_intent_is_not() {
        assert!(found(None, Some(&intent(IntentStatus::Captured, 1))).is_some());
        assert!(found(None, Some(&intent(IntentStatus::Authorized, 1))).is_some());
        assert!(found(None, Some(&intent(IntentStatus::Open, 1))).is_none());
    }

    #[test]
    fn a_different_amount_and_a_missing_intent_are_reported() {
        let paid = booked(PaymentStatus::Captured, OrderStatus::Complete);
        assert!(found(Some(&paid), Some(&intent(IntentStatus::Captured, 1))).is_some());
        assert!(found(Some(&paid), None).is_some());
    }

    #[test]
    fn a_different_currency_is_reported() {
        let paid = booked(PaymentStatus::Captured, OrderStatus::Complete);
        let books = ListedIntent {
            currency: "eur".to_owned(),
            ..intent(IntentStatus::Captured, 1_999)
        };
        let meaning = found(Some(&paid), Some(&books));
        assert!(meaning.unwrap().contains("currencies"));
    }

    #[test]
    fn refunded_money_is_reported() {
        let paid = booked(PaymentStatus::Captured, OrderStatus::Complete);
        let meaning = |refunded_cents, disputed| {
            let books = ListedIntent {
                refunded_cents,
                disputed,
                ..intent(IntentStatus::Captured, 1_999)
            };
            found(Some(&paid), Some(&books))
        };
        assert_eq!(meaning(0, false), None);
        assert!(meaning(1, false).unwrap().contains("some of the money"));
        assert!(meaning(1_999, false).unwrap().contains("all of the money"));
        assert!(meaning(0, true).unwrap().contains("disputes"));
        assert!(meaning(1_999, true).unwrap().contains("disputes"));
        // A wrong capture is settled once it is completely refunded.
        let wrong = booked(PaymentStatus::Captured, OrderStatus::Cancelled);
        let given_back = |refunded_cents| ListedIntent {
            refunded_cents,
            ..intent(IntentStatus::Captured, 1_999)
        };
        assert_eq!(found(Some(&wrong), Some(&given_back(1_999))), None);
        assert!(found(Some(&wrong), Some(&given_back(1_000))).is_some());
    }

    #[test]
    fn a_lost_payment_matches_a_closed_intent() {
        let lost = |order| booked(PaymentStatus::Lost, order);
        let closed = intent(IntentStatus::Voided, 1_999);
        assert_eq!(
            found(Some(&lost(OrderStatus::Cancelled)), Some(&closed)),
            None
        );
        assert!(found(Some(&lost(OrderStatus::Complete)), Some(&closed)).is_some());
        let taken = intent(IntentStatus::Captured, 1_999);
        assert!(found(Some(&lost(OrderStatus::Cancelled)), Some(&taken)).is_some());
    }

    #[test]
    fn money_held_for_a_final_order_is_reported() {
        let held = |log, order| {
            let books = intent(IntentStatus::Authorized, 1_999);
            found(Some(&booked(log, order)), Some(&books)).unwrap()
        };
        for log in [PaymentStatus::Authorized, PaymentStatus::Pending] {
            assert!(held(log, OrderStatus::Cancelled).contains("a cancelled order"));
        }
        let complete = held(PaymentStatus::Authorized, OrderStatus::Complete);
        assert!(complete.contains("only held"));
    }
}
