use dioxus::prelude::*;
use state::Route;

use super::{Icon, Link, Shape};
use crate::browser::history;
use crate::client;
use crate::store::session::{Session, SessionStore};
use crate::store::use_store;

/// The top of every page: the name, where one can go, and who is signed in. On a small screen
/// the places are a bar at the bottom, where the thumb is.
#[component]
pub fn Header() -> Element {
    let is_analyst = use_store().api.session.read().is_analyst();
    rsx! {
        header { class: "top",
            div { class: "top-inner",
                Link { to: Route::home(), class: "brand", label: "Turnstile, home",
                    span { class: "brand-mark", Icon { shape: Shape::Ticket } }
                    span { class: "brand-word", "Turnstile" }
                }
                nav { class: "places", "aria-label": "Main",
                    Place { to: Route::home(), shape: Shape::Search, name: "Buy" }
                    Place { to: Route::NewTicket, shape: Shape::Plus, name: "Sell" }
                    Place { to: Route::Orders, shape: Shape::Ticket, name: "My tickets" }
                    Place { to: Route::MyTickets, shape: Shape::Tag, name: "Selling" }
                    if is_analyst {
                        Place { to: Route::Analytics, shape: Shape::Columns, name: "Analytics" }
                    }
                }
                div { class: "account", Account {} }
            }
        }
    }
}

#[component]
fn Place(to: Route, shape: Shape, name: &'static str) -> Element {
    rsx! {
        Link { to, class: "place",
            Icon { shape }
            span { "{name}" }
        }
    }
}

#[component]
fn Account() -> Element {
    let store = use_store();
    let (session, toasts) = (store.api.session, store.toasts);
    let mut leaving = use_signal(|| false);
    let sign_out = move |_| {
        if leaving() {
            return;
        }
        leaving.set(true);
        spawn(async move {
            SessionStore::begin_change();
            match store.api.call(client::sign_out()).await {
                Ok(()) => {
                    if history::current_route().is_private() {
                        history::go(&Route::home());
                    }
                    session.sign_out();
                    toasts.show("You are signed out");
                }
                Err(failure) => {
                    if failure.is_decided() {
                        session.cancel_change();
                    }
                    toasts.show(failure.message());
                }
            }
            leaving.set(false);
        });
    };
    match session.read().session.clone() {
        Session::Unknown => rsx! {
            span { class: "bone account-bone" }
        },
        Session::Nobody => {
            let next = match history::current_route() {
                Route::SignIn(next) | Route::SignUp(next) => next,
                route if route == Route::home() => None,
                route => Some(route.to_string()),
            };
            rsx! {
                Link { to: Route::SignIn(next.clone()), class: "button quiet", "Sign in" }
                Link { to: Route::SignUp(next), class: "button primary sign-up", "Sign up" }
            }
        }
        Session::User { email, .. } => rsx! {
            bdi { class: "email", title: "{email}", "{email}" }
            button {
                class: "button quiet",
                r#type: "button",
                "aria-disabled": leaving(),
                onclick: sign_out,
                "Sign out"
            }
        },
    }
}
