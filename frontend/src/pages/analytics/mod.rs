//! The figures of the market, for analysts.

mod bars;
mod columns;
mod plots;

use api::analytics::{Analytics, AnalyticsProgress};
use dioxus::prelude::*;
use state::percent_of;

use crate::browser::format;
use crate::client;
use crate::components::{
    Button, FailureNotice, Notice, NoticeTone, PageHead, PageSkeleton, RowSkeletons, Tone,
};
use crate::store::reads::{Read, use_read};
use crate::store::session::Session;
use crate::store::{current_user, use_store};

use plots::Plots;

/// What happens on the market, as it happens.
#[component]
pub fn AnalyticsPage() -> Element {
    let role = match &use_store().api.session.read().session {
        Session::User { is_analyst, .. } => *is_analyst,
        _ => None,
    };
    match role {
        None => rsx! { PageSkeleton {} },
        Some(false) => rsx! { NoAnalyst {} },
        Some(true) => rsx! { Figures {} },
    }
}

/// Whoever has no such role learns who gives it.
#[component]
fn NoAnalyst() -> Element {
    let server = use_store().api;
    rsx! {
        PageHead { title: "Analytics", lead: "The figures of the whole market." }
        div { class: "empty",
            h2 { "For analysts" }
            p { "These figures are for people with the role of an analyst. Whoever runs this market grants it, and it works at once:" }
            p { code { "turnstile users grant YOUR-ADDRESS analyst" } }
            Button { tone: Tone::Plain, onpress: move |()| { spawn(current_user::load(server)); }, "Look again" }
        }
    }
}

#[component]
fn Figures() -> Element {
    let server = use_store().api;
    let mut newest = use_signal(|| None::<Analytics>);
    // Of what was read and what came live, what is of more of the log: an answer can be on its way
    // for longer than an event.
    let mut figures = use_read(server, move || async move {
        let read = server.call(client::analytics()).await?;
        let live = newest.peek().clone();
        let live = live.filter(|live| live.progress.commits > read.progress.commits);
        Ok(live.unwrap_or(read))
    });
    let on_change = use_callback(move |now: Analytics| {
        // A service that was started anew reads the log from its beginning: what is here is more.
        let here = figures.peek().ready().map(|here| here.progress.commits);
        if !now.progress.caught_up && here > Some(now.progress.commits) {
            return;
        }
        newest.set(Some(now.clone()));
        figures.set(Read::Ready(now));
    });
    // Without the role all that was known of it is out of date.
    use_effect(move || {
        if matches!(&*figures.read(), Read::Failed(failure) if failure.refused() == Some(403)) {
            spawn(current_user::load(server));
        }
    });
    rsx! {
        PageHead { title: "Analytics", lead: "What happens on the market, as it happens." }
        match &*figures.read() {
            Read::Loading => rsx! { RowSkeletons {} },
            Read::Failed(failure) => rsx! { FailureNotice { failure: failure.clone() } },
            Read::Ready(now) => rsx! { Market { now: now.clone(), on_change } },
        }
    }
}

/// The figures, once they are here: from then on the server sends what changes.
#[component]
fn Market(now: Analytics, on_change: Callback<Analytics>) -> Element {
    use_store().live.use_figures(move |now| on_change.call(now));
    let holds = &now.holds;
    let ended = holds.paid.count + holds.expired.count + holds.cancelled.count;
    let paid = percent_of(holds.paid.count, ended);
    rsx! {
        Progress { progress: now.progress }
        dl { class: "figures four",
            Figure { name: "Sold", id: "sold", value: format::count(now.ticket_funnel.sold) }
            Figure { name: "Revenue", id: "revenue", value: format::money(now.sellers.revenue) }
            Figure { name: "Held now", id: "held", value: format::count(now.live_holds.now) }
            Figure {
                name: "Holds paid",
                id: "paid",
                value: paid.map_or_else(|| "–".to_owned(), |share| format!("{share}%")),
            }
        }
        Plots { figures: now }
    }
}

#[component]
fn Figure(name: &'static str, id: &'static str, value: String) -> Element {
    rsx! {
        div {
            dt { "{name}" }
            dd { id, "{value}" }
        }
    }
}

/// What part of the log the figures are of.
#[component]
fn Progress(progress: AnalyticsProgress) -> Element {
    let AnalyticsProgress {
        commits,
        of,
        caught_up,
        newest,
    } = progress;
    if !caught_up {
        let share = percent_of(commits, of).unwrap_or(0);
        return rsx! {
            Notice { tone: NoticeTone::Info,
                p { "The log is being read: {share}% of {format::count(of)} commits. The figures grow until it is done." }
            }
        };
    }
    let newest = newest.map(|time| (time.to_rfc3339(), format::moment(time)));
    rsx! {
        p { class: "freshness",
            span { class: "live-dot", "aria-hidden": "true" }
            span {
                if let Some((exact, said)) = newest {
                    "Live. The newest event is from "
                    time { datetime: "{exact}", "{said}" }
                    "."
                } else {
                    "Live. Nothing has happened yet."
                }
            }
        }
    }
}
