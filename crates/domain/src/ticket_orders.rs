//! All orders ever placed on one ticket, of which at most one is live.
//!
//! This is the arbiter of the marketplace. Because every order of a ticket is decided by one
//! aggregate, and an append to it states the sequence that it builds on, a ticket can't be sold
//! twice under any race; and because *pay*, *cancel* and *expire* meet here, exactly one of them
//! wins. One aggregate per order was rejected: two orders of one ticket would then be decided
//! independently.

use chrono::{DateTime, TimeDelta, Utc};
use cqrs_es::{Aggregate, DomainEvent};
use serde::{Deserialize, Serialize};

use crate::{
    Currency, Decide, OrderId, PaymentId, Price, TicketId, Title, UserId,
    decide::impl_handle_by_decide, ticket::ListingDifference,
};

/// The most orders that one buyer may place on one ticket within [`ORDER_WINDOW`]. A buyer who
/// places and cancels in a loop would otherwise make the aggregate longer without limit; one order
/// per minute is more than buyers need who only change their minds. The limit is per buyer: with a
/// limit per ticket, one buyer could keep out all others.
pub const MOST_ORDERS: usize = 60;
/// The time in which a buyer's orders on a ticket are counted.
pub const ORDER_WINDOW: TimeDelta = TimeDelta::hours(1);

/// The aggregate. Its id is the ticket's id.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TicketOrders {
    /// In the order in which they were placed.
    orders: Vec<Order>,
    live: Option<OrderId>,
    /// Whether the sale has ended because the seller withdrew the ticket.
    closed: bool,
    /// Number of events.
    events: u64,
}

/// One order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Identity.
    pub id: OrderId,
    /// Who placed it.
    pub buyer: UserId,
    /// What is bought, as it was when the order was placed.
    pub ticket: OrderedTicket,
    /// The state.
    pub status: OrderStatus,
    /// When it was placed.
    pub placed_at: DateTime<Utc>,
    /// Until when it may be paid.
    pub expires_at: DateTime<Utc>,
    /// Why it was cancelled, if it was.
    pub cancelled: Option<CancelReason>,
    /// 0 when placed, one more with each change since.
    pub version: u64,
    /// Payments that were refused, so that each is refused once.
    refused: Vec<PaymentId>,
}

/// The ticket as the buyer saw it; later edits don't change it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderedTicket {
    /// Identity.
    pub id: TicketId,
    /// Title.
    pub title: Title,
    /// Price in cents.
    pub price: Price,
    /// The currency that the buyer saw it in, and in which it is charged.
    pub currency: Currency,
    /// Version of the ticket.
    pub version: u64,
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderStatus {
    /// Placed, not paid.
    Created,
    /// A payment was begun.
    AwaitingPayment,
    /// Paid. Final, unless the money is lost.
    Complete,
    /// Cancelled by the buyer, not paid in time, or its money was lost. Final.
    Cancelled,
}

impl OrderStatus {
    /// Whether an order in this state holds or has the ticket.
    pub const fn is_live(self) -> bool {
        !matches!(self, Self::Cancelled)
    }

    /// Whether an order in this state can still be paid.
    pub const fn is_payable(self) -> bool {
        matches!(self, Self::Created | Self::AwaitingPayment)
    }
}

/// Why an order was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum CancelReason {
    /// The buyer cancelled it.
    Buyer,
    /// It wasn't paid in time.
    Expired,
    /// It was paid, but the provider lost the money before it was captured.
    PaymentLost,
}

/// The commands on a ticket's orders.
#[derive(Clone, Debug)]
pub enum TicketOrdersCommand {
    /// Hold the ticket for a buyer.
    Place {
        /// The new order's id.
        order_id: OrderId,
        /// Who buys.
        buyer: UserId,
        /// The ticket, read from its own log just before.
        ticket: OrderedTicket,
        /// Who sells it.
        seller: UserId,
        /// The price that the buyer was shown, if the request states it.
        expected_price: Option<Price>,
        /// The differences from the ticket that the buyer was shown, as far as the request states
        /// it.
        difference: ListingDifference,
        /// Now.
        at: DateTime<Utc>,
        /// The end of the time for payment.
        expires_at: DateTime<Utc>,
    },
    /// End the sale because the seller withdraws the ticket. It ends only if nothing has happened
    /// since the seller's request: so a request that was too late never takes effect later, when
    /// its seller already got the refusal.
    Close {
        /// Which ticket.
        ticket_id: TicketId,
        /// Number of events when the seller asked.
        orders_seen: u64,
    },
    /// Note that a payment was begun.
    AwaitPayment {
        /// Which order.
        order_id: OrderId,
        /// Which payment.
        payment_id: PaymentId,
    },
    /// Accept an authorized payment, or refuse it when the order is gone.
    Complete {
        /// Which order.
        order_id: OrderId,
        /// Which payment.
        payment_id: PaymentId,
    },
    /// Undo the sale: the money that the order was completed with is lost.
    LosePayment {
        /// Which order.
        order_id: OrderId,
    },
    /// Cancel the order.
    Cancel {
        /// Which order.
        order_id: OrderId,
        /// Who asks.
        by: UserId,
    },
    /// Cancel the order if its time is over.
    Expire {
        /// Which order.
        order_id: OrderId,
        /// Now.
        at: DateTime<Utc>,
    },
}

/// The events of a ticket's orders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(tag = "type", content = "data")]
pub enum TicketOrdersEvent {
    /// A buyer holds the ticket.
    OrderPlaced {
        /// Identity.
        order_id: OrderId,
        /// Who buys.
        buyer: UserId,
        /// What, as it was then.
        ticket: OrderedTicket,
        /// When.
        placed_at: DateTime<Utc>,
        /// The end of the time for payment.
        expires_at: DateTime<Utc>,
    },
    /// A payment was begun.
    OrderAwaitingPayment {
        /// Which order.
        order_id: OrderId,
        /// Which payment.
        payment_id: PaymentId,
        /// The order's version after this.
        version: u64,
    },
    /// The order is paid, and its money may be kept.
    OrderCompleted {
        /// Which order.
        order_id: OrderId,
        /// Which payment.
        payment_id: PaymentId,
        /// The order's version after this.
        version: u64,
    },
    /// The order is over without a sale.
    OrderCancelled {
        /// Which order.
        order_id: OrderId,
        /// Why.
        reason: CancelReason,
        /// The order's version after this.
        version: u64,
    },
    /// A payment came for an order that was cancelled before; its money must be voided.
    PaymentRefused {
        /// Which order. It doesn't change.
        order_id: OrderId,
        /// Which payment.
        payment_id: PaymentId,
    },
    /// The seller withdrew the ticket: there will be no other order.
    SaleClosed {
        /// Which ticket.
        ticket_id: TicketId,
    },
}

impl TicketOrdersEvent {
    /// The order of the event, if it has one.
    pub const fn order_id(&self) -> Option<OrderId> {
        match self {
            Self::OrderPlaced { order_id, .. }
            | Self::OrderAwaitingPayment { order_id, .. }
            | Self::OrderCompleted { order_id, .. }
            | Self::OrderCancelled { order_id, .. }
            | Self::PaymentRefused { order_id, .. } => Some(*order_id),
            Self::SaleClosed { .. } => None,
        }
    }
}

impl DomainEvent for TicketOrdersEvent {
    fn event_type(&self) -> String {
        <&str>::from(self).to_owned()
    }
    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}

/// Why an order command is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketOrdersError {
    /// Another order has the ticket.
    #[error("Ticket is already reserved")]
    AlreadyReserved,
    /// An unpaid order of the same buyer has the ticket.
    #[error("You already hold this ticket")]
    AlreadyHeld(OrderId),
    /// A paid order of the same buyer has the ticket.
    #[error("You already bought this ticket")]
    AlreadyBought(OrderId),
    /// The seller withdrew the ticket.
    #[error("Ticket was withdrawn")]
    Withdrawn,
    /// The buyer is its seller: the figures would show trade that didn't happen.
    #[error("You cannot order your own ticket")]
    OwnTicket,
    /// The buyer placed too many orders on this ticket recently.
    #[error("You have ordered this ticket too often, please try again later")]
    TooManyOrders {
        /// When another may be placed.
        until: DateTime<Utc>,
    },
    /// The price isn't the one that the buyer was shown.
    #[error("The price has changed to {actual}")]
    PriceChanged {
        /// The price now.
        actual: Price,
    },
    /// The ticket differs from what the buyer was shown.
    #[error("The ticket has changed")]
    Changed(ListingDifference),
    /// There is no such order on this ticket.
    #[error("Not Found")]
    NotFound,
    /// The caller didn't place it.
    #[error("Not authorized")]
    NotOwner,
    /// It is paid and can't be cancelled.
    #[error("Cannot cancel a paid order")]
    AlreadyPaid,
    /// It is too early to expire.
    #[error("The order has not expired yet")]
    NotDue,
}

impl TicketOrders {
    /// Every order that was ever placed, oldest first.
    pub fn orders(&self) -> &[Order] {
        &self.orders
    }

    /// One order.
    pub fn order(&self, id: OrderId) -> Option<&Order> {
        self.orders.iter().find(|order| order.id == id)
    }

    /// The order that holds or has the ticket, if any.
    pub fn live(&self) -> Option<&Order> {
        self.live.and_then(|id| self.order(id))
    }

    /// Whether the sale has ended because the seller withdrew the ticket.
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    fn find(&self, id: OrderId) -> Result<&Order, TicketOrdersError> {
        self.order(id).ok_or(TicketOrdersError::NotFound)
    }

    /// Whether no order has the ticket. A buyer whose own order has it gets its ID.
    fn is_free_for(&self, buyer: UserId) -> Result<(), TicketOrdersError> {
        match self.live() {
            None => Ok(()),
            Some(own) if own.buyer == buyer && own.status == OrderStatus::Complete => {
                Err(TicketOrdersError::AlreadyBought(own.id))
            }
            Some(own) if own.buyer == buyer => Err(TicketOrdersError::AlreadyHeld(own.id)),
            Some(_) => Err(TicketOrdersError::AlreadyReserved),
        }
    }

    /// Whether a buyer may place one more order at this time.
    fn has_room_for(&self, buyer: UserId, at: DateTime<Utc>) -> Result<(), TicketOrdersError> {
        // The newest are last: the order that is this far from the end must be old enough.
        let mut own = self.orders.iter().rev().filter(|o| o.buyer == buyer);
        match own.nth(MOST_ORDERS - 1) {
            Some(earliest) if earliest.placed_at + ORDER_WINDOW > at => {
                Err(TicketOrdersError::TooManyOrders {
                    until: earliest.placed_at + ORDER_WINDOW,
                })
            }
            _ => Ok(()),
        }
    }
}

impl Decide for TicketOrders {
    fn decide(
        &self,
        command: TicketOrdersCommand,
    ) -> Result<Vec<TicketOrdersEvent>, TicketOrdersError> {
        match command {
            TicketOrdersCommand::Place {
                order_id,
                buyer,
                ticket,
                seller,
                expected_price,
                difference,
                at,
                expires_at,
            } => {
                if self.closed {
                    return Err(TicketOrdersError::Withdrawn);
                }
                if buyer == seller {
                    return Err(TicketOrdersError::OwnTicket);
                }
                self.is_free_for(buyer)?;
                if self.order(order_id).is_some() {
                    return Err(TicketOrdersError::AlreadyReserved);
                }
                self.has_room_for(buyer, at)?;
                if !difference.is_none() {
                    return Err(TicketOrdersError::Changed(difference));
                }
                if expected_price.is_some_and(|expected| expected != ticket.price) {
                    return Err(TicketOrdersError::PriceChanged {
                        actual: ticket.price,
                    });
                }
                Ok(vec![TicketOrdersEvent::OrderPlaced {
                    order_id,
                    buyer,
                    ticket,
                    placed_at: at,
                    expires_at,
                }])
            }
            TicketOrdersCommand::Close {
                ticket_id,
                orders_seen,
            } => {
                let is_free = self.live.is_none() && !self.closed;
                Ok(if is_free && self.events == orders_seen {
                    vec![TicketOrdersEvent::SaleClosed { ticket_id }]
                } else {
                    Vec::new()
                })
            }
            TicketOrdersCommand::AwaitPayment {
                order_id,
                payment_id,
            } => {
                let order = self.find(order_id)?;
                Ok(match order.status {
                    OrderStatus::Created => vec![TicketOrdersEvent::OrderAwaitingPayment {
                        order_id,
                        payment_id,
                        version: order.version + 1,
                    }],
                    // The payment itself will be accepted or refused when it is authorized.
                    _ => Vec::new(),
                })
            }
            TicketOrdersCommand::Complete {
                order_id,
                payment_id,
            } => {
                let order = self.find(order_id)?;
                Ok(order.complete(payment_id))
            }
            TicketOrdersCommand::LosePayment { order_id } => {
                let order = self.find(order_id)?;
                Ok(order.end(CancelReason::PaymentLost))
            }
            TicketOrdersCommand::Cancel { order_id, by } => {
                let order = self.find(order_id)?;
                if order.buyer != by {
                    return Err(TicketOrdersError::NotOwner);
                }
                if order.status == OrderStatus::Complete {
                    return Err(TicketOrdersError::AlreadyPaid);
                }
                Ok(order.cancel(CancelReason::Buyer))
            }
            TicketOrdersCommand::Expire { order_id, at } => {
                let order = self.find(order_id)?;
                if !order.status.is_payable() {
                    return Ok(Vec::new());
                }
                if at < order.expires_at {
                    return Err(TicketOrdersError::NotDue);
                }
                Ok(order.cancel(CancelReason::Expired))
            }
        }
    }
}

impl Order {
    fn complete(&self, payment_id: PaymentId) -> Vec<TicketOrdersEvent> {
        match self.status {
            OrderStatus::Created | OrderStatus::AwaitingPayment => {
                vec![TicketOrdersEvent::OrderCompleted {
                    order_id: self.id,
                    payment_id,
                    version: self.version + 1,
                }]
            }
            OrderStatus::Cancelled if !self.refused.contains(&payment_id) => {
                vec![TicketOrdersEvent::PaymentRefused {
                    order_id: self.id,
                    payment_id,
                }]
            }
            OrderStatus::Cancelled | OrderStatus::Complete => Vec::new(),
        }
    }

    fn cancel(&self, reason: CancelReason) -> Vec<TicketOrdersEvent> {
        if self.status.is_payable() {
            self.end(reason)
        } else {
            Vec::new()
        }
    }

    fn end(&self, reason: CancelReason) -> Vec<TicketOrdersEvent> {
        if !self.status.is_live() {
            return Vec::new();
        }
        vec![TicketOrdersEvent::OrderCancelled {
            order_id: self.id,
            reason,
            version: self.version + 1,
        }]
    }
}

impl Aggregate for TicketOrders {
    const TYPE: &'static str = "ticket-orders";
    type Command = TicketOrdersCommand;
    type Event = TicketOrdersEvent;
    type Error = TicketOrdersError;
    impl_handle_by_decide!();

    fn apply(&mut self, event: TicketOrdersEvent) {
        self.events += 1;
        let Some(id) = event.order_id() else {
            // `SaleClosed` is the only event without an order.
            self.closed = true;
            return;
        };
        if let TicketOrdersEvent::OrderPlaced {
            buyer,
            ticket,
            placed_at,
            expires_at,
            ..
        } = event
        {
            self.live = Some(id);
            self.orders.push(Order {
                id,
                buyer,
                ticket,
                status: OrderStatus::Created,
                placed_at,
                expires_at,
                cancelled: None,
                version: 0,
                refused: Vec::new(),
            });
            return;
        }
        let Some(order) = self.orders.iter_mut().find(|order| order.id == id) else {
            return;
        };
        match event {
            TicketOrdersEvent::OrderPlaced { .. } | TicketOrdersEvent::SaleClosed { .. } => {}
            TicketOrdersEvent::OrderAwaitingPayment { version, .. } => {
                order.status = OrderStatus::AwaitingPayment;
                order.version = version;
            }
            TicketOrdersEvent::OrderCompleted { version, .. } => {
                order.status = OrderStatus::Complete;
                order.version = version;
            }
            TicketOrdersEvent::OrderCancelled {
                version, reason, ..
            } => {
                order.status = OrderStatus::Cancelled;
                order.cancelled = Some(reason);
                order.version = version;
                if self.live == Some(id) {
                    self.live = None;
                }
            }
            TicketOrdersEvent::PaymentRefused { payment_id, .. } => order.refused.push(payment_id),
        }
    }
}
