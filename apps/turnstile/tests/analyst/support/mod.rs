//! What the tests share.

mod archive;
mod season;
mod tool;

pub use archive::{Archive, Draft, event};
pub use season::{Season, id, moment};
pub use tool::{TURNSTILE, Tool, tool};
