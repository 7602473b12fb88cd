//! A whole marketplace for a test: servers, the program, users, and its command line.

mod log;
mod money;
mod rows;
mod site;
mod user;
mod watcher;

pub use log::Commit;
pub use money::Charge;
pub(crate) use rows::rows;
pub use site::{Deployment, Site, TURNSTILE, WEBHOOK_SECRET};
pub use user::{Person, as_answers, assert_has, is_uuid, statuses};
pub use watcher::{LIVE, Watcher};
