//! Every row of the contract, route by route.

mod auth;
mod configured;
mod crowd;
mod events;
mod expiry;
mod growth;
mod idempotency;
mod orders;
mod payments;
mod readiness;
mod server;
mod ticket_list;
mod tickets;
mod watchers;
