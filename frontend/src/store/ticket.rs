//! One ticket, as it was read and as it changes.

use api::Ticket;
use dioxus::prelude::*;
use uuid::Uuid;

use super::reads::{Read, use_read};
use super::requests::Api;
use super::ticket_events::TicketEvents;
use crate::client;

/// A ticket for a component; `on_change` is called with what it is when it changed elsewhere.
///
/// Of what was read and what came live, the newer is shown, whichever comes last: an answer can
/// take longer than an event.
pub fn use_ticket(
    api: Api,
    events: TicketEvents,
    id: Uuid,
    mut on_change: impl FnMut(&Ticket) + 'static,
) -> Signal<Read<Ticket>> {
    let mut live = use_signal(|| None::<Ticket>);
    let mut ticket = use_read(api, move || async move {
        let read = api.call(client::ticket(id)).await?;
        let newer = live.peek().clone();
        Ok(newer
            .filter(|live| live.version > read.version)
            .unwrap_or(read))
    });
    events.use_each(move |changed: Ticket| {
        let is_newer = |known: &Ticket| known.version < changed.version;
        if changed.id != id || !live.peek().as_ref().is_none_or(is_newer) {
            return;
        }
        live.set(Some(changed.clone()));
        if ticket.peek().ready().is_some_and(is_newer) {
            on_change(&changed);
            ticket.set(Read::Ready(changed));
        }
    });
    ticket
}
