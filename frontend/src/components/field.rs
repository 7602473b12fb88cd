use dioxus::prelude::*;

use super::Said;

/// A labeled input of one line, with what is wrong with it.
#[component]
pub fn TextField(
    id: &'static str,
    label: String,
    value: Signal<String>,
    error: Option<String>,
    hint: Option<String>,
    #[props(default = "text")] kind: &'static str,
    #[props(default = "off")] autocomplete: &'static str,
    #[props(default = "text")] inputmode: &'static str,
    #[props(default)] required: bool,
    #[props(default = 500)] maxlength: u32,
    prefix: Option<String>,
    #[props(default)] dir: Option<&'static str>,
    onedit: Option<EventHandler<()>>,
) -> Element {
    let mut value = value;
    let wrong = error.is_some();
    // The error first: it is what one wants to hear.
    let described = [
        wrong.then(|| format!("{id}-error")),
        hint.is_some().then(|| format!("{id}-hint")),
    ];
    let described: Vec<String> = described.into_iter().flatten().collect();
    let described = (!described.is_empty()).then(|| described.join(" "));
    rsx! {
        div { class: if wrong { "field wrong" } else { "field" },
            label { r#for: id, "{label}" }
            div { class: "input-box",
                if let Some(prefix) = prefix {
                    span { class: "input-prefix", "aria-hidden": "true", "{prefix}" }
                }
                input {
                    id,
                    name: id,
                    r#type: kind,
                    autocomplete,
                    inputmode,
                    maxlength: "{maxlength}",
                    dir,
                    autocapitalize: if kind == "text" { "sentences" } else { "none" },
                    spellcheck: if kind == "text" { "true" } else { "false" },
                    aria_required: required.then_some("true"),
                    aria_invalid: wrong.then_some("true"),
                    aria_describedby: described,
                    value: "{value}",
                    oninput: move |event| {
                        value.set(event.value());
                        if let Some(onedit) = onedit {
                            onedit.call(());
                        }
                    },
                }
            }
            if let Some(hint) = hint {
                p { class: "hint", id: "{id}-hint", "{hint}" }
            }
            if let Some(error) = error {
                p { class: "field-error", id: "{id}-error", Said { words: error } }
            }
        }
    }
}
