//! A whole marketplace for a test: servers, the program, users, and its command line.

mod both_deployments;
mod log;
mod money;
mod site;
mod user;
mod watcher;

pub(crate) use both_deployments::on_both_deployments;
pub use log::Commit;
pub use money::Charge;
pub use site::{Deployment, Site, TURNSTILE, WEBHOOK_SECRET};
pub use user::{Person, as_answers, assert_has, is_uuid, statuses};
pub use watcher::{LIVE, Watcher};
