//! The frame around all pages, and which page is in it.

use std::convert::Infallible;
use std::fmt;
use std::rc::Rc;
use std::str::FromStr;

use dioxus::core::Runtime;

use dioxus::prelude::*;
use dioxus::router::SiteMapSegment;
use dioxus_history::History;
use state::Route;

use crate::browser::format::Formats;
use crate::browser::history::{self, Arrival, Navigation, use_navigation};
use crate::browser::page;
use crate::components::{Banner, Footer, Header, HoldBar, Late, Toast};
use crate::pages::{
    AnalyticsPage, EditTicketPage, MyTicketsPage, NewTicketPage, NotFoundPage, OrderPage,
    OrdersPage, SignInPage, SignUpPage, TicketPage, TicketsPage,
};
use crate::store::current_user::use_current_user;
use crate::store::session::Session;
use crate::store::{AppStore, use_store};

/// The app.
#[component]
pub fn App() -> Element {
    use_hook(|| {
        // In the root's scope, where the tasks run that outlive their component.
        Runtime::current().in_scope(ScopeId::ROOT, || {
            let navigation = provide_context(Navigation::new());
            provide_context::<Rc<dyn History>>(Rc::new(navigation));
            provide_context(Formats::new());
            provide_context(AppStore::new(navigation));
        });
    });
    rsx! {
        Router::<View> {}
    }
}

/// What an address shows, for Dioxus's router: the frame, and a page in it.
///
/// It is separate from [`Route`], and not derived from it, so that a route knows no page: every
/// page has links to others. The derived reading of addresses would also decode a query before
/// taking it apart, so that `R&B` would be two words, and write `/?` for `/`.
#[derive(Clone, PartialEq)]
struct View(Route);

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for View {
    type Err = Infallible;

    fn from_str(address: &str) -> Result<Self, Self::Err> {
        Ok(Self(Route::parse(address)))
    }
}

impl Routable for View {
    const SITE_MAP: &'static [SiteMapSegment] = &[];

    fn render(&self, level: usize) -> Element {
        if level == 0 {
            rsx! { Frame {} }
        } else {
            rsx! { CurrentPage { route: self.0.clone() } }
        }
    }
}

/// What is around every page.
#[component]
fn Frame() -> Element {
    let navigation = use_navigation();
    let store = use_store();
    // Once, and so not by `use_future`, which would be 2 KB of the app.
    use_hook(|| spawn(store.live.run(navigation)));
    use_current_user(store.api);
    store.config.use_loaded();
    store.orders.use_loaded();
    use_effect(move || arrive(navigation));
    use_effect(move || store.title.show());
    use_effect(move || guard(&store.api.session.read()));

    rsx! {
        a { class: "skip", href: "#content", onclick: |event| {
            event.prevent_default();
            page::focus_content();
        }, "Skip to content" }
        Header {}
        main { id: "content", class: "content", tabindex: "-1", Outlet::<View> {} }
        Footer {}
        div { class: "notices", Toast {} Banner {} HoldBar {} }
    }
}

/// After each move: the keyboard and the view go to where the new page begins.
fn arrive(navigation: Navigation) {
    match navigation.visit().arrival {
        Arrival::Start | Arrival::Search => {}
        Arrival::Link => {
            page::scroll_to(0);
            page::focus_content();
        }
        Arrival::Back(spot) => {
            page::focus_content();
            dioxus::core::spawn_forever(navigation.return_to(spot));
        }
    }
}

/// A visitor who isn't signed in signs in first, and comes back then.
fn guard(session: &Session) {
    let route = history::current_route();
    if session.is_nobody() && route.is_private() {
        history::replace(&route.sign_in_first());
    }
}

#[component]
fn CurrentPage(route: Route) -> Element {
    // Another ticket, order or user is another page: nothing of the one before it stays. A key
    // counts only within a list, so the page is a list of one.
    let number = match &route {
        Route::Ticket(id) | Route::EditTicket(id) | Route::Order(id) => id.to_string(),
        _ => String::new(),
    };
    let key = format!("{} {number}", use_store().api.session.read().users);
    rsx! {
        for key in [key] {
            Page { key: "{key}", route: route.clone() }
        }
    }
}

#[component]
fn Page(route: Route) -> Element {
    let session = use_store().api.session;
    if route.is_private() && !matches!(session.read().session, Session::User { .. }) {
        return rsx! {
            Late { failure: session.read().failure.clone() }
            crate::components::PageSkeleton {}
        };
    }
    match route {
        Route::Tickets(filter) => rsx! { TicketsPage { filter } },
        Route::Ticket(id) => rsx! { TicketPage { id } },
        Route::NewTicket => rsx! { NewTicketPage {} },
        Route::EditTicket(id) => rsx! { EditTicketPage { id } },
        Route::Orders => rsx! { OrdersPage {} },
        Route::Order(id) => rsx! { OrderPage { id } },
        Route::MyTickets => rsx! { MyTicketsPage {} },
        Route::Analytics => rsx! { AnalyticsPage {} },
        Route::SignIn(next) => rsx! { SignInPage { next } },
        Route::SignUp(next) => rsx! { SignUpPage { next } },
        Route::NotFound(_) => rsx! { NotFoundPage {} },
    }
}
