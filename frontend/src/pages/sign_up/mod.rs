//! Signing up.

use dioxus::prelude::*;

use crate::components::{CredentialsForm, Purpose};

/// Opens an account.
#[component]
pub fn SignUpPage(next: Option<String>) -> Element {
    rsx! { CredentialsForm { purpose: Purpose::SignUp, next } }
}
