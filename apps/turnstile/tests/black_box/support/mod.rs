//! A whole marketplace for a test: servers, the program, users, and its command line.

mod both_deployments;
mod log;
mod money;
mod responses;
mod site;
mod watcher;

pub(crate) use both_deployments::on_both_deployments;
pub use log::Commit;
pub use money::Charge;
pub use responses::{as_answers, assert_has, commands, is_uuid, statuses};
pub use site::{Deployment, Site, TURNSTILE, WEBHOOK_SECRET};
pub use testkit::Person;
pub use watcher::{LIVE, Watcher};
