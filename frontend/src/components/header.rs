use dioxus::prelude::*;
use state::Route;

use super::{Icon, Link, Shape};
use crate::browser::history;
use crate::client;
use crate::store::session::{self, SESSION, Session};
use crate::store::toasts;

/// The top of every page: the name, where one can go, and who is signed in. On a small screen
/// the places are a bar at the bottom, where the thumb is.
#[component]
pub fn Header() -> Element {
    let is_analyst = SESSION.read().is_analyst();
    rsx! {
        header { class: "top",
            div { class: "top-inner",
                Link { to: Route::home(), class: "brand", label: "Turnstile, home",
                    span { class: "brand-mark", Icon { shape: Shape::Ticket } }
                    span { class: "brand-word", "Turnstile" }
                }
                nav { class: "places", "aria-label": "Main",
                    Place { to: Route::home(), shape: Shape::Search, name: "Buy" }
                    Place { to: Route::Sell, shape: Shape::Plus, name: "Sell" }
                    Place { to: Route::Orders, shape: Shape::Ticket, name: "My tickets" }
                    Place { to: Route::Selling, shape: Shape::Tag, name: "Selling" }
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
    let mut leaving = use_signal(|| false);
    let sign_out = move |_| {
        if leaving() {
            return;
        }
        leaving.set(true);
        spawn(async move {
            session::changing();
            match client::sign_out().await {
                Ok(()) => {
                    if history::current_route().is_private() {
                        history::go(&Route::home());
                    }
                    session::end();
                    toasts::say("You are signed out");
                }
                Err(failure) => {
                    if failure.is_decided() {
                        session::unchanged();
                    }
                    toasts::say(failure.message());
                }
            }
            leaving.set(false);
        });
    };
    match SESSION.cloned() {
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
