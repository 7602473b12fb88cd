//! The frame around all pages, and which page is in it.

use dioxus::prelude::*;
use state::Route;

use crate::browser::history::{self, Arrival, PLACE};
use crate::browser::page;
use crate::components::{Banner, Footer, Header, HoldBar, Late, Toast};
use crate::pages::{
    AnalyticsPage, EditPage, NotFoundPage, OrderPage, OrdersPage, SellPage, SellingPage,
    SignInPage, SignUpPage, TicketPage, TicketsPage,
};
use crate::store::session::{SESSION, Session};
use crate::store::{config, live, orders, session};

/// The app.
#[component]
pub fn App() -> Element {
    use_future(live::run);
    session::use_loaded();
    config::use_loaded();
    orders::use_loaded();
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
        HoldBar {}
        Toast {}
    }
}

/// After each move: the keyboard and the view go to where the new page begins.
fn arrive() {
    match PLACE.read().arrival {
        Arrival::Start | Arrival::Search => {}
        Arrival::Link => {
            page::scroll_to(0);
            page::focus_content();
        }
        Arrival::Back(spot) => {
            page::focus_content();
            dioxus::core::spawn_forever(history::return_to(spot));
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
    // Another ticket, order or user is another page: nothing of the one before it stays. A key
    // counts only within a list, so the page is a list of one.
    let number = match &route {
        Route::Ticket(id) | Route::Edit(id) | Route::Order(id) => id.to_string(),
        _ => String::new(),
    };
    let key = format!("{} {number}", session::USERS.read());
    rsx! {
        for key in [key] {
            Page { key: "{key}", route: route.clone() }
        }
    }
}

#[component]
fn Page(route: Route) -> Element {
    if route.is_private() && !matches!(*SESSION.read(), Session::User { .. }) {
        return rsx! {
            Late { trouble: session::TROUBLE.cloned() }
            crate::components::PageSkeleton {}
        };
    }
    match route {
        Route::Tickets(filter) => rsx! { TicketsPage { filter } },
        Route::Ticket(id) => rsx! { TicketPage { id } },
        Route::Sell => rsx! { SellPage {} },
        Route::Edit(id) => rsx! { EditPage { id } },
        Route::Orders => rsx! { OrdersPage {} },
        Route::Order(id) => rsx! { OrderPage { id } },
        Route::Selling => rsx! { SellingPage {} },
        Route::Analytics => rsx! { AnalyticsPage {} },
        Route::SignIn(next) => rsx! { SignInPage { next } },
        Route::SignUp(next) => rsx! { SignUpPage { next } },
        Route::NotFound(_) => rsx! { NotFoundPage {} },
    }
}
