//! The event store on a real NATS server. Each test has a server of its own.

#![allow(clippy::unwrap_used)] // Helpers too: the allowance for tests reaches only functions that are one.

mod aggregate_cache;
mod backups;
mod claims;
mod commands;
mod commits;
mod contract;
mod cqrs_adapter;
mod dead_letters;
mod examples;
mod faults;
mod forged;
mod group_commit;
mod holes;
mod lagging;
mod news;
mod prefixes;
mod reading;
mod schedules;
mod shared_messages;
mod silence;
mod streams;
mod subscriptions;
mod support;
mod tails;
mod waiting;
