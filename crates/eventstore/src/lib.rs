//! An event store on NATS JetStream, for `cqrs-es` aggregates.
#![deny(missing_docs)]

mod announce;
mod append;
mod commit;
mod connection;
mod context;
mod dead_letter;
mod error;
mod follow;
mod framework;
mod handling;
mod history;
mod keys;
mod lanes;
mod log;
mod lookup;
mod requests;
mod schedule;
mod store;
mod streams;
mod subscription;
mod upcast;
mod worker;

pub use commit::{Metadata, RawEvent, Recorded};
pub use connection::LogConfig;
pub use context::{Context, Executed};
pub use dead_letter::DeadLetter;
pub use error::{CommandError, StoreError};
pub use log::Log;
pub use requests::{Claim, ClaimToken, StoredAnswer};
pub use schedule::DueCommand;
pub use store::{Hint, Store};
pub use streams::{EVENT_STREAMS, ORDERS, PAYMENTS, StreamName, TICKETS, USERS};
pub use subscription::{ReactError, Subscription};
pub use upcast::Upcasters;
pub use worker::Worker;
