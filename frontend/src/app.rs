//! The frame around all pages, and which page is in it.

use dioxus::prelude::*;
use state::Route;

use crate::browser::history::{self, Arrival, PLACE};
use crate::browser::page;
use crate::components::{Banner, Footer, Header, Toast};
use crate::pages::{
    AnalyticsPage, EditPage, NotFoundPage, OrderPage, OrdersPage, SellPage, SellingPage,
    SignInPage, SignUpPage, TicketPage, TicketsPage,
};
use crate::store::session::{SESSION, Session};
use crate::store::{config, live, session};

/// The app.
#[component]
pub fn App() -> Element {
    use_future(live::run);
    use_future(session::load);
    use_future(config::load);
    use_effect(arrive);
    use_effect(guard);

    rsx! {
        a { class: "skip", href: "#content", onclick: |event| {
            event.prevent_default();
            page::focus_content();
        }, "Skip to content" }
        Header {}
        Banner {}
        main { id: "content", class: "content", tabindex: "-1", CurrentPage {} }
        Footer {}
        Toast {}
    }
}

/// After each move: the keyboard and the view go to where the new page begins.
fn arrive() {
    match PLACE.read().arrival {
        Arrival::Start | Arrival::Search => {}
        Arrival::Link => {
            page::scroll_to(0.0);
            page::focus_content();
        }
        Arrival::Back(y) => {
            page::focus_content();
            page::scroll_to(y);
        }
    }
}

/// Whoever isn't signed in signs in first, and comes back then.
fn guard() {
    let nobody = SESSION.read().is_nobody();
    let route = PLACE.read().route.clone();
    if nobody && route.is_private() {
        history::replace(route.sign_in_first());
    }
}

#[component]
fn CurrentPage() -> Element {
    let route = PLACE.read().route.clone();
    if route.is_private() && !matches!(*SESSION.read(), Session::User { .. }) {
        return rsx! {
            crate::components::PageSkeleton {}
        };
    }
    // The keys make another ticket another page: nothing of the one before it stays.
    match route {
        Route::Tickets(filter) => rsx! { TicketsPage { filter } },
        Route::Ticket(id) => rsx! { TicketPage { key: "{id}", id } },
        Route::Sell => rsx! { SellPage {} },
        Route::Edit(id) => rsx! { EditPage { key: "{id}", id } },
        Route::Orders => rsx! { OrdersPage {} },
        Route::Order(id) => rsx! { OrderPage { key: "{id}", id } },
        Route::Selling => rsx! { SellingPage {} },
        Route::Analytics => rsx! { AnalyticsPage {} },
        Route::SignIn(next) => rsx! { SignInPage { next } },
        Route::SignUp(next) => rsx! { SignUpPage { next } },
        Route::NotFound(_) => rsx! { NotFoundPage {} },
    }
}
