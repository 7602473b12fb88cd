//! Every page in every state, for requirements on all of them.

use super::{Browser, Stage};

/// A page in one state.
pub struct Stop {
    /// Its name in a list of pictures.
    pub name: &'static str,
    /// Its address.
    pub path: String,
    /// The text that shows that it is complete.
    pub says: &'static str,
}

/// The pages of one visitor, in that visitor's browser.
pub struct Visit {
    pub browser: Browser,
    pub stops: Vec<Stop>,
}

fn stop(name: &'static str, path: impl Into<String>, says: &'static str) -> Stop {
    Stop {
        name,
        path: path.into(),
        says,
    }
}

impl Stage {
    /// Fills the marketplace, and visits it as a stranger, a buyer, a seller and an analyst.
    pub async fn tour(&self) -> Vec<Visit> {
        let (seller, buyer) = (self.visitor().await, self.visitor().await);
        for (title, price) in [
            ("Rock am See, weekend pass with camping", 189.99),
            ("City Marathon – start number", 65.0),
            ("Museum night for two", 24.0),
            ("Cup final, block C, row 7", 85.5),
            ("Open-air cinema, blanket and popcorn included", 18.0),
        ] {
            seller.offers(title, price).await;
        }
        let open = seller.offers("Opera: The Magic Flute, box 4", 120.0).await;
        let held = seller.offers("Jazz Night at the Blue Room", 38.5).await;
        let sold = seller.offers("Chess final, hall A", 12.0).await;
        let back = seller.offers("Winter circus, front row", 30.0).await;
        let order = buyer.orders(&held).await;
        let paid = buyer.orders(&sold).await;
        buyer.pays(&paid).await;
        let cancelled = buyer.orders(&back).await;
        buyer.cancels(&cancelled).await;
        let analyst = self.visitor().await;
        self.grants("analyst", &analyst).await;

        let strangers = vec![
            stop("tickets", "/", "Opera"),
            stop("tickets-none", "/?q=nothing-like-it", "No tickets match"),
            stop("tickets-trouble", "/?min=abc", "A price must be a number"),
            stop("ticket", format!("/tickets/{open}"), "Buy for $120"),
            stop(
                "ticket-held",
                format!("/tickets/{held}"),
                "Somebody else holds",
            ),
            stop(
                "ticket-sold",
                format!("/tickets/{sold}"),
                "This ticket is sold",
            ),
            stop("sign-in", "/signin?next=%2Forders", "No account yet?"),
            stop("sign-up", "/signup", "Have an account already?"),
            stop("not-found", "/nowhere", "Page not found"),
        ];
        let buyers = vec![
            stop("order", format!("/orders/{order}"), "Pay $38.50"),
            stop("order-paid", format!("/orders/{paid}"), "nobody else’s"),
            stop(
                "order-cancelled",
                format!("/orders/{cancelled}"),
                "gave the ticket back",
            ),
            stop("orders", "/orders", "left to pay"),
            stop(
                "ticket-held-by-you",
                format!("/tickets/{held}"),
                "You hold this ticket",
            ),
            stop("selling-none", "/selling", "You offer nothing yet"),
            stop("analytics-none", "/analytics", "For analysts"),
        ];
        let sellers = vec![
            stop("selling", "/selling", "Earned"),
            stop("sell", "/tickets/new", "Offer it"),
            stop("edit", format!("/tickets/{open}/edit"), "Save changes"),
            stop(
                "edit-held",
                format!("/tickets/{held}/edit"),
                "A buyer holds",
            ),
            stop("ticket-own", format!("/tickets/{open}"), "your own ticket"),
            stop("orders-none", "/orders", "No tickets yet"),
        ];
        let analysts = vec![stop("analytics", "/analytics", "Who sells")];
        vec![
            Visit {
                browser: self.browser().await,
                stops: strangers,
            },
            Visit {
                browser: self.browser_of(&buyer, "/").await,
                stops: buyers,
            },
            Visit {
                browser: self.browser_of(&seller, "/").await,
                stops: sellers,
            },
            Visit {
                browser: self.browser_of(&analyst, "/").await,
                stops: analysts,
            },
        ]
    }
}
