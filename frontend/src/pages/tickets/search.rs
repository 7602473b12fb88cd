use dioxus::prelude::*;
use state::{Route, TicketFilter};

use crate::browser::{history::use_navigation, time};
use crate::components::{Icon, Shape};

/// How long the typing has to rest before it is searched for, in milliseconds.
const REST: u32 = 250;

/// The search: what is typed is searched for as soon as the typing rests, and stands in the
/// address.
#[component]
pub fn SearchForm(filter: TicketFilter) -> Element {
    let navigation = use_navigation();
    let mut draft = use_signal(|| filter.clone());
    let mut searched = use_signal(|| filter.clone());
    let mut edits = use_signal(|| 0_u32);
    // Whether the search is done with, so that the next one gets an entry of its own in the
    // history: it was sent by Enter, or come to by another way than typing.
    let mut is_done = use_signal(|| true);

    // Another search came from elsewhere: back, forward, a link.
    use_effect(use_reactive((&filter,), move |(filter,)| {
        if *searched.peek() != filter {
            searched.set(filter.clone());
            draft.set(filter);
            is_done.set(true);
        }
    }));
    let mut search = move || {
        let wanted = draft.peek().clone();
        if wanted.problem().is_none() && *searched.peek() != wanted {
            searched.set(wanted.clone());
            navigation.search(&Route::Tickets(wanted), is_done.replace(false));
        }
    };
    let mut edited = move |change: &dyn Fn(&mut TicketFilter)| {
        change(&mut draft.write());
        edits += 1;
        let edit = *edits.peek();
        spawn(async move {
            time::sleep(REST).await;
            if *edits.peek() == edit {
                search();
            }
        });
    };
    let shown = draft.read().clone();
    let problem = shown.problem();
    let is_wrong = problem.as_ref().map(|(_, ends)| *ends).unwrap_or_default();
    let bounds = [
        PriceBound {
            id: "min-price",
            label: "Lowest price",
            value: shown.min.clone(),
            is_wrong: is_wrong[0],
        },
        PriceBound {
            id: "max-price",
            label: "Highest price",
            value: shown.max.clone(),
            is_wrong: is_wrong[1],
        },
    ];
    rsx! {
        form {
            class: "search",
            role: "search",
            novalidate: true,
            onsubmit: move |event| {
                event.prevent_default();
                search();
                is_done.set(true);
            },
            div { class: "field search-words",
                label { r#for: "q", "Search" }
                div { class: "input-box",
                    span { class: "input-prefix", Icon { shape: Shape::Search } }
                    input {
                        id: "q",
                        r#type: "search",
                        autocomplete: "off",
                        maxlength: "200",
                        placeholder: "Artist, team, place",
                        dir: "auto",
                        value: "{shown.q}",
                        oninput: move |event| {
                            let text = event.value();
                            edited(&|filter| filter.q.clone_from(&text));
                        },
                    }
                }
            }
            for bound in bounds {
                div { key: "{bound.id}", class: "field search-price",
                    label { r#for: bound.id, "{bound.label}" }
                    div { class: "input-box",
                        input {
                            id: bound.id,
                            r#type: "text",
                            inputmode: "decimal",
                            autocomplete: "off",
                            maxlength: "12",
                            placeholder: "Any",
                            aria_invalid: bound.is_wrong.then_some("true"),
                            aria_describedby: bound.is_wrong.then_some("search-problem"),
                            value: "{bound.value}",
                            oninput: move |event| {
                                let text = event.value();
                                let is_min = bound.id == "min-price";
                                edited(
                                    &|filter| {
                                        let bound = if is_min { &mut filter.min } else { &mut filter.max };
                                        bound.clone_from(&text);
                                    },
                                );
                            },
                        }
                    }
                }
            }
            div { class: "field search-sort",
                label { r#for: "sort", "Sort by" }
                div { class: "input-box",
                    select {
                        id: "sort",
                        value: shown.sort_name(),
                        onchange: move |event| {
                            let name = event.value();
                            edited(&|filter| *filter = filter.clone().sorted_by(&name));
                        },
                        option { value: "newest", "Newest first" }
                        option { value: "price", "Lowest price first" }
                        option { value: "-price", "Highest price first" }
                    }
                }
            }
            // A form of several fields is sent by Enter only if it has one of these.
            button { r#type: "submit", hidden: true, "Search" }
            p { class: "field-error search-problem", id: "search-problem", role: "status",
                {problem.map(|(words, _)| words).unwrap_or_default()}
            }
        }
    }
}

struct PriceBound {
    id: &'static str,
    label: &'static str,
    value: String,
    is_wrong: bool,
}
