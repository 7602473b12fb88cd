//! A ticket: listed by its seller, held by an order, free again or sold.
//!
//! [`crate::ticket_orders`] decides who may hold a ticket. The ticket only *follows* that decision,
//! which its page, the list of tickets for sale and the rule "a reserved ticket can't be edited"
//! need. It follows by version of the orders aggregate, which makes a repeated, late or reordered
//! message harmless: only a newer one changes anything.

use cqrs_es::{Aggregate, DomainEvent};
use serde::{Deserialize, Serialize};

use crate::{Decide, OrderId, Price, TicketId, Title, UserId, decide::impl_handle_by_decide};

/// The aggregate; empty until the ticket is listed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    listing: Option<Listing>,
}

/// A ticket that was listed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listing {
    /// Identity.
    pub id: TicketId,
    /// The seller.
    pub seller: UserId,
    /// Title.
    pub title: Title,
    /// Price.
    pub price: Price,
    /// Whether it can be ordered.
    pub availability: Availability,
    /// 0 when listed, incremented with each event.
    pub version: u64,
    /// The version with which the title was set.
    title_since: u64,
    /// The version with which the price was set.
    price_since: u64,
    /// The last followed version of the ticket's orders.
    followed: Option<u64>,
    /// Number of events of the ticket's orders when its seller last asked to withdraw it.
    withdrawal: Option<u64>,
}

/// How a ticket differs from what a user was shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListingDifference {
    /// The current title, if it differs.
    pub title: Option<Title>,
    /// The current price, if it differs.
    pub price: Option<Price>,
}

impl ListingDifference {
    /// Whether there is no difference.
    pub const fn is_none(&self) -> bool {
        self.title.is_none() && self.price.is_none()
    }
}

/// Whether a ticket can be ordered, as far as it has followed its orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Availability {
    /// No order holds it.
    ForSale,
    /// An unpaid order holds it.
    Held(OrderId),
    /// A paid order has it, for good.
    Sold(OrderId),
    /// Its seller took it off the market. Final.
    Withdrawn,
}

/// The commands on a ticket.
#[derive(Clone, Debug)]
pub enum TicketCommand {
    /// Offer a ticket.
    List {
        /// The new ticket's id.
        id: TicketId,
        /// The seller.
        seller: UserId,
        /// Title.
        title: Title,
        /// Price.
        price: Price,
    },
    /// Change title and price.
    Revise {
        /// The caller.
        by: UserId,
        /// New title.
        title: Title,
        /// New price.
        price: Price,
        /// The version that the caller was shown, if the request states it; refused if it has
        /// changed.
        expected: Option<u64>,
        /// Whether the ticket's orders have a live one, read just before. The ticket follows an
        /// order a moment after it is placed; this closes that gap.
        has_live_order: bool,
        /// Number of events of the ticket's orders at that read. If the ticket has followed later
        /// ones since, its own state counts.
        orders_seen: u64,
    },
    /// Request to take it off the market. The orders aggregate decides on that: if both decided,
    /// each on outdated information on the other, both could grant it.
    Withdraw {
        /// The caller.
        by: UserId,
        /// Whether the ticket's orders have a live one, read just before.
        has_live_order: bool,
        /// Number of events of the ticket's orders at that read.
        orders_seen: u64,
    },
    /// Follow a decision on the ticket's orders.
    Follow {
        /// The decision.
        decision: OrderDecision,
        /// Version of the orders aggregate at that decision; older ones are ignored.
        orders_version: u64,
    },
}

/// A decision on a ticket's orders that its availability follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderDecision {
    /// An order holds the ticket now.
    Placed(OrderId),
    /// That order was cancelled or expired.
    Cancelled(OrderId),
    /// That order was paid.
    Completed(OrderId),
    /// The sale has ended, as the seller asked.
    Closed,
}

/// The events of a ticket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(tag = "type", content = "data")]
pub enum TicketEvent {
    /// It was offered.
    TicketListed {
        /// Identity.
        ticket_id: TicketId,
        /// The seller.
        seller: UserId,
        /// Title.
        title: Title,
        /// Price in cents.
        price: Price,
    },
    /// Title or price changed.
    TicketRevised {
        /// New title.
        title: Title,
        /// New price in cents.
        #[cfg_attr(feature = "next-release", serde(rename = "cents"))]
        price: Price,
    },
    /// An order holds it.
    TicketReserved {
        /// That order.
        order_id: OrderId,
        /// Version of the orders aggregate with that decision.
        orders_version: u64,
    },
    /// It is for sale again.
    TicketReleased {
        /// The order that held it.
        order_id: OrderId,
        /// Version of the orders aggregate with that decision.
        orders_version: u64,
    },
    /// Its seller requests to take it off the market.
    WithdrawalRequested {
        /// Number of events of the ticket's orders then. If there are more by now, this request has
        /// no effect.
        orders_seen: u64,
    },
    /// It is off the market.
    TicketWithdrawn {
        /// Version of the orders aggregate with that decision.
        orders_version: u64,
    },
    /// It was paid for.
    TicketSold {
        /// The order that has it.
        order_id: OrderId,
        /// Version of the orders aggregate with that decision.
        orders_version: u64,
    },
}

impl DomainEvent for TicketEvent {
    fn event_type(&self) -> String {
        <&str>::from(self).to_owned()
    }
    fn event_version(&self) -> String {
        match self {
            #[cfg(feature = "next-release")]
            Self::TicketRevised { .. } => "2.0",
            _ => "1.0",
        }
        .to_owned()
    }
}

/// Why a ticket command is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// There is no such ticket.
    #[error("Not Found")]
    NotFound,
    /// The id is taken.
    #[error("Ticket already exists")]
    AlreadyListed,
    /// The caller is not its seller.
    #[error("Not authorized")]
    NotOwner,
    /// An order holds it, or it is sold.
    #[error("Cannot edit a reserved ticket")]
    Reserved,
    /// An order holds it, so it can't be withdrawn.
    #[error("Cannot withdraw a reserved ticket")]
    HeldByOrder,
    /// It is sold, so it can't be withdrawn.
    #[error("Cannot withdraw a sold ticket")]
    Sold,
    /// It was withdrawn.
    #[error("Ticket was withdrawn")]
    Withdrawn,
    /// It isn't at the version that the caller was shown.
    #[error("The ticket has changed")]
    Changed(ListingDifference),
}

impl Ticket {
    /// The listing, once there is one.
    pub fn listing(&self) -> Option<&Listing> {
        self.listing.as_ref()
    }
}

impl Decide for Ticket {
    fn decide(&self, command: TicketCommand) -> Result<Vec<TicketEvent>, TicketError> {
        match (command, &self.listing) {
            (
                TicketCommand::List {
                    id,
                    seller,
                    title,
                    price,
                },
                None,
            ) => Ok(vec![TicketEvent::TicketListed {
                ticket_id: id,
                seller,
                title,
                price,
            }]),
            (TicketCommand::List { .. }, Some(_)) => Err(TicketError::AlreadyListed),
            (_, None) => Err(TicketError::NotFound),
            (
                TicketCommand::Revise {
                    by,
                    title,
                    price,
                    expected,
                    has_live_order,
                    orders_seen,
                },
                Some(listing),
            ) => listing.revise(by, (title, price), expected, (has_live_order, orders_seen)),
            (
                TicketCommand::Withdraw {
                    by,
                    has_live_order,
                    orders_seen,
                },
                Some(listing),
            ) => listing.withdraw(by, (has_live_order, orders_seen)),
            (
                TicketCommand::Follow {
                    decision,
                    orders_version,
                },
                Some(listing),
            ) => Ok(listing.follow(decision, orders_version)),
        }
    }
}

impl Listing {
    /// The differences from a version. A hold that came and went since is none.
    pub fn changed_since(&self, version: u64) -> ListingDifference {
        ListingDifference {
            title: (version < self.title_since).then(|| self.title.clone()),
            price: (version < self.price_since).then_some(self.price),
        }
    }

    fn revise(
        &self,
        by: UserId,
        (title, price): (Title, Price),
        expected: Option<u64>,
        (has_live_order, orders_seen): (bool, u64),
    ) -> Result<Vec<TicketEvent>, TicketError> {
        if by != self.seller {
            return Err(TicketError::NotOwner);
        }
        if self.availability == Availability::Withdrawn {
            return Err(TicketError::Withdrawn);
        }
        if self.is_taken(has_live_order, orders_seen) {
            return Err(TicketError::Reserved);
        }
        // Before the version is checked: a client that repeats a revision because its response was
        // lost names the version before it.
        if title == self.title && price == self.price {
            return Ok(Vec::new());
        }
        if let Some(expected) = expected
            && expected != self.version
        {
            return Err(TicketError::Changed(self.changed_since(expected)));
        }
        Ok(vec![TicketEvent::TicketRevised { title, price }])
    }

    /// Whether an order has it. Of the read and the followed state, the newer counts. A ticket that
    /// is held according to its own state may not have followed the release yet; a read may be from
    /// before an order that the ticket has followed since.
    fn is_taken(&self, has_live_order: bool, orders_seen: u64) -> bool {
        let heard_more = self.followed.is_some_and(|heard| heard >= orders_seen);
        if heard_more {
            self.availability != Availability::ForSale
        } else {
            has_live_order
        }
    }

    fn withdraw(
        &self,
        by: UserId,
        (has_live_order, orders_seen): (bool, u64),
    ) -> Result<Vec<TicketEvent>, TicketError> {
        if by != self.seller {
            return Err(TicketError::NotOwner);
        }
        match self.availability {
            Availability::Withdrawn => return Ok(Vec::new()),
            Availability::Sold(_) => return Err(TicketError::Sold),
            Availability::ForSale | Availability::Held(_) => {}
        }
        if self.is_taken(has_live_order, orders_seen) {
            return Err(TicketError::HeldByOrder);
        }
        // Already requested, and not decided yet.
        if self.withdrawal == Some(orders_seen) {
            return Ok(Vec::new());
        }
        Ok(vec![TicketEvent::WithdrawalRequested { orders_seen }])
    }

    fn follow(&self, decision: OrderDecision, orders_version: u64) -> Vec<TicketEvent> {
        if self.followed.is_some_and(|seen| orders_version <= seen) {
            return Vec::new();
        }
        match decision {
            OrderDecision::Placed(order_id) => {
                vec![TicketEvent::TicketReserved {
                    order_id,
                    orders_version,
                }]
            }
            OrderDecision::Closed => vec![TicketEvent::TicketWithdrawn { orders_version }],
            OrderDecision::Completed(order_id) => {
                vec![TicketEvent::TicketSold {
                    order_id,
                    orders_version,
                }]
            }
            // Recorded even when the ticket never followed the order: the version must be recorded,
            // or the older event that it was placed could still come and hold the ticket for an
            // order that is gone.
            OrderDecision::Cancelled(order_id) => {
                vec![TicketEvent::TicketReleased {
                    order_id,
                    orders_version,
                }]
            }
        }
    }

    fn apply(&mut self, event: TicketEvent) {
        self.version += 1;
        let (availability, orders_version) = match event {
            // A second listing can't be decided; in a log that contains one, the first counts.
            TicketEvent::TicketListed { .. } => return,
            TicketEvent::TicketRevised { title, price } => {
                if title != self.title {
                    self.title = title;
                    self.title_since = self.version;
                }
                if price != self.price {
                    self.price = price;
                    self.price_since = self.version;
                }
                return;
            }
            TicketEvent::WithdrawalRequested { orders_seen } => {
                self.withdrawal = Some(orders_seen);
                return;
            }
            TicketEvent::TicketWithdrawn { orders_version } => {
                (Availability::Withdrawn, orders_version)
            }
            TicketEvent::TicketReserved {
                order_id,
                orders_version,
            } => (Availability::Held(order_id), orders_version),
            TicketEvent::TicketReleased { orders_version, .. } => {
                (Availability::ForSale, orders_version)
            }
            TicketEvent::TicketSold {
                order_id,
                orders_version,
            } => (Availability::Sold(order_id), orders_version),
        };
        self.availability = availability;
        self.followed = Some(orders_version);
    }
}

impl Aggregate for Ticket {
    const TYPE: &'static str = "ticket";
    type Command = TicketCommand;
    type Event = TicketEvent;
    type Error = TicketError;
    impl_handle_by_decide!();

    fn apply(&mut self, event: TicketEvent) {
        match (&mut self.listing, event) {
            (Some(listing), event) => listing.apply(event),
            (
                None,
                TicketEvent::TicketListed {
                    ticket_id,
                    seller,
                    title,
                    price,
                },
            ) => {
                self.listing = Some(Listing {
                    id: ticket_id,
                    seller,
                    title,
                    price,
                    availability: Availability::ForSale,
                    version: 0,
                    title_since: 0,
                    price_since: 0,
                    followed: None,
                    withdrawal: None,
                });
            }
            // A ticket that was never listed has no other events.
            (None, _) => {}
        }
    }
}
