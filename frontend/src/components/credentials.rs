use dioxus::prelude::*;
use state::{FieldErrors, Route};

use super::{Button, Link, Notice, NoticeTone, PageHead, TextField, Tone};
use crate::browser::drafts::use_draft;
use crate::browser::{history, page};
use crate::client::{self, Failure};
use crate::store::session::{self, SESSION, Session};

/// What address and password are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// An account that is there.
    SignIn,
    /// A new account.
    SignUp,
}

/// Address and password, for an old account or a new one; then on to where the visitor wanted
/// to go.
#[component]
pub fn CredentialsForm(purpose: Purpose, next: Option<String>) -> Element {
    let email = use_draft("email".to_owned(), String::new);
    // A password is kept nowhere.
    let password = use_signal(String::new);
    let mut errors = use_signal(FieldErrors::default);
    let mut busy = use_signal(|| false);
    let is_new = purpose == Purpose::SignUp;

    // Also for whoever comes here signed in already.
    let target = next.clone();
    use_effect(move || {
        if matches!(*SESSION.read(), Session::User { .. }) {
            history::replace(Route::after_sign_in(target.as_deref()));
        }
    });
    use_effect(move || {
        if let Some(field) = errors.read().first(&["email", "password"]) {
            page::focus(field);
        }
    });
    let submit = move |event: FormEvent| {
        event.prevent_default();
        if busy() {
            return;
        }
        busy.set(true);
        errors.set(FieldErrors::default());
        spawn(async move {
            let (address, secret) = (email.cloned(), password.cloned());
            let outcome = match purpose {
                Purpose::SignIn => client::sign_in(&address, &secret).await,
                Purpose::SignUp => client::sign_up(&address, &secret).await,
            };
            busy.set(false);
            match outcome {
                Ok(user) => session::begin(user),
                Err(Failure::Refused { errors: said, .. }) => {
                    errors.set(FieldErrors::of_answer(&said, &["email", "password"]));
                }
                Err(other) => errors.set(FieldErrors::general(other.message())),
            }
        });
    };
    let error_of = |field: &str| errors.read().of(field).map(str::to_owned);
    let (title, button) = if is_new {
        ("Create an account", "Sign up")
    } else {
        ("Sign in", "Sign in")
    };
    let password_kind = if is_new {
        "new-password"
    } else {
        "current-password"
    };
    let lead = next
        .is_some()
        .then(|| "Then it goes on where you were.".to_owned());
    rsx! {
        div { class: "narrow",
            PageHead { title, lead }
            form { class: "form panel form-panel", novalidate: true, onsubmit: submit,
                if let Some(words) = errors.read().general.clone() {
                    Notice { tone: NoticeTone::Error, p { "{words}" } }
                }
                TextField {
                    id: "email",
                    label: "Email",
                    value: email,
                    error: error_of("email"),
                    kind: "email",
                    inputmode: "email",
                    autocomplete: "username",
                    required: true,
                    onedit: move |()| errors.write().clear("email"),
                }
                TextField {
                    id: "password",
                    label: "Password",
                    value: password,
                    error: error_of("password"),
                    hint: is_new.then(|| "4 to 20 characters.".to_owned()),
                    kind: "password",
                    autocomplete: password_kind,
                    required: true,
                    onedit: move |()| errors.write().clear("password"),
                }
                div { class: "actions",
                    Button { tone: Tone::Primary, wide: true, submit: true, busy: busy(), "{button}" }
                }
            }
            p { class: "aside",
                if is_new {
                    "You have an account? "
                    Link { to: Route::SignIn(next), "Sign in" }
                } else {
                    "You have no account? "
                    Link { to: Route::SignUp(next), "Create one" }
                }
            }
        }
    }
}
