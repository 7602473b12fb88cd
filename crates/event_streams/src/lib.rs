//! The streams of the marketplace, as the event store sees them.
//!
//! `domain` has the names and `eventstore` the type of a name; neither depends on the other. To open
//! the log of the marketplace, begin with [`config`] or [`config_at`].
#![deny(missing_docs)]

use domain::streams;
use eventstore::{LogConfig, StreamName, Upcasters};

/// Users and their roles.
pub const USERS: StreamName = StreamName::new(streams::USERS);
/// Tickets.
pub const TICKETS: StreamName = StreamName::new(streams::TICKETS);
/// Orders: one aggregate per ticket.
pub const ORDERS: StreamName = StreamName::new(streams::ORDERS);
/// Payments.
pub const PAYMENTS: StreamName = StreamName::new(streams::PAYMENTS);

/// Every stream of commits, in the order in which they are created and listed.
pub const ALL: [StreamName; 4] = [USERS, TICKETS, ORDERS, PAYMENTS];

/// Sorts streams into the order in which a backup copies them while the system is at work: a stream
/// that reacts comes before the one it reacts to. A missing reaction happens again after a restore;
/// a missing cause doesn't. All streams refer to users, so users come last.
pub fn sort_for_backup(names: &mut [StreamName]) {
    let reactions_first = [TICKETS, ORDERS, PAYMENTS];
    names.sort_by_key(|name| {
        let place = reactions_first.iter().position(|known| known == name);
        // Behind them dead letters, due commands, idempotency records and session keys.
        place.unwrap_or(reactions_first.len() + usize::from(*name == USERS))
    });
}

/// The log of the marketplace on a server of this machine: its streams and upcasters, and
/// everything else by default.
pub fn config() -> LogConfig {
    LogConfig {
        event_streams: ALL.to_vec(),
        upcasters: Upcasters::new(domain::upcasters()),
        ..LogConfig::default()
    }
}

/// [`config`], on the servers at `url`.
pub fn config_at(url: &str) -> LogConfig {
    LogConfig {
        url: url.to_owned(),
        ..config()
    }
}
