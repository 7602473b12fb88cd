use dioxus::prelude::*;
use state::length;

/// One period of [`Columns`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// When.
    pub name: String,
    /// How high its column is.
    pub value: u64,
    /// What its row of the table says, a cell a column after the first.
    pub cells: Vec<String>,
}

/// Figures over time: a picture, and its table for who wants the numbers.
#[component]
pub fn Columns(
    title: &'static str,
    about: &'static str,
    /// The heads of the table.
    heads: Vec<&'static str>,
    periods: Vec<Period>,
    /// What the highest column stands for, as it is written.
    highest: String,
) -> Element {
    let top = periods.iter().map(|period| period.value).max().unwrap_or(0);
    let (Some(first), Some(last)) = (periods.first(), periods.last()) else {
        return rsx! {
            section { class: "plot wide",
                h2 { "{title}" }
                p { class: "about", "{about}" }
                p { class: "nothing", "Nothing yet." }
            }
        };
    };
    let text = format!(
        "{} columns from {} to {}, the highest {highest}. The table below has the numbers.",
        periods.len(),
        first.name,
        last.name
    );
    let width = periods.len() * 10;
    rsx! {
        section { class: "plot wide",
            h2 { "{title}" }
            p { class: "about", "{about}" }
            figure { class: "columns",
                p { class: "scale", "{highest}" }
                svg {
                    view_box: "0 0 {width} 1000",
                    preserve_aspect_ratio: "none",
                    role: "img",
                    "aria-label": "{text}",
                    for (i, period) in periods.iter().enumerate() {
                        rect {
                            // Not by name: an hour comes twice when clocks are put back.
                            key: "{i}",
                            x: "{i * 10 + 1}",
                            y: "{1000 - length(period.value, top)}",
                            width: "8",
                            height: "{length(period.value, top)}",
                        }
                    }
                }
                figcaption {
                    span { "{first.name}" }
                    if periods.len() > 1 {
                        span { "{last.name}" }
                    }
                }
            }
            details {
                summary { "The numbers" }
                table { class: "numbers",
                    thead {
                        tr {
                            for head in &heads {
                                th { scope: "col", "{head}" }
                            }
                        }
                    }
                    tbody {
                        // The newest first; what is empty says nothing.
                        for (i, period) in periods.iter().enumerate().rev().filter(|(_, period)| !period.cells.is_empty()) {
                            tr { key: "{i}",
                                th { scope: "row", "{period.name}" }
                                for cell in &period.cells {
                                    td { "{cell}" }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
