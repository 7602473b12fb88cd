//! The rules, from the outside: given events, when a command comes, then these events or a refusal.
#![allow(clippy::unwrap_used)] // a value that can't be made fails the test that asked for it

mod order_words;
mod payment;
mod policies;
mod properties;
mod published_language;
mod sale_simulation;
mod support;
mod ticket;
mod ticket_orders;
mod user;
