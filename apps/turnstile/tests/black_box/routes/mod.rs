//! Every row of the contract, route by route.

mod analytics;
mod auth;
mod bounds;
mod cancel_reasons;
mod crowd;
mod document;
mod events;
mod expiry;
mod fuzzing;
mod idempotency;
mod limits_and_proxies;
mod mutated_requests;
mod my_tickets;
mod orders;
mod payments;
mod readiness;
pub mod server;
mod ticket_list;
mod tickets;
mod user_limits;
mod watchers;
