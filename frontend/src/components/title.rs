use dioxus::prelude::*;

use crate::browser::text;
use crate::store::use_store;

/// Names the page in the browser's tab.
pub fn use_title(title: &str) {
    let title = title.to_owned();
    let mut shown = use_store().title.name;
    use_effect(use_reactive((&title,), move |(title,)| {
        shown.set(format!("{title} · Turnstile"));
    }));
}

/// The head of a page: its name, which is also the tab's, and what belongs beside it.
#[component]
pub fn PageHead(
    title: String,
    lead: Option<String>,
    /// Whether somebody else wrote the title: then its own letters say where it begins.
    #[props(default)]
    is_theirs: bool,
    children: Element,
) -> Element {
    // A tab's title has no markup to keep what somebody wrote apart.
    let name = if is_theirs {
        text::isolated(&title)
    } else {
        title.clone()
    };
    use_title(&name);
    rsx! {
        header { class: "page-head",
            div { class: "page-head-text",
                h1 { dir: is_theirs.then_some("auto"), "{title}" }
                if let Some(lead) = lead {
                    p { class: "lead", "{lead}" }
                }
            }
            {children}
        }
    }
}
