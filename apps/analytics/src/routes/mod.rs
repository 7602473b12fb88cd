//! The routes under `/api/analytics`, one file each.

mod events;
mod show;

use httpkit::Routes;

/// All of them.
pub(crate) fn all() -> Routes {
    httpkit::routes![show::show, events::events]
}
