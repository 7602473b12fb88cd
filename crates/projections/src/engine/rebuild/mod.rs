//! Filling a read model again next to the one that is served, and switching to it.

mod request;
mod worker;

pub(crate) use request::under_way;
pub use request::{RebuildError, RebuildProgress, rebuild};
pub(crate) use worker::{End, RebuildTask, report_switched};
