use dioxus::prelude::*;
use state::quoted;

use super::{Button, Tone};
use crate::client::Failure;
use crate::store::use_store;

/// How a notice is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeTone {
    /// Something to know.
    Info,
    /// Something good.
    Good,
    /// Something to mind.
    Warning,
    /// Something that failed.
    Error,
}

impl NoticeTone {
    const fn class(self) -> &'static str {
        match self {
            Self::Info => "notice",
            Self::Good => "notice good",
            Self::Warning => "notice warning",
            Self::Error => "notice error",
        }
    }
}

/// A few words in a box. Errors and warnings are spoken as they appear.
#[component]
pub fn Notice(tone: NoticeTone, children: Element) -> Element {
    let role = match tone {
        NoticeTone::Error | NoticeTone::Warning => "alert",
        NoticeTone::Info | NoticeTone::Good => "note",
    };
    rsx! {
        div { class: tone.class(), role, {children} }
    }
}

/// Words that may repeat what somebody wrote: that is kept apart, so that its direction turns
/// nothing around it.
#[component]
pub fn Said(words: String) -> Element {
    match quoted(&words) {
        Some([before, inside, after]) => rsx! {
            "{before}"
            bdi { "{inside}" }
            "{after}"
        },
        None => rsx! { "{words}" },
    }
}

/// Says that something takes long and why, once it does, and offers to try again. It is being tried
/// all the while.
#[component]
pub fn Late(failure: Option<Failure>) -> Element {
    rsx! {
        if let Some(failure) = failure {
            FailureNotice { failure }
        }
    }
}

/// Says that something couldn't be read, and offers to try again.
#[component]
pub fn FailureNotice(failure: Failure) -> Element {
    let refresh = use_store().api.refresh;
    rsx! {
        Notice { tone: NoticeTone::Error,
            p { Said { words: failure.message() } }
            Button { tone: Tone::Plain, onpress: move |()| refresh.request(), "Try again" }
        }
    }
}
