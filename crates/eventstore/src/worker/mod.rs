//! Durable subscriptions: workers that turn messages into commands, at least once.
//!
//! A message is acknowledged after it was handled, so a crash leads to redelivery and handlers must
//! be safe to repeat. In one process, messages of one aggregate are handled one after the other,
//! those of different aggregates in parallel. A message that can't be handled is retried with
//! growing pauses and then set aside as a dead letter; only its own aggregate waits in the
//! meantime. An outage of something that the handler needs is no fault of the message: the worker
//! retries it forever, and if many messages wait, keeps them out of the way of all others.

mod attempt;
mod delivery;
mod lanes;
mod processor;
mod puller;
mod quarantine;
mod running;
mod subscription;
mod workers;

pub use running::Worker;
pub use subscription::{HandlerError, Subscription};
pub use workers::Workers;
