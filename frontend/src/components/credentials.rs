use dioxus::prelude::*;
use state::{FieldErrors, RequestKey, Route};
use uuid::Uuid;

use super::{Button, Link, Notice, NoticeTone, PageHead, TextField, Tone};
use crate::browser::drafts::{self, use_draft};
use crate::browser::{history, page};
use crate::client::{self, Failure};
use crate::store::requests::Api;
use crate::store::session::{Session, SessionStore};
use crate::store::{current_user, use_store};

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
    let store = use_store();
    let session = store.api.session;
    let email = use_draft("email".to_owned(), String::new);
    // A password is kept nowhere.
    let password = use_signal(String::new);
    let mut errors = use_signal(FieldErrors::default);
    let mut busy = use_signal(|| false);
    let is_new = purpose == Purpose::SignUp;
    let mut in_use = use_signal(|| false);

    // Also for whoever comes here signed in already.
    let target = next.clone();
    use_effect(move || {
        if matches!(session.read().session, Session::User { .. }) {
            history::replace(&Route::after_sign_in(target.as_deref()));
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
        in_use.set(false);
        spawn(async move {
            let (address, secret) = (email.cloned(), password.cloned());
            SessionStore::begin_change();
            let outcome = match purpose {
                Purpose::SignIn => store.api.call(client::sign_in(&address, &secret)).await,
                Purpose::SignUp => sign_up(store.api, &address, &secret).await,
            };
            busy.set(false);
            let failure = match outcome {
                Ok(user) => return current_user::begin(store.api, user),
                Err(failure) => failure,
            };
            // After a lost answer somebody may be signed in: then all tabs ask before they act.
            if failure.is_decided() {
                session.cancel_change();
            }
            match failure {
                Failure::Refused {
                    status,
                    errors: said,
                    ..
                } => {
                    let said = FieldErrors::of_answer(&said, &["email", "password"]);
                    // Or opened under the same key, by the same visitor with another password.
                    let taken = status == 422 || said.of("email") == Some(IN_USE);
                    in_use.set(taken);
                    errors.set(match status {
                        422 => FieldErrors::field("email", IN_USE),
                        _ => said,
                    });
                }
                other => errors.set(FieldErrors::general(other.message())),
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
        .then(|| "Then you go on where you were.".to_owned());
    let other = next.clone();
    rsx! {
        div { class: "narrow",
            PageHead { title, lead }
            if session.read().has_ended {
                Notice { tone: NoticeTone::Warning,
                    p { "You were signed out. Sign in to go on where you were." }
                }
            }
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
                    onedit: move |()| {
                        in_use.set(false);
                        errors.write().clear("email");
                    },
                }
                if in_use() {
                    p { class: "hint",
                        "Is it yours? "
                        Link { to: Route::SignIn(other), "Sign in with it" }
                    }
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
                    "Have an account already? "
                    Link { to: Route::SignIn(next), "Sign in" }
                } else {
                    "No account yet? "
                    Link { to: Route::SignUp(next), "Create one" }
                }
            }
        }
    }
}

/// What the server says of an address that has an account.
const IN_USE: &str = "Email in use";

/// Where the key is kept that an account is being opened under.
const REQUEST_KEY: &str = "signup";

/// Opens an account once: under one key for one address until there is an answer, also after a
/// reload. Of the password nothing is kept.
async fn sign_up(server: Api, email: &str, password: &str) -> client::ApiResult<api::User> {
    let mut request_key = RequestKey::read(&drafts::load(REQUEST_KEY).unwrap_or_default());
    let key = request_key.key(email, Uuid::new_v4());
    drafts::store(REQUEST_KEY, &request_key.write());
    let outcome = server.call(client::sign_up(email, password, key)).await;
    if outcome.as_ref().err().is_none_or(Failure::is_decided) {
        drafts::remove(&[REQUEST_KEY.to_owned()]);
    }
    outcome
}
