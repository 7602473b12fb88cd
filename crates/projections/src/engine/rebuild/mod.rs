//! Rebuilds a read model next to the one that serves, and switches to it.

mod request;
mod switch;
mod worker;

pub(crate) use request::under_way;
pub use request::{RebuildError, RebuildProgress, rebuild};
pub(crate) use switch::report_switched;
pub(crate) use worker::{End, RebuildTask};
