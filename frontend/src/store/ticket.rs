//! One ticket, as it was read and as it changes.

use api::Ticket;
use dioxus::prelude::*;
use uuid::Uuid;

use super::live::use_live;
use super::reads::{Read, use_read};
use crate::client;

/// A ticket for a component; `on_change` is called with what it is when it changed elsewhere.
///
/// Of what was read and what was heard live the newer is shown, whichever comes last: an answer
/// can be on its way for longer than an event.
pub fn use_ticket(id: Uuid, mut on_change: impl FnMut(&Ticket) + 'static) -> Signal<Read<Ticket>> {
    let mut heard = use_signal(|| None::<Ticket>);
    let mut ticket = use_read(move || async move {
        let read = client::ticket(id).await?;
        let newer = heard.peek().clone();
        Ok(newer
            .filter(|heard| heard.version > read.version)
            .unwrap_or(read))
    });
    use_live(move |changed: Ticket| {
        let is_newer = |known: &Ticket| known.version < changed.version;
        if changed.id != id || !heard.peek().as_ref().is_none_or(is_newer) {
            return;
        }
        heard.set(Some(changed.clone()));
        if ticket.peek().ready().is_some_and(is_newer) {
            on_change(&changed);
            ticket.set(Read::Ready(changed));
        }
    });
    ticket
}
