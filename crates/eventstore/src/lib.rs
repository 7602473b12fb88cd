//! An event store on NATS JetStream, for `cqrs-es` aggregates.
#![deny(missing_docs)]

mod announce;
mod commit;
mod error;
mod follow;
mod log;
mod store;
mod streams;
mod upcast;

pub use commit::{Metadata, RawEvent, Recorded};
pub use error::{CommandError, StoreError};
pub use log::{Log, LogConfig};
pub use store::{Context, Executed, Hint, Store};
pub use streams::{EVENT_STREAMS, ORDERS, PAYMENTS, StreamName, TICKETS, USERS};
pub use upcast::Upcasters;
