//! `GET /api/analytics` and its stream: the figures of the log, for analysts.

use serde_json::{Value, json};
use std::{collections::HashMap, time::Duration};
use testkit::{LONG, Method, eventually};

use super::server::assert_envelope;
use crate::support::{Person, Site, Watcher, on_both_deployments};

const PATH: &str = "/api/analytics";
const EVENTS: &str = "/api/analytics/events";
/// The last chunk of an answer; the connection may be used again.
const END: &str = "\r\n0\r\n\r\n";

on_both_deployments!(
    only_analysts_see_figures_from_the_grant_on,
    live_figures_equal_a_replay_and_continue,
    an_analytics_stream_reports_sales_until_the_role_is_revoked,
);

async fn analyst(site: &Site) -> Person {
    let person = site.person().await;
    grant(site, &person).await;
    person
}

async fn grant(site: &Site, person: &Person) {
    let grant = ["users", "grant", &person.user.email, "analyst"];
    site.tool(&grant).await.assert_success();
}

async fn revoke(site: &Site, person: &Person) {
    let revoke = ["users", "revoke", &person.user.email, "analyst"];
    site.tool(&revoke).await.assert_success();
}

/// Sells one ticket, and has another order cancelled; returns the seller.
async fn trade(site: &Site) -> Person {
    let (seller, buyer) = (site.person().await, site.person().await);
    let (sold, returned) = (
        seller.sell("Opening night", "19.99").await,
        seller.sell("Second night", 5).await,
    );
    let order = buyer.order(&sold).await;
    buyer.try_pay(&order).await.assert_status(201);
    let order = buyer.order(&returned).await;
    buyer.try_cancel(&order).await.assert_status(204);
    seller
}

/// The figures of everything until now.
async fn figures(analyst: &Person) -> Value {
    let shown = eventually("the figures of the whole log are there", LONG, || async {
        let answer = analyst.get(PATH).await;
        let all = answer.status == 200 && answer.json["progress"]["caughtUp"] == json!(true);
        if all { Ok(answer) } else { Err(answer.text) }
    })
    .await;
    assert_eq!(shown.header("cache-control"), Some("no-store"));
    shown.json
}

/// The rows of a fold's tables, by table.
async fn replayed(site: &Site, fold: &str) -> HashMap<String, Vec<Value>> {
    let told = site.tool(&["replay", fold, "--json"]).await;
    told.assert_success();
    let mut tables: HashMap<_, Vec<_>> = HashMap::new();
    for line in told.stdout.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let table = row["table"].as_str().unwrap().to_owned();
        tables.entry(table).or_default().push(row);
    }
    tables
}

async fn only_analysts_see_figures_from_the_grant_on(site: &Site) {
    let person = site.person().await;
    for path in [PATH, EVENTS] {
        let nobody = site.anyone().get(path).await;
        nobody.assert_error(401, "Not authorized");
        let refused = person.get(path).await;
        refused.assert_error(403, "Only for analysts");
        assert_envelope(&refused);
    }
    // With the session from before: the role isn't part of it.
    grant(site, &person).await;
    figures(&person).await;
    revoke(site, &person).await;
    person
        .get(PATH)
        .await
        .assert_error(403, "Only for analysts");
}

/// Money in JSON is a number here and an exact text there.
fn amount(value: &Value) -> String {
    format!("{:.2}", value.as_f64().unwrap())
}

async fn live_figures_equal_a_replay_and_continue(site: &Site) {
    let analyst = analyst(site).await;
    for _ in 0..2 {
        let before = figures(&analyst).await;
        let sold_before = before["ticketFunnel"]["sold"].as_u64().unwrap();
        let seller = trade(site).await;
        let shown = eventually("what happened is counted", LONG, || async {
            let shown = figures(&analyst).await;
            let holds = &shown["holds"];
            let ended = shown["ticketFunnel"]["sold"] == json!(sold_before + 1)
                && holds["cancelled"]["count"] != before["holds"]["cancelled"]["count"];
            if ended { Ok(shown) } else { Err(shown) }
        })
        .await;

        let funnel = replayed(site, "funnel").await;
        for row in &funnel["funnel_of_tickets"] {
            let stage = row["stage"].as_str().unwrap();
            assert_eq!(shown["ticketFunnel"][stage], row["tickets"], "{stage}");
        }
        for row in &funnel["funnel_of_orders"] {
            let stage = &shown["orderFunnel"][row["stage"].as_str().unwrap()];
            assert_eq!(stage["orders"], row["orders"], "{row}");
            assert_eq!(amount(&stage["value"]), row["value"], "{row}");
        }
        let sales = replayed(site, "sales").await;
        for (table, list, begin) in [
            ("sales_by_hour", "salesByHour", "hour"),
            ("sales_by_day", "salesByDay", "day"),
        ] {
            let told = shown[list].as_array().unwrap();
            assert_eq!(told.len(), sales[table].len());
            for (told, row) in told.iter().zip(&sales[table]) {
                assert_eq!(told["begin"], row[begin]);
                assert_eq!(
                    (&told["placed"], &told["sold"]),
                    (&row["placed"], &row["sold"])
                );
                assert_eq!(amount(&told["revenue"]), row["revenue"]);
            }
        }
        let prices = &replayed(site, "prices").await["prices"];
        for row in prices {
            let told = &shown["prices"][row["at"].as_str().unwrap()];
            assert_eq!(told["count"], row["count"]);
            for figure in ["lowest", "p25", "median", "p90", "highest", "mean"] {
                assert_eq!(amount(&told[figure]), row[figure], "{figure} of {row}");
            }
        }
        for row in &replayed(site, "time-to-sale").await["time_to_sale"] {
            let told = match row["what"].as_str().unwrap() {
                "listed_to_sold" => &shown["timeToSale"]["listedToSoldMs"],
                _ => &shown["timeToSale"]["placedToPaidMs"],
            };
            assert_eq!(told["median"], row["median_ms"]);
            assert_eq!(told["highest"], row["highest_ms"]);
        }
        let holds = replayed(site, "holds").await;
        for row in &holds["hold_outcomes"] {
            let told = &shown["holds"][row["outcome"].as_str().unwrap()];
            assert_eq!(told["count"], row["count"], "{row}");
            assert_eq!(told["lastedMs"]["mean"], row["mean_ms"], "{row}");
        }
        assert_eq!(shown["holds"]["open"], holds["open_holds"][0]["open"]);
        let sellers = &replayed(site, "sellers").await["revenue_by_seller"];
        assert_eq!(shown["sellers"]["count"], json!(sellers.len()));
        for (told, row) in shown["sellers"]["top"]
            .as_array()
            .unwrap()
            .iter()
            .zip(sellers)
        {
            assert_eq!(told["seller"], row["seller"]);
            assert_eq!(amount(&told["revenue"]), row["revenue"]);
        }
        assert!(
            sellers
                .iter()
                .any(|row| row["seller"] == json!(seller.user.id)
                    && row["revenue"] == json!("19.99")),
        );
        let live = replayed(site, "concurrency").await;
        assert_eq!(
            shown["liveHolds"]["most"]["holds"],
            live["most_holds_at_once"][0]["peak"]
        );
        let hours = shown["liveHolds"]["byHour"].as_array().unwrap();
        assert_eq!(hours.len(), live["holds_by_hour"].len());
        assert_eq!(
            hours.last().unwrap()["atEnd"],
            live["holds_by_hour"].last().unwrap()["at_end"]
        );
    }
}

async fn an_analytics_stream_reports_sales_until_the_role_is_revoked(site: &Site) {
    let analyst = analyst(site).await;
    let sold = figures(&analyst).await["ticketFunnel"]["sold"].as_u64();
    let sold = |more: u64| format!("\"sold\":{}}},\"orderFunnel\"", sold.unwrap() + more);
    let mut watchers = Vec::new();
    for _ in 0..2 {
        let mut watcher = Watcher::signed_in(&analyst, EVENTS).await;
        assert!(watcher.hears(&sold(0)).await, "{}", watcher.heard);
        let head = watcher.heard.to_lowercase();
        assert!(head.contains("content-type: text/event-stream"), "{head}");
        assert!(watcher.heard.contains("event: analytics\n"));
        watchers.push(watcher);
    }
    trade(site).await;
    for watcher in &mut watchers {
        assert!(watcher.hears(&sold(1)).await, "{}", watcher.heard);
    }
    revoke(site, &analyst).await;
    for watcher in &mut watchers {
        let ended = tokio::time::timeout(Duration::from_secs(20), watcher.hears(END));
        assert!(ended.await.expect("the stream ends with the role"));
    }
    analyst
        .get(EVENTS)
        .await
        .assert_error(403, "Only for analysts");
}

#[tokio::test]
async fn a_stream_ends_with_its_session() {
    let site = Site::start().await;
    let analyst = analyst(&site).await;
    figures(&analyst).await;
    let mut watcher = Watcher::signed_in(&analyst, EVENTS).await;
    assert!(watcher.hears("event: analytics").await, "{}", watcher.heard);
    let first = site.tool(&["keys", "ls"]).await.stdout;
    let first: Value = serde_json::from_str(first.trim()).unwrap();
    let first = first["id"].as_str().unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let next = folder.path().join("next.pem");
    let rotate = ["keys", "rotate", "--out", next.to_str().unwrap()];
    site.tool(&rotate).await.assert_success();
    site.tool(&["keys", "retire", &first])
        .await
        .assert_success();
    let ended = tokio::time::timeout(Duration::from_secs(30), watcher.hears(END));
    assert!(ended.await.expect("the stream ends with the session"));
    analyst
        .get(EVENTS)
        .await
        .assert_error(401, "Not authorized");
}

#[tokio::test]
async fn analytics_streams_are_limited_and_head_opens_none() {
    let site = Site::builder().env("LIVE_WATCHERS", "1").start().await;
    let analyst = analyst(&site).await;
    for _ in 0..3 {
        let head = analyst.call(Method::HEAD, EVENTS);
        let head = head.timeout(Duration::from_secs(5)).await;
        let head = head.expect_status(200);
        assert_eq!(head.header("content-type"), Some("text/event-stream"));
    }
    let mut watcher = Watcher::signed_in(&analyst, EVENTS).await;
    assert!(watcher.hears("event: analytics").await, "{}", watcher.heard);
    let refused = analyst.get(EVENTS).await;
    refused.assert_error(503, "Too many are watching, please try again later");
    assert_eq!(refused.header("retry-after"), Some("10"));
    drop(watcher);
    // The server notices at the next change, or at the next heartbeat.
    eventually("there is room again", LONG, || async {
        trade(&site).await;
        let mut watcher = Watcher::signed_in(&analyst, EVENTS).await;
        watcher.hears("\r\n\r\n").await && watcher.heard.starts_with("HTTP/1.1 200")
    })
    .await;
}

#[tokio::test]
async fn no_figures_are_shown_while_nats_is_down() {
    let site = Site::start().await;
    let analyst = analyst(&site).await;
    let before = figures(&analyst).await;
    site.nats.pause();
    eventually("it says that it can't answer", LONG, || async {
        let answer = analyst.get(PATH).await;
        let said = answer.status == 503 && answer.header("retry-after").is_some();
        said.then_some(()).ok_or(answer.text)
    })
    .await;
    site.nats.resume();
    let after = eventually("it answers again", LONG, || async {
        let answer = analyst.get(PATH).await;
        if answer.status == 200 {
            Ok(answer.json)
        } else {
            Err(answer.text)
        }
    })
    .await;
    assert_eq!(after, before);
}
