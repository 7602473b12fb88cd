use dioxus::prelude::*;

/// What an icon shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A ticket: the market.
    Ticket,
    /// A plus: selling.
    Plus,
    /// A tag: what is offered.
    Tag,
    /// Columns: figures.
    Columns,
    /// A lens: searching.
    Search,
    /// An arrow to the left.
    Back,
    /// A check mark.
    Check,
    /// A cross.
    Close,
}

impl Shape {
    const fn path(self) -> &'static str {
        match self {
            Self::Ticket => {
                "M3 8a2 2 0 0 1 2-2h14a2 2 0 0 1 2 2v2a2 2 0 0 0 0 4v2a2 2 0 0 1-2 2H5a2 2 0 0 \
                 1-2-2v-2a2 2 0 0 0 0-4z M14 6v2 M14 11v2 M14 16v2"
            }
            Self::Plus => "M12 5v14 M5 12h14",
            Self::Tag => "M4 4h8l8 8-8 8-8-8z M8.5 8.5h.01",
            Self::Columns => "M5 20v-7 M12 20V4 M19 20v-11",
            Self::Search => "M11 5a6 6 0 1 0 0 12 6 6 0 0 0 0-12z M15.5 15.5 20 20",
            Self::Back => "M19 12H5 M11 6l-6 6 6 6",
            Self::Check => "M5 12.5l4.5 4.5L19 7.5",
            Self::Close => "M6 6l12 12 M18 6 6 18",
        }
    }
}

/// A line drawing beside words: it says nothing that the words don't.
#[component]
pub fn Icon(shape: Shape) -> Element {
    rsx! {
        svg {
            class: "icon",
            view_box: "0 0 24 24",
            fill: "none",
            stroke: "currentColor",
            stroke_width: "1.75",
            stroke_linecap: "round",
            stroke_linejoin: "round",
            "aria-hidden": "true",
            "focusable": "false",
            path { d: shape.path() }
        }
    }
}
