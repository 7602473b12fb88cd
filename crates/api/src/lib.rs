//! Bodies of requests and responses of the HTTP API.
//!
//! The server and the web app both compile this crate, so they cannot drift apart. It contains
//! shapes and nothing else: no rules (those are in `domain`) and no I/O.
#![deny(missing_docs)]

mod amount;
pub mod analytics;
mod config;
mod error;
mod field;
mod order;
mod payment;
mod ticket;
mod time;
mod user;

pub use amount::Amount;
pub use analytics::Analytics;
pub use config::{Provider, WebConfig};
pub use error::{ErrorItem, Errors};
pub use field::Field;
pub use order::{CancelReason, NewOrder, Order, OrderStatus, OrderedTicket};
pub use payment::{NewPayment, PaymentCreated};
pub use ticket::{MyTickets, NewTicket, Ticket, TicketSort, TicketStatus};
pub use user::{Credentials, CurrentUser, CurrentUserAnswer, Role, User};
