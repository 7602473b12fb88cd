//! `turnstile reconcile`: the log compared with the provider's records.

use testkit::{
    LONG, eventually,
    stripe::{Fault, StripeRoute},
};
use uuid::Uuid;

use super::Shop;

impl Shop {
    /// A paid order's payment, and its intent at Stripe.
    async fn paid(&self) -> (String, String) {
        let order = self.order().await;
        let payment = self.buyer.try_pay(&order).await.expect_status(201).id();
        let reference = self.standin.references().pop().unwrap();
        eventually("the money is taken", LONG, || async {
            self.events(&payment)
                .await
                .last()
                .is_some_and(|last| last == "PaymentCaptured")
        })
        .await;
        (payment, reference)
    }

    /// Checks that the tool names exactly these payments, one line each, with these words.
    pub(super) async fn assert_differences(&self, expected: &[(&str, &[&str])]) {
        let tool = self.site.tool(&["reconcile"]).await;
        assert_eq!(tool.code, 1, "{}\n{}", tool.stdout, tool.stderr);
        let lines: Vec<_> = tool.stdout.lines().collect();
        assert_eq!(lines.len(), expected.len() + 1, "{}", tool.stdout);
        for (payment, words) in expected {
            let line = lines.iter().find(|line| line.contains(payment));
            let line = line.unwrap_or_else(|| panic!("{payment} is missing in\n{}", tool.stdout));
            for word in *words {
                assert!(line.contains(word), "{word} in {line}");
            }
        }
        let count = format!("{} differences", expected.len());
        assert!(lines[lines.len() - 1].ends_with(&count), "{}", tool.stdout);
    }
}

#[tokio::test]
async fn reconciling_prints_one_line_per_discrepancy() {
    let shop = Shop::open().await;
    let (amount, intent_of_amount) = shop.paid().await;
    let (currency, intent_of_currency) = shop.paid().await;
    let (untaken, intent_untaken) = shop.paid().await;
    let (lost, intent_lost) = shop.paid().await;
    let order = shop.order().await;
    let declined = shop.buyer.try_pay_with(&order, "tok_chargeDeclined").await;
    declined.assert_status(402);
    shop.standin.add_foreign_intent();
    shop.standin
        .add_intent(&Uuid::new_v4().to_string(), 2_000, "usd");
    // A payment in progress, another application's, and one that was opened and never used are no
    // differences.
    let tool = shop.site.tool(&["reconcile"]).await;
    assert_eq!(tool.code, 0, "{}", tool.stdout);
    let said =
        "stripe: 5 payments in the log, 6 intents in the books, 80.00 usd captured, 0 differences";
    assert_eq!(tool.stdout.trim(), said);

    shop.standin
        .tamper(&intent_of_amount, |intent| intent.amount = 1_999);
    shop.standin.tamper(&intent_of_currency, |intent| {
        intent.currency = "eur".to_owned();
    });
    shop.standin
        .tamper(&intent_untaken, |intent| intent.status = "requires_capture");
    // The provider's records no longer link this one to its payment.
    shop.standin
        .tamper(&intent_lost, |intent| intent.metadata.clear());
    let unknown = Uuid::new_v4().to_string();
    let reference = shop.standin.add_intent(&unknown, 700, "usd");
    shop.standin
        .tamper(&reference, |intent| intent.status = "succeeded");
    let second = shop.standin.add_intent(&amount, 2_000, "usd");
    shop.standin
        .tamper(&second, |intent| intent.status = "requires_capture");
    shop.standin
        .tamper(&intent_of_amount, |intent| intent.amount = 2_000);
    shop.assert_differences(&[
        (
            &amount,
            &["authorized of 2000", "no payment in the log accounts for"],
        ),
        (
            &currency,
            &[
                "Captured of 20.00 (usd)",
                "captured of 2000 cents (eur)",
                "currencies",
            ],
        ),
        (&untaken, &["the log has it taken, the provider has not"]),
        (&lost, &["provider nothing", "doesn't know this payment"]),
        (
            &unknown,
            &["log nothing", "captured of 700", "give it back by hand"],
        ),
    ])
    .await;

    shop.standin
        .tamper(&second, |intent| intent.status = "canceled");
    shop.standin
        .tamper(&intent_of_amount, |intent| intent.amount = 1_999);
    shop.assert_differences(&[
        (
            &amount,
            &["Captured of 20", "captured of 1999", "the amounts differ"],
        ),
        (&currency, &["eur"]),
        (&untaken, &[]),
        (&lost, &[]),
        (&unknown, &[]),
    ])
    .await;
}

#[tokio::test]
async fn reconciling_reports_money_held_for_a_final_order() {
    let (shop, proxy) = Shop::behind_proxy().await;
    for route in [StripeRoute::Capture, StripeRoute::Cancel] {
        shop.standin.fail(1_000, route, Fault::StatusForGood(503));
    }
    let complete = shop.order().await;
    let untaken = shop.buyer.try_pay(&complete).await.expect_status(201).id();

    // The next order is cancelled after its payment is authorized, and before it follows that.
    proxy.swallow_if(|publication| publication.contains("OrderCompleted"));
    let cancelled = shop.order().await;
    let paying = shop.pay_in_vain(&cancelled);
    eventually("the order is about to be completed", LONG, || async {
        proxy.swallowed() > 0
    })
    .await;
    shop.cancel_behind_another(&cancelled).await;
    proxy.pass_all();
    paying.await.unwrap();
    let reference = shop.standin.references().pop().unwrap();
    let object = shop.standin.object(&reference);
    let held = object["metadata"]["payment_id"].as_str().unwrap();
    shop.assert_differences(&[
        (&untaken, &["order Some(Complete)", "only held"]),
        (held, &["held for a cancelled order"]),
    ])
    .await;

    // Once Stripe works again, the workers complete the payments.
    shop.standin.stop_failing();
    shop.settles(1, 1).await;
}
