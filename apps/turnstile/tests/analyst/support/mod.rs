//! Code that the tests share.

mod archive;
mod cutting_proxy;
pub mod export_folder;
mod full_disk;
mod random_times;
mod season;
mod system;
mod tool;

pub use archive::{Archive, Draft, event};
pub use cutting_proxy::CuttingProxy;
pub use full_disk::{had_no_room_for, without_room};
pub use random_times::RandomTimes;
pub use season::Season;
pub use system::System;
pub use testkit::Tool;
pub use tool::{TURNSTILE, tool};

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// IDs that show their kind: `id(7, 2)` is the second ticket.
pub fn id(kind: u128, number: u128) -> Uuid {
    Uuid::from_u128((kind << 96) | number)
}

/// A moment of March 2026.
pub fn moment(day: u32, hour: u32, minute: u32) -> DateTime<Utc> {
    format!("2026-03-{day:02}T{hour:02}:{minute:02}:00Z")
        .parse()
        .unwrap()
}
