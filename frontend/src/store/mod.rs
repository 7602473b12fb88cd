//! What all pages share: who is signed in, whether there is a network, what is for sale.
//!
//! [`AppStore`] is in the context of the root. Its parts know each other in one direction only:
//! a part holds those that it needs.

pub mod clock;
pub mod config;
pub mod connection;
pub mod current_user;
pub mod listing;
pub mod live;
pub mod orders;
pub mod reads;
pub mod refresh;
pub mod requests;
pub mod session;
pub mod tasks;
pub mod ticket;
pub mod ticket_events;
pub mod title;
pub mod toasts;

use dioxus::prelude::*;

use crate::browser::history::Navigation;
use config::ConfigStore;
use listing::TicketList;
use live::Live;
use orders::OrderStore;
use requests::Api;
use ticket_events::TicketEvents;
use title::TitleStore;
use toasts::Toasts;

/// The state that all pages share.
#[derive(Clone, Copy)]
pub struct AppStore {
    /// The way to the server, and who is signed in.
    pub api: Api,
    /// The server's configuration.
    pub config: ConfigStore,
    /// The visitor's orders.
    pub orders: OrderStore,
    /// What is for sale.
    pub list: TicketList,
    /// Tickets that change.
    pub ticket_events: TicketEvents,
    /// Live updates.
    pub live: Live,
    /// Short messages.
    pub toasts: Toasts,
    /// What the browser's tab shows.
    pub title: TitleStore,
}

impl AppStore {
    /// Nothing is known yet. To be called in the root's scope, which owns the state.
    pub fn new(navigation: Navigation) -> Self {
        let toasts = Toasts::new();
        let api = Api::new(toasts);
        let list = TicketList::new(api, navigation);
        let orders = OrderStore::new(api);
        let ticket_events = TicketEvents::new();
        Self {
            api,
            config: ConfigStore::new(api),
            orders,
            list,
            ticket_events,
            live: Live::new(api, &list, &orders, ticket_events),
            toasts,
            title: TitleStore::new(),
        }
    }
}

/// Returns the state that all pages share.
pub fn use_store() -> AppStore {
    use_context()
}
