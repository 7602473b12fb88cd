//! What a ticket or an order is for the visitor who sees it.

use api::{Order, OrderStatus, Ticket, TicketStatus};
use uuid::Uuid;

/// What a visitor can do with a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketView {
    /// Buy it.
    ForSale,
    /// Edit it: it is the visitor's own, and for sale.
    Own,
    /// Wait: it is the visitor's own, and somebody holds it.
    OwnHeld,
    /// Be glad: it is the visitor's own, and sold.
    OwnSold,
    /// Go on to pay: the visitor holds it by this order.
    HeldByYou(Uuid),
    /// Look at the order it was bought by.
    BoughtByYou(Uuid),
    /// Wait: another visitor holds it.
    Held,
    /// Nothing: another visitor bought it.
    Sold,
    /// Nothing: the visitor took it back.
    OwnWithdrawn,
    /// Nothing: its seller took it back.
    Withdrawn,
}

impl TicketView {
    /// Where a ticket stands for a visitor with these orders.
    pub fn of(ticket: &Ticket, visitor: Option<Uuid>, orders: &[Order]) -> Self {
        // The ticket follows its order within moments, and may lag; the order itself doesn't.
        let mine = orders
            .iter()
            .find(|order| order.ticket.id == ticket.id && order.status != OrderStatus::Cancelled);
        match (mine, ticket.status, visitor == Some(ticket.user_id)) {
            (Some(order), _, _) if order.status == OrderStatus::Complete => {
                Self::BoughtByYou(order.id)
            }
            (Some(order), _, _) => Self::HeldByYou(order.id),
            (None, TicketStatus::Open, true) => Self::Own,
            (None, TicketStatus::Reserved, true) => Self::OwnHeld,
            (None, TicketStatus::Sold, true) => Self::OwnSold,
            (None, TicketStatus::Withdrawn, true) => Self::OwnWithdrawn,
            (None, TicketStatus::Open, false) => Self::ForSale,
            (None, TicketStatus::Reserved, false) => Self::Held,
            (None, TicketStatus::Sold, false) => Self::Sold,
            (None, TicketStatus::Withdrawn, false) => Self::Withdrawn,
        }
    }
}

/// What a buyer can do with an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderView {
    /// Pay it.
    Payable,
    /// Nothing: the time is over, and the server hasn't yet said how it ended.
    Ending,
    /// It is paid.
    Paid,
    /// It was given back, or not paid in time.
    Cancelled,
}

impl OrderView {
    /// Where an order stands at a time of the server, in milliseconds since 1970.
    #[allow(clippy::cast_precision_loss)]
    pub fn of(order: &Order, now: Option<f64>) -> Self {
        match order.status {
            OrderStatus::Complete => Self::Paid,
            OrderStatus::Cancelled => Self::Cancelled,
            OrderStatus::Created | OrderStatus::AwaitingPayment => {
                let end = order.expires_at.timestamp_millis() as f64;
                if now.is_some_and(|now| now >= end) {
                    Self::Ending
                } else {
                    Self::Payable
                }
            }
        }
    }
}

/// Returns whether an order has ended, by what its ticket shows: it is sold, or no longer held by the
/// order. The order itself may still be shown as open, because the server reads tickets and orders
/// from models of their own, and each can be behind the other.
pub fn has_ended(order: &Order, ticket: &Ticket) -> bool {
    let is_held = ticket.status == TicketStatus::Reserved && ticket.order_id == Some(order.id);
    // An older ticket than the one that was ordered shows nothing of the order.
    ticket.id == order.ticket.id && ticket.version > order.ticket.version && !is_held
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listing::tests::ticket;

    /// As the server sends it.
    fn order(ticket: &Ticket, status: OrderStatus) -> Order {
        let mut order: Order = serde_json::from_value(serde_json::json!({
            "id": Uuid::from_u128(99),
            "userId": Uuid::from_u128(2),
            "status": "created",
            "expiresAt": "1970-01-01T00:16:40Z",
            "createdAt": "1970-01-01T00:01:40Z",
            "ticket": {"id": ticket.id, "title": ticket.title, "price": 20, "currency": "USD", "version": 0},
            "version": 0,
        }))
        .unwrap();
        order.status = status;
        order
    }

    #[test]
    fn a_ticket_view_depends_on_the_user() {
        let mut shown = ticket(1, "Jazz", 2_000);
        let seller = Some(shown.user_id);
        let buyer = Some(Uuid::from_u128(2));
        let held = [order(&shown, OrderStatus::Created)];
        let paid = [order(&shown, OrderStatus::Complete)];
        let gone = [order(&shown, OrderStatus::Cancelled)];
        let id = held[0].id;

        assert_eq!(TicketView::of(&shown, None, &[]), TicketView::ForSale);
        assert_eq!(TicketView::of(&shown, seller, &[]), TicketView::Own);
        assert_eq!(TicketView::of(&shown, buyer, &gone), TicketView::ForSale);
        // The order was placed a moment ago, and the ticket doesn't know yet.
        assert_eq!(
            TicketView::of(&shown, buyer, &held),
            TicketView::HeldByYou(id)
        );
        shown.status = TicketStatus::Reserved;
        assert_eq!(
            TicketView::of(&shown, buyer, &held),
            TicketView::HeldByYou(id)
        );
        assert_eq!(TicketView::of(&shown, None, &[]), TicketView::Held);
        assert_eq!(TicketView::of(&shown, seller, &[]), TicketView::OwnHeld);
        shown.status = TicketStatus::Sold;
        assert_eq!(
            TicketView::of(&shown, buyer, &paid),
            TicketView::BoughtByYou(id)
        );
        assert_eq!(TicketView::of(&shown, None, &gone), TicketView::Sold);
        assert_eq!(TicketView::of(&shown, seller, &[]), TicketView::OwnSold);
    }

    #[test]
    fn a_ticket_shows_that_its_order_has_ended() {
        let mut shown = ticket(1, "Jazz", 2_000);
        let open = order(&shown, OrderStatus::Created);
        shown.version = open.ticket.version;
        // It was ordered as it is here.
        assert!(!has_ended(&open, &shown));
        shown.version += 1;
        shown.status = TicketStatus::Reserved;
        shown.order_id = Some(open.id);
        assert!(!has_ended(&open, &shown));
        shown.version += 1;
        shown.status = TicketStatus::Sold;
        assert!(has_ended(&open, &shown));
        shown.status = TicketStatus::Open;
        shown.order_id = None;
        assert!(has_ended(&open, &shown));
        shown.status = TicketStatus::Reserved;
        shown.order_id = Some(Uuid::from_u128(7));
        assert!(has_ended(&open, &shown));
        assert!(!has_ended(&open, &ticket(2, "Opera", 2_000)));
    }

    #[test]
    fn an_order_is_payable_until_its_end_on_the_servers_clock() {
        let ticket = ticket(1, "Jazz", 2_000);
        let open = order(&ticket, OrderStatus::Created);
        assert_eq!(OrderView::of(&open, None), OrderView::Payable);
        assert_eq!(OrderView::of(&open, Some(999_999.0)), OrderView::Payable);
        assert_eq!(OrderView::of(&open, Some(1_000_000.0)), OrderView::Ending);
        let paid = order(&ticket, OrderStatus::Complete);
        assert_eq!(OrderView::of(&paid, Some(9e9)), OrderView::Paid);
    }
}
