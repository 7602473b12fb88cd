//! The provider must be configured explicitly, or no service that accepts payments starts.

use chrono::Utc;
use std::process::Output;
use testkit::{
    Method,
    stripe::{KEY, PUBLISHABLE_KEY, StandIn, StripeRoute, event, sign},
};

use super::Shop;
use crate::support::{Site, TURNSTILE, WEBHOOK_SECRET};

/// Runs a program that must refuse to start; no server that it needs exists.
async fn refused(args: &[&str], envs: &[(&str, &str)]) -> String {
    let mut command = tokio::process::Command::new(TURNSTILE);
    for name in [
        "PAYMENTS",
        "SANDBOX_ALLOWED",
        "COOKIE_SECURE",
        "STRIPE_SECRET_KEY",
        "STRIPE_PUBLISHABLE_KEY",
        "STRIPE_WEBHOOK_SECRET",
    ] {
        command.env_remove(name);
    }
    command
        .args(args)
        .env("HOST", "127.0.0.1")
        .env("PORT", "0")
        .env("NATS_URL", "nats://127.0.0.1:9")
        .env("MONGODB_URI", "mongodb://127.0.0.1:9")
        .envs(envs.iter().copied())
        .kill_on_drop(true);
    let ended = tokio::time::timeout(testkit::LONG, command.output()).await;
    let Output { status, stderr, .. } = ended
        .unwrap_or_else(|_| panic!("{args:?} started with {envs:?}"))
        .unwrap();
    assert_eq!(status.code(), Some(2), "{args:?} {envs:?}");
    let stderr = String::from_utf8_lossy(&stderr);
    stderr.trim().trim_start_matches("turnstile: ").to_owned()
}

#[tokio::test]
async fn payments_start_only_with_a_configured_mode() {
    let unsaid = "PAYMENTS is not set, but must be stripe (real money), stripe-test (Stripe's test \
                  mode) or sandbox (as if)";
    let live = [
        ("PAYMENTS", "stripe"),
        ("STRIPE_SECRET_KEY", "sk_live_topsecret"),
        ("STRIPE_PUBLISHABLE_KEY", "pk_live_1"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_topsecret"),
    ];
    for args in [&["serve", "payments"][..], &["serve"]] {
        assert_eq!(refused(args, &[]).await, unsaid);
        assert_eq!(refused(args, &[("PAYMENTS", " ")]).await, unsaid);
        // A missing secret, or one of the other mode.
        for (variable, value) in [
            ("STRIPE_SECRET_KEY", ""),
            ("STRIPE_SECRET_KEY", "sk_test_topsecret"),
            ("STRIPE_PUBLISHABLE_KEY", ""),
            ("STRIPE_PUBLISHABLE_KEY", "pk_test_1"),
            ("STRIPE_WEBHOOK_SECRET", ""),
        ] {
            let envs = [&live[..], &[(variable, value)]].concat();
            let said = refused(args, &envs).await;
            assert!(said.starts_with(&format!("{variable} is ")), "{said}");
            assert!(said.contains("PAYMENTS is stripe"), "{said}");
            assert!(!said.contains("topsecret"), "{said}");
        }
        for at_odds in [("COOKIE_SECURE", "always"), ("HOST", "0.0.0.0")] {
            let said = refused(args, &[("PAYMENTS", "sandbox"), at_odds]).await;
            assert!(said.contains("unless SANDBOX_ALLOWED is yes"), "{said}");
        }
    }
}

#[tokio::test]
async fn other_services_need_no_payments_mode() {
    let site = Site::builder().separate().start().await;
    let orders = testkit::TestApp::builder(TURNSTILE)
        .arg("serve")
        .arg("orders")
        .nats(site.nats.url())
        .mongo(&site.mongo)
        .env("PAYMENTS", "");
    orders.start().await;
}

#[tokio::test]
async fn log_metrics_and_configuration_show_the_payments_mode() {
    let sandbox = Site::start().await;
    let shop = Shop::open().await;
    for (site, mode, provider) in [
        (&sandbox, "sandbox", "sandbox"),
        (&shop.site, "stripe-test", "stripe"),
    ] {
        let metrics = site.anyone().get("/metrics").await.expect_status(200).text;
        let gauge = format!("payment_provider{{mode=\"{mode}\"}} 1");
        assert!(metrics.contains(&gauge), "{gauge}");
        let log = site.app().log_text();
        let warned = log
            .lines()
            .any(|line| line.contains("WARN") && line.contains("tickets are given away"));
        assert!(warned, "{log}");
        let config = site.anyone().get("/api/payments/config").await.json;
        assert_eq!(config["provider"], provider);
    }
}

#[tokio::test]
async fn webhooks_of_the_other_mode_are_ignored() {
    let shop = Shop::open().await;
    let (order, reference, object) = shop.declined_order().await;
    let mut body: serde_json::Value =
        serde_json::from_slice(&event("evt_1", "payment_intent.succeeded", &object)).unwrap();
    body["livemode"] = serde_json::json!(true);
    let (body, now) = (body.to_string(), Utc::now().timestamp());
    let signature = format!("t={now},v1={}", sign(WEBHOOK_SECRET, now, body.as_bytes()));
    let answer = shop
        .site
        .anyone()
        .call(Method::POST, "/api/payments/webhook")
        .raw_json(body)
        .header("Stripe-Signature", &signature)
        .await;
    answer.assert_error(400, "The webhook is of the other mode: live or test");

    shop.standin
        .tamper(&reference, |intent| intent.livemode = true);
    shop.buyer.try_pay(&order).await.assert_status(500);
    shop.assert_payable(&order).await;
    assert!(shop.standin.seen(StripeRoute::Capture).is_empty());
}

#[tokio::test]
async fn reconcile_reads_the_named_provider() {
    let standin = StandIn::start().await;
    let site = Site::builder().stripe(&standin).start().await;
    site.assert_money_agrees().await;
    let envs = [
        ("PAYMENTS", "stripe"),
        ("STRIPE_SECRET_KEY", KEY),
        ("STRIPE_PUBLISHABLE_KEY", PUBLISHABLE_KEY),
    ];
    for (envs, variable) in [(&envs[..], "STRIPE_SECRET_KEY"), (&[], "PAYMENTS")] {
        let tool = tokio::process::Command::new(TURNSTILE)
            .arg("reconcile")
            .env_remove("PAYMENTS")
            .env("NATS_URL", site.nats.url())
            .env("MONGODB_URI", site.mongo.uri())
            .env("MONGODB_DATABASE", site.mongo.name())
            .envs(envs.iter().copied())
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&tool.stderr).into_owned();
        assert!(!tool.status.success(), "{said}");
        assert!(said.contains(variable), "{said}");
    }
}
