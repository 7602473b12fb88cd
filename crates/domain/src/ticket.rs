//! A ticket: listed by its seller, held by an order, free again or sold.
//!
//! Who may hold a ticket is decided by [`crate::ticket_orders`]. The ticket only *follows* that
//! decision, so that its page, the list of what is for sale and the rule "a reserved ticket can't
//! be edited" have it at hand. It follows by version of the orders aggregate, which makes a
//! repeated, late or reordered message harmless: only news can change anything.

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
    /// Who sells it.
    pub seller: UserId,
    /// Title.
    pub title: Title,
    /// Price.
    pub price: Price,
    /// Whether it can be ordered.
    pub availability: Availability,
    /// 0 when listed, one more with each event since.
    pub version: u64,
    /// The version since which the title stands.
    title_since: u64,
    /// The version since which the price stands.
    price_since: u64,
    /// Version of the ticket's orders that was followed last.
    followed: Option<u64>,
    /// How many events the ticket's orders had when its seller last asked to withdraw it.
    withdrawal: Option<u64>,
}

/// What of a ticket isn't as somebody was shown it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// The title now, if it is another one.
    pub title: Option<Title>,
    /// The price now, if it is another one.
    pub price: Option<Price>,
}

impl Difference {
    /// Whether what was shown is what is offered.
    pub const fn is_none(&self) -> bool {
        self.title.is_none() && self.price.is_none()
    }
}

/// Whether a ticket can be ordered, as far as the ticket has heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Availability {
    /// No order holds it.
    ForSale,
    /// An unpaid order holds it.
    Held(OrderId),
    /// A paid order has it, for good.
    Sold(OrderId),
    /// Its seller took it off the market, for good.
    Withdrawn,
}

/// What can be asked of a ticket.
#[derive(Clone, Debug)]
pub enum TicketCommand {
    /// Offer a ticket.
    List {
        /// The new ticket's id.
        id: TicketId,
        /// Who sells it.
        seller: UserId,
        /// Title.
        title: Title,
        /// Price.
        price: Price,
    },
    /// Change title and price.
    Revise {
        /// Who asks.
        by: UserId,
        /// New title.
        title: Title,
        /// New price.
        price: Price,
        /// The version that the one who asks was shown, if it says so; another one now is refused.
        expected: Option<u64>,
        /// Whether the ticket's orders have a live one, looked up just before. The ticket hears of
        /// an order a moment after it is placed; this closes that moment.
        has_live_order: bool,
        /// How many events of the ticket's orders that look-up saw. If the ticket has heard of
        /// later ones since, its own word counts.
        orders_seen: u64,
    },
    /// Ask that it be taken off the market. Whether it is decides the one who decides about orders:
    /// two that decide, each on what it had heard of the other, could both say yes.
    Withdraw {
        /// Who asks.
        by: UserId,
        /// Whether the ticket's orders have a live one, looked up just before.
        has_live_order: bool,
        /// How many events of the ticket's orders that look-up saw.
        orders_seen: u64,
    },
    /// Follow what was decided about the ticket's orders.
    Follow {
        /// What was decided.
        decision: OrderDecision,
        /// Version of the orders aggregate at that decision; older ones are ignored.
        orders_version: u64,
    },
}

/// A decision about a ticket's orders that its availability follows.
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

/// What happened to a ticket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(tag = "type", content = "data")]
pub enum TicketEvent {
    /// It was offered.
    TicketListed {
        /// Identity.
        ticket_id: TicketId,
        /// Who sells it.
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
        /// Version of the orders aggregate that says so.
        orders_version: u64,
    },
    /// It is for sale again.
    TicketReleased {
        /// The order that held it.
        order_id: OrderId,
        /// Version of the orders aggregate that says so.
        orders_version: u64,
    },
    /// Its seller asks to take it off the market.
    WithdrawalRequested {
        /// How many events the ticket's orders had then. If there are more by now, this request has
        /// no effect.
        orders_seen: u64,
    },
    /// It is off the market.
    TicketWithdrawn {
        /// Version of the orders aggregate that says so.
        orders_version: u64,
    },
    /// It was paid for.
    TicketSold {
        /// The order that has it.
        order_id: OrderId,
        /// Version of the orders aggregate that says so.
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
    /// The one who asks is not its seller.
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
    /// It isn't at the version that the one who asks was shown.
    #[error("The ticket has changed")]
    Changed(Difference),
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
    /// What isn't as it was at a version. A hold that came and went since is no difference.
    pub fn changed_since(&self, version: u64) -> Difference {
        Difference {
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
        // Before the version is looked at: whoever repeats a revision because its answer was lost
        // names the version before it.
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

    /// Whether an order has it. Of what was looked up and what the ticket heard, the newer counts. A
    /// ticket that believes in a hold may not have heard of its release yet; a look-up may be from
    /// before an order that the ticket has heard of since.
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
        // Asked for already, and not decided yet.
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
            // Recorded even when the ticket never heard of the order: the version must be
            // remembered, or the older news that it was placed could still come and hold the
            // ticket for an order that is gone.
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
            // A second listing can't be decided; in a log that holds one, the first stays.
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
            // Nothing can happen to a ticket that was never listed.
            (None, _) => {}
        }
    }
}
