//! Reads the log: single messages, one aggregate, whole streams; and proves that commits that were
//! read still exist.

mod aggregate;
mod ephemeral_consumer;
mod follow;
mod holes;
mod message;
mod reader;
mod standing;
mod stored_message;
mod tail_check;
mod tails;

pub(crate) use aggregate::{History, KnownHistory};
pub use holes::Holes;
pub(crate) use message::Messages;
pub use reader::Reader;
#[cfg(feature = "idempotency")]
pub(crate) use standing::check_still_stands;
pub use stored_message::StoredMessage;
pub(crate) use tail_check::keep_proved;
pub use tails::Tails;
