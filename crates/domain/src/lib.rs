//! The rules of the ticket marketplace, and nothing else.
//!
//! Four aggregates decide everything that can happen: [`user::User`], [`ticket::Ticket`],
//! [`ticket_orders::TicketOrders`] (all orders of one ticket, of which at most one is live) and
//! [`payment::Payment`]. Each turns a command into events or into a refusal, from its own state
//! alone. There is no clock, no randomness and no I/O here: IDs and times arrive with the
//! command, and so does state of other services, which the caller reads first.
//!
//! Every aggregate implements [`cqrs_es::Aggregate`] for the framework and [`Decide`], its
//! synchronous core, for all other callers.
#![deny(missing_docs)]

mod any_event;
mod decide;
mod email;
mod ids;
mod money;
pub mod payment;
pub mod policies;
pub mod search;
pub mod streams;
pub mod ticket;
pub mod ticket_orders;
mod timers;
mod title;
mod upcasters;
pub mod user;
pub mod workers;

pub use any_event::AnyEvent;
pub use decide::Decide;
pub use email::{Email, InvalidEmail, MAX_EMAIL_BYTES};
pub use ids::{OrderId, PaymentId, TicketId, UserId};
pub use money::{Currency, InvalidCurrency, InvalidPrice, MAX_PRICE_CENTS, Price};
pub use timers::{ExpireOrder, SettlePayment};
pub use title::{InvalidTitle, MAX_TITLE_CHARS, Title};
pub use upcasters::upcasters;
