//! The read models of the marketplace, and the code that their queries share.

mod cache;
pub(crate) mod cursor;
pub mod orders;
pub mod payable_orders;
pub mod tickets;

pub use cache::CachedJson;
