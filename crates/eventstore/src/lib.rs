//! An event store on NATS JetStream, for `cqrs-es` aggregates.
#![deny(missing_docs)]

mod announce;
mod commit;
mod dead_letter;
mod error;
mod follow;
mod keys;
mod lanes;
mod log;
mod requests;
mod schedule;
mod store;
mod streams;
mod subscription;
mod upcast;

pub use commit::{Metadata, RawEvent, Recorded};
pub use dead_letter::DeadLetter;
pub use error::{CommandError, StoreError};
pub use log::{Log, LogConfig};
pub use requests::{Claim, ClaimToken, StoredAnswer};
pub use schedule::DueCommand;
pub use store::{Context, Executed, Hint, Store};
pub use streams::{EVENT_STREAMS, ORDERS, PAYMENTS, StreamName, TICKETS, USERS};
pub use subscription::{ReactError, Subscription, Worker};
pub use upcast::Upcasters;
