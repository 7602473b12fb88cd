//! Events of earlier releases, as this one would have written them.
//!
//! The log is never rewritten, so an upcaster stays for as long as the log contains an event of its
//! schema: forever.

use cqrs_es::persist::EventUpcaster;

/// All upcasters, oldest schema first, each with the type of the aggregates whose events it
/// converts. There are none yet: every event still has its first schema.
#[cfg(not(feature = "next-release"))]
pub fn upcasters() -> Vec<(&'static str, Box<dyn EventUpcaster>)> {
    Vec::new()
}

/// All upcasters, oldest schema first, each with the type of the aggregates whose events it
/// converts.
#[cfg(feature = "next-release")]
pub fn upcasters() -> Vec<(&'static str, Box<dyn EventUpcaster>)> {
    use crate::ticket::Ticket;
    use cqrs_es::Aggregate as _;
    use cqrs_es::persist::SemanticVersionEventUpcaster;

    let price_in_cents = SemanticVersionEventUpcaster::new(
        "TicketRevised",
        "2.0",
        Box::new(|mut data| {
            data["cents"] = data["price"].take();
            data
        }),
    );
    vec![(Ticket::TYPE, Box::new(price_in_cents))]
}
