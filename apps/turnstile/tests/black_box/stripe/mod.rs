//! Payments with Stripe as the provider: the money, its records, and its webhooks.

mod crashes;
mod modes;
mod paying;
mod provider_actions;
mod reconcile;
mod webhooks;

use crate::support::{Person, Site};
use testkit::{DropAcksProxy, LONG, eventually, stripe::StandIn};

/// A marketplace with a stand-in for Stripe, a seller and a buyer.
struct Shop {
    standin: StandIn,
    site: Site,
    seller: Person,
    buyer: Person,
}

impl Shop {
    async fn open() -> Self {
        let standin = StandIn::start().await;
        let site = Site::builder().stripe(&standin).start().await;
        Self::of(standin, site).await
    }

    async fn behind_proxy() -> (Self, DropAcksProxy) {
        let standin = StandIn::start().await;
        let (site, proxy) = Site::builder().stripe(&standin).behind_proxy().await;
        (Self::of(standin, site.start().await).await, proxy)
    }

    async fn of(standin: StandIn, site: Site) -> Self {
        let (seller, buyer) = (site.person().await, site.person().await);
        Self {
            standin,
            site,
            seller,
            buyer,
        }
    }

    /// An order of the buyer, for a new ticket at 20.
    async fn order(&self) -> String {
        let ticket = self.seller.sell("Opening night", 20).await;
        self.buyer.order(&ticket).await
    }

    /// An order whose card was declined, and its intent's reference and object.
    async fn declined_order(&self) -> (String, String, serde_json::Value) {
        let order = self.order().await;
        let declined = self.buyer.try_pay_with(&order, "tok_chargeDeclined").await;
        declined.assert_status(402);
        let reference = self.standin.references()[0].clone();
        let object = self.standin.object(&reference);
        (order, reference, object)
    }

    /// Pays in the background, for a test that ends the server in the meantime.
    fn pay_in_vain(&self, order: &str) -> tokio::task::JoinHandle<()> {
        let call = self.buyer.try_pay(order);
        tokio::spawn(async move {
            let _ = call.try_send().await;
        })
    }

    /// Cancels an order while another command on it waits for an acknowledgment: commands on one
    /// order take turns, and one that waits too long is asked to try again.
    async fn cancel_behind_another(&self, order: &str) {
        eventually("the order is cancelled", LONG, || async {
            let answer = self.buyer.try_cancel(order).await;
            match answer.status {
                204 => Ok(()),
                503 => Err(answer.text),
                _ => panic!("{}", answer.text),
            }
        })
        .await;
    }

    /// Checks that an order is neither paid nor over. Its status becomes "awaiting payment" a
    /// moment after a payment was begun.
    async fn assert_payable(&self, order: &str) {
        let status = self.buyer.order_of(order).await["status"].clone();
        let payable = ["created", "awaiting:payment"].iter().any(|s| status == *s);
        assert!(payable, "{status}");
    }

    /// Waits for these numbers of captures and releases, and until no money is held any more.
    async fn settles(&self, captures: u32, releases: u32) {
        eventually("the money is where it belongs", LONG, || async {
            let money = self.standin.money();
            let settled = (money.captures, money.releases, money.held) == (captures, releases, 0);
            if settled { Ok(()) } else { Err(money) }
        })
        .await;
        assert_eq!(self.standin.money().taken, u64::from(captures) * 2_000);
        eventually("log and provider agree", LONG, || async {
            let tool = self.site.tool(&["reconcile"]).await;
            if tool.code == 0 {
                Ok(())
            } else {
                Err(tool.stdout)
            }
        })
        .await;
    }

    /// The types of a payment's events so far.
    async fn events(&self, payment: &str) -> Vec<String> {
        let commits = self.site.commits("PAYMENTS", payment).await;
        commits
            .into_iter()
            .flat_map(|commit| commit.types)
            .collect()
    }
}
