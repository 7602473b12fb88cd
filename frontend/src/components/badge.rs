//! How a ticket looks: its stub, and the badge with its status.

use api::{OrderStatus, TicketStatus};
use dioxus::prelude::*;
use uuid::Uuid;

/// The picture of a ticket: one of a few, always the same for the same ticket.
#[component]
pub fn StubArt(id: Uuid) -> Element {
    let bytes = id.as_bytes();
    let (hue, pattern) = (bytes[15] % 8, bytes[14] % 4);
    rsx! {
        span { class: "stub-art hue-{hue} pattern-{pattern}", "aria-hidden": "true" }
    }
}

/// The class of a badge, and its word.
pub type BadgeText = (&'static str, &'static str);

/// Where a ticket stands.
pub const fn ticket_badge(status: TicketStatus) -> BadgeText {
    match status {
        TicketStatus::Open => ("badge open", "For sale"),
        TicketStatus::Reserved => ("badge held", "Held"),
        TicketStatus::Sold => ("badge sold", "Sold"),
        TicketStatus::Withdrawn => ("badge sold", "Withdrawn"),
    }
}

/// Where an order stands.
pub const fn order_badge(status: OrderStatus) -> BadgeText {
    match status {
        OrderStatus::Created => ("badge held", "To be paid"),
        OrderStatus::AwaitingPayment => ("badge held", "Payment under way"),
        OrderStatus::Complete => ("badge open", "Paid"),
        OrderStatus::Cancelled => ("badge sold", "Cancelled"),
    }
}

/// A word in a box.
#[component]
pub fn Badge(of: BadgeText) -> Element {
    let (class, word) = of;
    rsx! {
        span { class, "{word}" }
    }
}
