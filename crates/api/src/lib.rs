//! Requests and answers of the HTTP API, as both sides see them.
//!
//! The server and the web app compile this same crate, so that they can't drift apart. It holds
//! shapes and nothing else: no rules (those are in `domain`) and no I/O.
#![deny(missing_docs)]

mod amount;
mod analytics;
mod config;
mod error;
mod field;
mod order;
mod payment;
mod ticket;
mod user;

pub use amount::Amount;
pub use analytics::{
    ANALYTICS, ANALYTICS_EVENT, ANALYTICS_EVENTS, Analytics, AnalyticsProgress, DurationBand,
    DurationFigures, HoldOutcome, HoldOutcomes, HoldsInHour, LiveHolds, MostHolds, OrderFunnel,
    OrderTally, PriceBand, PriceDistribution, PriceFigures, SalesPeriod, SellerRevenue,
    SellerRevenues, TicketFunnel, TimeToSale,
};
pub use config::Config;
pub use error::{ErrorItem, Errors};
pub use field::Field;
pub use order::{CancelReason, NewOrder, Order, OrderStatus, OrderedTicket};
pub use payment::{NewPayment, PaymentCreated};
pub use ticket::{MyTickets, NewTicket, Ticket, TicketSort, TicketStatus};
pub use user::{Credentials, CurrentUser, CurrentUserAnswer, Role, User};
