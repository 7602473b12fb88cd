//! Signing in.

use dioxus::prelude::*;

use crate::components::{CredentialsForm, Purpose};

/// Signs in to an account that is there.
#[component]
pub fn SignInPage(next: Option<String>) -> Element {
    rsx! { CredentialsForm { purpose: Purpose::SignIn, next } }
}
