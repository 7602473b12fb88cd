use dioxus::prelude::*;

/// How much a button matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// The one thing to do here.
    Primary,
    /// One of several.
    #[default]
    Plain,
    /// Rarely wanted.
    Quiet,
    /// It takes something away.
    Danger,
}

impl Tone {
    const fn class(self) -> &'static str {
        match self {
            Self::Primary => "button primary",
            Self::Plain => "button",
            Self::Quiet => "button quiet",
            Self::Danger => "button danger",
        }
    }
}

/// A button. While it is busy or off it does nothing, yet keeps the keyboard's focus, which a
/// disabled one would drop.
#[component]
pub fn Button(
    #[props(default)] tone: Tone,
    #[props(default)] busy: bool,
    /// There is a reason, which is to be told beside it, why it can't be pressed now.
    #[props(default)]
    off: bool,
    #[props(default)] submit: bool,
    #[props(default)] wide: bool,
    id: Option<String>,
    label: Option<String>,
    onpress: Option<EventHandler<()>>,
    children: Element,
) -> Element {
    let wide = if wide { " wide" } else { "" };
    let is_off = if off { " off" } else { "" };
    rsx! {
        button {
            id,
            r#type: if submit { "submit" } else { "button" },
            class: "{tone.class()}{wide}{is_off}",
            "aria-disabled": (busy || off).then_some("true"),
            "aria-busy": busy.then_some("true"),
            aria_label: label,
            onclick: move |event| {
                if busy || off {
                    event.prevent_default();
                } else if let Some(onpress) = onpress {
                    onpress.call(());
                }
            },
            if busy {
                span { class: "spinner", "aria-hidden": "true" }
            }
            span { {children} }
        }
    }
}
