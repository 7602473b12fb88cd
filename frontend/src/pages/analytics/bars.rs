use dioxus::prelude::*;
use state::length;

/// One row of [`Bars`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// What it is.
    pub name: String,
    /// How long its bar is.
    pub value: u64,
    /// What is written beside it.
    pub said: String,
}

/// Figures side by side: a table in which each row has a bar, so that the picture and its text are
/// one.
#[component]
pub fn Bars(
    title: &'static str,
    about: &'static str,
    /// The heads of the columns: what it is, and how many.
    heads: [&'static str; 2],
    bars: Vec<Bar>,
) -> Element {
    let longest = bars.iter().map(|bar| bar.value).max().unwrap_or(0);
    rsx! {
        section { class: "plot",
            h2 { "{title}" }
            p { class: "about", "{about}" }
            if bars.is_empty() {
                p { class: "nothing", "Nothing yet." }
            } else {
                table { class: "bars",
                    colgroup {
                        col { class: "names" }
                        col {}
                    }
                    thead { class: "visually-hidden",
                        tr {
                            th { scope: "col", "{heads[0]}" }
                            th { scope: "col", "{heads[1]}" }
                        }
                    }
                    tbody {
                        for bar in bars {
                            tr { key: "{bar.name}",
                                th { scope: "row", "{bar.name}" }
                                td {
                                    div { class: "bar",
                                        svg {
                                            view_box: "0 0 1000 10",
                                            preserve_aspect_ratio: "none",
                                            "aria-hidden": "true",
                                            "focusable": "false",
                                            rect { width: "1000", height: "10", class: "track" }
                                            rect { width: "{length(bar.value, longest)}", height: "10" }
                                        }
                                        span { "{bar.said}" }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
