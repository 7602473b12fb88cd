//! Every page in every state, for requirements on all of them.

use super::{Browser, Site};

/// A page in one state.
pub struct PageState {
    /// Its name in a list of pictures.
    pub name: &'static str,
    /// Its address.
    pub path: String,
    /// The text that shows that it is complete.
    pub says: &'static str,
}

/// The pages of one visitor, in that visitor's browser.
pub struct VisitorPages {
    pub browser: Browser,
    pub pages: Vec<PageState>,
}

fn page(name: &'static str, path: impl Into<String>, says: &'static str) -> PageState {
    PageState {
        name,
        path: path.into(),
        says,
    }
}

impl Site {
    /// Fills the marketplace, and visits it as a stranger, a buyer, a seller and an analyst.
    pub async fn walkthrough(&self) -> Vec<VisitorPages> {
        let (seller, buyer) = (self.person().await, self.person().await);
        for (title, price) in [
            ("Rock am See, weekend pass with camping", 189.99),
            ("City Marathon – start number", 65.0),
            ("Museum night for two", 24.0),
            ("Cup final, block C, row 7", 85.5),
            ("Open-air cinema, blanket and popcorn included", 18.0),
        ] {
            seller.sell(title, price).await;
        }
        let open = seller.sell("Opera: The Magic Flute, box 4", 120.0).await;
        let held = seller.sell("Jazz Night at the Blue Room", 38.5).await;
        let sold = seller.sell("Chess final, hall A", 12.0).await;
        let back = seller.sell("Winter circus, front row", 30.0).await;
        let order = buyer.order(&held).await;
        let paid = buyer.order(&sold).await;
        buyer.pay(&paid).await;
        let cancelled = buyer.order(&back).await;
        buyer.cancel(&cancelled).await;
        let analyst = self.person().await;
        self.grants("analyst", &analyst).await;

        let strangers = vec![
            page("tickets", "/", "Opera"),
            page("tickets-none", "/?q=nothing-like-it", "No tickets match"),
            page("tickets-trouble", "/?min=abc", "A price must be a number"),
            page("ticket", format!("/tickets/{open}"), "Buy for $120"),
            page(
                "ticket-held",
                format!("/tickets/{held}"),
                "Somebody else holds",
            ),
            page(
                "ticket-sold",
                format!("/tickets/{sold}"),
                "This ticket is sold",
            ),
            page("sign-in", "/signin?next=%2Forders", "No account yet?"),
            page("sign-up", "/signup", "Have an account already?"),
            page("not-found", "/nowhere", "Page not found"),
        ];
        let buyers = vec![
            page("order", format!("/orders/{order}"), "Pay $38.50"),
            page("order-paid", format!("/orders/{paid}"), "nobody else’s"),
            page(
                "order-cancelled",
                format!("/orders/{cancelled}"),
                "gave the ticket back",
            ),
            page("orders", "/orders", "left to pay"),
            page(
                "ticket-held-by-you",
                format!("/tickets/{held}"),
                "You hold this ticket",
            ),
            page("selling-none", "/selling", "You offer nothing yet"),
            page("analytics-none", "/analytics", "For analysts"),
        ];
        let sellers = vec![
            page("selling", "/selling", "Earned"),
            page("sell", "/tickets/new", "Offer it"),
            page("edit", format!("/tickets/{open}/edit"), "Save changes"),
            page(
                "edit-held",
                format!("/tickets/{held}/edit"),
                "A buyer holds",
            ),
            page("ticket-own", format!("/tickets/{open}"), "your own ticket"),
            page("orders-none", "/orders", "No tickets yet"),
        ];
        let analysts = vec![page("analytics", "/analytics", "Who sells")];
        vec![
            VisitorPages {
                browser: self.browser().await,
                pages: strangers,
            },
            VisitorPages {
                browser: self.browser_of(&buyer, "/").await,
                pages: buyers,
            },
            VisitorPages {
                browser: self.browser_of(&seller, "/").await,
                pages: sellers,
            },
            VisitorPages {
                browser: self.browser_of(&analyst, "/").await,
                pages: analysts,
            },
        ]
    }
}
