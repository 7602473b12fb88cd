//! Tickets that change elsewhere, for the components that follow them.

use api::Ticket;
use dioxus::prelude::*;

/// The components that follow all changes of tickets.
#[derive(Clone, Copy)]
pub struct TicketEvents(CopyValue<Vec<Callback<Ticket>>>);

impl TicketEvents {
    /// Nothing follows yet.
    pub fn new() -> Self {
        Self(CopyValue::new(Vec::new()))
    }

    /// Tells them of a change.
    pub fn send(self, ticket: &Ticket) {
        let listeners = self.0.cloned();
        for listener in listeners {
            listener.call(ticket.clone());
        }
    }

    /// Calls a component with each ticket that changes, as long as the component is there.
    pub fn use_each(mut self, on_change: impl FnMut(Ticket) + 'static) {
        let callback = use_callback(on_change);
        use_hook(|| self.0.write().push(callback));
        use_drop(move || self.0.write().retain(|other| *other != callback));
    }
}
