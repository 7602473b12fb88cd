//! One ticket: listed, shown, changed.

use serde_json::{Value, json};
use std::time::Duration;
use testkit::{LONG, eventually};
use uuid::Uuid;

use crate::support::{Site, as_answers, assert_has, is_uuid, on_both_deployments};

on_both_deployments!(
    a_ticket_is_listed_at_version_0_and_ignores_other_fields,
    an_invalid_ticket_is_refused_with_all_fields,
    prices_are_exact,
    a_ticket_is_public_and_cacheable,
    the_seller_changes_a_ticket_and_its_version_rises,
    changes_are_checked_in_the_documented_order,
    a_reserved_ticket_cannot_be_changed,
    a_ticket_names_its_order,
    a_change_can_require_a_version,
    a_free_ticket_can_be_withdrawn_permanently,
    withdrawals_are_checked_in_the_documented_order,
    concurrent_changes_each_count_once,
    every_client_sees_an_acknowledged_change_at_once,
);

const TITLE: (&str, Option<&str>) = ("Title is required", Some("title"));
const PRICE: (&str, Option<&str>) = ("Price must be greater than 0", Some("price"));

fn path(id: &str) -> String {
    format!("/api/tickets/{id}")
}

async fn a_ticket_is_listed_at_version_0_and_ignores_other_fields(site: &Site) {
    let seller = site.person().await;
    let wished = Uuid::nil();
    let body = json!({
        "title": "  Opening night ", "price": 20,
        "id": wished, "userId": wished, "version": 7, "orderId": wished, "status": "sold",
    });
    let answer = seller.post("/api/tickets", body).await.expect_status(201);
    assert!(is_uuid(&answer.json["id"]));
    assert_ne!(answer.id(), wished.to_string());
    let expected = json!({
        "id": answer.id(), "title": "Opening night", "price": 20,
        "userId": seller.user.id, "version": 0, "orderId": null,
    });
    assert_has(&answer.json, &expected);
    let shown = site
        .anyone()
        .get(&path(&answer.id()))
        .await
        .expect_status(200);
    assert_eq!(shown.json, answer.json);
}

async fn an_invalid_ticket_is_refused_with_all_fields(site: &Site) {
    let seller = site.person().await;
    let id = seller.sell("Opening night", 20).await;
    let long = "x".repeat(201);
    let cases = [
        (json!({}), vec![TITLE, PRICE]),
        (json!({"title": "a"}), vec![PRICE]),
        (json!({"price": 1}), vec![TITLE]),
        (json!({"title": "", "price": 1}), vec![TITLE]),
        (json!({"title": " \t ", "price": 1}), vec![TITLE]),
        (json!({"title": null, "price": null}), vec![TITLE, PRICE]),
        (json!({"title": "a", "price": 0}), vec![PRICE]),
        (json!({"title": "a", "price": "0.00"}), vec![PRICE]),
        (json!({"title": "a", "price": -10}), vec![PRICE]),
        (json!({"title": "a", "price": -0.01}), vec![PRICE]),
        (json!({"title": "", "price": -1}), vec![TITLE, PRICE]),
    ];
    for (body, errors) in &cases {
        let answer = seller.post("/api/tickets", body).await;
        answer.assert_errors(400, errors);
        let answer = seller.put(&path(&id), body).await;
        answer.assert_errors(400, errors);
        let answer = site.anyone().post("/api/tickets", body).await;
        answer.assert_error(401, "Not authorized");
    }
    // Here the contract leaves the message to the server, but not the field.
    for (field, value) in [
        ("title", json!(7)),
        ("title", json!(["a"])),
        ("title", json!(long)),
        ("price", json!("abc")),
        ("price", json!("")),
        ("price", json!(true)),
        ("price", json!([1])),
        ("price", json!({"cents": 1})),
        ("price", json!(19.999)),
        ("price", json!("19.999")),
        ("price", json!(0.001)),
        ("price", json!(0.49)),
        ("price", json!("0.10")),
        ("price", json!(1_000_000)),
        ("price", json!(1_000_000.01)),
        ("price", json!(1e300)),
        ("price", json!("1e3")),
        ("price", json!("NaN")),
        ("price", json!("Infinity")),
        ("price", json!("99999999999999999999999")),
    ] {
        let mut body = json!({"title": "a", "price": 1});
        body[field] = value;
        for answer in [
            seller.post("/api/tickets", &body).await,
            seller.put(&path(&id), &body).await,
        ] {
            answer.assert_status(400);
            let fields: Vec<_> = answer.errors().into_iter().map(|e| e.field).collect();
            assert_eq!(fields, [Some(field.to_owned())], "{body}: {}", answer.text);
        }
    }
    let longest = "ü".repeat(200);
    assert!(Uuid::parse_str(&seller.sell(&longest, 1).await).is_ok());
    let untouched = seller.get(&path(&id)).await;
    assert_has(
        &untouched.json,
        &json!({"title": "Opening night", "version": 0}),
    );
}

async fn prices_are_exact(site: &Site) {
    let seller = site.person().await;
    for (given, shown) in [
        ("20", "20"),
        ("20.0", "20"),
        ("20.00", "20"),
        ("19.99", "19.99"),
        ("19.9", "19.9"),
        ("0.50", "0.5"),
        ("0.58", "0.58"),
        ("1.10", "1.1"),
        ("4.35", "4.35"),
        ("999999.99", "999999.99"),
        ("\"19.99\"", "19.99"),
        ("\"20\"", "20"),
        ("\" 7.50 \"", "7.5"),
    ] {
        let body = format!("{{\"title\":\"exact\",\"price\":{given}}}");
        let call = seller.call(testkit::Method::POST, "/api/tickets");
        let answer = call.raw_json(body).await.expect_status(201);
        let expected = format!("\"price\":{shown}");
        for text in [&answer.text, &seller.get(&path(&answer.id())).await.text] {
            let text: String = text.split_whitespace().collect();
            let exact = [',', '}']
                .iter()
                .any(|end| text.contains(&format!("{expected}{end}")));
            assert!(exact, "{given} is shown in {text}");
        }
    }
}

async fn a_ticket_is_public_and_cacheable(site: &Site) {
    let seller = site.person().await;
    let id = seller.sell("Opening night", 20).await;
    let anyone = site.anyone();
    let shown = anyone.get(&path(&id)).await.expect_status(200);
    let etag = shown.header("etag").expect("an ETag").to_owned();
    let again = anyone.get(&path(&id)).header("If-None-Match", &etag).await;
    again.assert_status(304);
    assert_eq!(again.text, "");
    assert_eq!(again.header("etag"), Some(etag.as_str()));

    seller
        .put(&path(&id), json!({"title": "Second night", "price": 20}))
        .await
        .assert_status(200);
    let changed = anyone.get(&path(&id)).header("If-None-Match", &etag).await;
    changed.assert_status(200);
    assert_eq!(changed.json["title"], "Second night");
    assert_ne!(changed.header("etag"), Some(etag.as_str()));

    let unknown = anyone.get(&path(&Uuid::new_v4().to_string())).await;
    unknown.assert_error(404, "Not Found");
    for malformed in ["nonsense", "123", "%00", "..%2f..", &"x".repeat(500)] {
        let answer = anyone.get(&path(malformed)).await;
        assert!([400, 404].contains(&answer.status), "{}", answer.describe());
        assert!(!answer.errors().is_empty());
    }
}

async fn the_seller_changes_a_ticket_and_its_version_rises(site: &Site) {
    let seller = site.person().await;
    let id = seller.sell("Opening night", 20).await;
    for version in 1..=3 {
        let body = json!({
            "title": format!(" Night {version} "), "price": "19.99",
            "id": Uuid::nil(), "userId": Uuid::nil(), "version": 70, "orderId": Uuid::nil(),
        });
        let answer = seller.put(&path(&id), body).await.expect_status(200);
        let expected = json!({
            "id": id, "title": format!("Night {version}"), "price": 19.99,
            "userId": seller.user.id, "version": version, "orderId": null,
        });
        assert_has(&answer.json, &expected);
        assert_eq!(site.anyone().get(&path(&id)).await.json, answer.json);
    }
}

async fn changes_are_checked_in_the_documented_order(site: &Site) {
    let (seller, other) = (site.person().await, site.person().await);
    let id = seller.sell("Opening night", 20).await;
    other.order(&id).await;
    let unknown = Uuid::new_v4().to_string();
    let (good, bad) = (
        json!({"title": "a", "price": 1}),
        json!({"title": "", "price": 1}),
    );

    let answer = site.anyone().put(&path(&unknown), &bad).await;
    answer.assert_error(401, "Not authorized");
    seller
        .put(&path(&unknown), &bad)
        .await
        .assert_errors(400, &[TITLE]);
    other
        .put(&path(&id), &bad)
        .await
        .assert_errors(400, &[TITLE]);
    seller
        .put(&path(&unknown), &good)
        .await
        .assert_error(404, "Not Found");
    other
        .put(&path(&id), &good)
        .await
        .assert_error(401, "Not authorized");
    let reserved = seller.put(&path(&id), &good).await;
    reserved.assert_error(400, "Cannot edit a reserved ticket");
}

async fn a_reserved_ticket_cannot_be_changed(site: &Site) {
    let (seller, buyer) = (site.person().await, site.person().await);
    let id = seller.sell("Opening night", 20).await;
    let change = || seller.put(&path(&id), json!({"title": "New", "price": 30}));
    for _ in 0..3 {
        let order = buyer.order(&id).await;
        // At once, although the order belongs to another service.
        change()
            .await
            .assert_error(400, "Cannot edit a reserved ticket");
        buyer.try_cancel(&order).await.assert_status(204);
        change().await.assert_status(200);
    }
    let order = buyer.order(&id).await;
    buyer.try_pay(&order).await.assert_status(201);
    change()
        .await
        .assert_error(400, "Cannot edit a reserved ticket");
}

async fn a_ticket_names_its_order(site: &Site) {
    let (seller, buyer) = (site.person().await, site.person().await);
    let id = seller.sell("Opening night", 20).await;
    let shows = |order: Value, status: &'static str| {
        let (site, id) = (site, id.clone());
        eventually(
            "the ticket follows its orders",
            Duration::from_secs(5),
            move || {
                let (order, path, anyone) = (order.clone(), path(&id), site.anyone());
                async move {
                    let ticket = anyone.get(&path).await.json;
                    let follows = ticket["orderId"] == order && ticket["status"] == status;
                    if follows { Ok(()) } else { Err(ticket) }
                }
            },
        )
    };
    shows(Value::Null, "open").await;
    let first = buyer.order(&id).await;
    shows(json!(first), "reserved").await;
    buyer.try_cancel(&first).await.assert_status(204);
    shows(Value::Null, "open").await;
    let second = buyer.order(&id).await;
    buyer.try_pay(&second).await.assert_status(201);
    shows(json!(second), "sold").await;
}

async fn concurrent_changes_each_count_once(site: &Site) {
    let seller = site.person().await;
    let id = seller.sell("Opening night", 20).await;
    let tasks = (1..=16).map(|price| {
        let (seller, path) = (seller.clone(), path(&id));
        tokio::spawn(async move {
            seller
                .put(&path, json!({"title": "a", "price": price}))
                .await
        })
    });
    let answers = as_answers(tasks.collect()).await;
    let mut versions: Vec<u64> = Vec::new();
    for answer in &answers {
        match answer.status {
            200 => versions.push(answer.json["version"].as_u64().unwrap()),
            409 => assert!(!answer.errors().is_empty()),
            _ => panic!("{}", answer.describe()),
        }
    }
    versions.sort_unstable();
    let expected: Vec<u64> = (1..=versions.len() as u64).collect();
    assert_eq!(versions, expected, "each change has a version of its own");
    let shown = seller.get(&path(&id)).await.json;
    assert_eq!(shown["version"], versions.len() as u64);
}

async fn every_client_sees_an_acknowledged_change_at_once(site: &Site) {
    let seller = site.person().await;
    let word = format!("w{}", Uuid::new_v4().simple());
    let tasks = (0..16).map(|n| {
        let (seller, anyone, word) = (seller.clone(), site.anyone(), word.clone());
        tokio::spawn(async move {
            let id = seller.sell(&format!("{word} {n}"), 1).await;
            for version in 1..=6_u64 {
                let title = format!("{word} {n}.{version}");
                let body = json!({"title": title, "price": version});
                seller.put(&path(&id), body).await.assert_status(200);
                let shown = anyone.get(&path(&id)).await.expect_status(200);
                assert_has(&shown.json, &json!({"title": title, "version": version}));
                let list = anyone
                    .get(&format!("/api/tickets?limit=200&q={word}"))
                    .await;
                let tickets = list.expect_status(200).json;
                let listed = tickets
                    .as_array()
                    .unwrap()
                    .iter()
                    .find(|t| t["id"] == id.as_str());
                let listed = listed.unwrap_or_else(|| panic!("{title} is missing in {tickets}"));
                assert_has(listed, &json!({"title": title, "version": version}));
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }

    // A request that doesn't wait still succeeds, and its effect is visible soon.
    let body = json!({"title": word, "price": 3});
    let answer = seller.post("/api/tickets", body).respond_async().await;
    answer.assert_status(201);
    eventually("the ticket shows", LONG, || async {
        seller.get(&path(&answer.id())).await.json == answer.json
    })
    .await;
}

async fn a_change_can_require_a_version(site: &Site) {
    let seller = site.person().await;
    let id = seller.sell("Opening night", 20).await;
    let change = |title: &str, price: u32, named: String| {
        let body = json!({"title": title, "price": price});
        seller.put(&path(&id), body).header("If-Match", &named)
    };
    let shown = site.anyone().get(&path(&id)).await.expect_status(200);
    let tag = shown.header("etag").unwrap().to_owned();
    change("Second night", 20, tag.clone())
        .await
        .assert_status(200);
    // The version of an older tag is unknown by now.
    let refused = change("Third night", 20, tag).await;
    refused.assert_error(412, "The ticket has changed");
    let refused = change("Third night", 20, "\"0\"".to_owned()).await;
    refused.assert_errors(412, &[("The title is now \"Second night\"", Some("title"))]);
    let answer = change("Third night", 25, "\"1\"".to_owned()).await;
    assert_eq!(answer.expect_status(200).json["version"], 2);
    change("Third night", 25, "\"1\"".to_owned())
        .await
        .assert_status(200); // said already, so it is so
    change("Fourth night", 25, "*".to_owned())
        .await
        .assert_status(200);
    change("Fifth night", 25, "3".to_owned())
        .await
        .assert_error(400, "If-Match must be an ETag, a version in quotes, or *");
}

async fn a_free_ticket_can_be_withdrawn_permanently(site: &Site) {
    let (seller, buyer) = (site.person().await, site.person().await);
    let id = seller.sell("Opening night", 20).await;
    for _ in 0..2 {
        seller.delete(&path(&id)).await.assert_status(204);
    }
    let shown = buyer.get(&path(&id)).await.expect_status(200);
    assert_eq!(shown.json["status"], "withdrawn");
    let order = buyer.post("/api/orders", json!({"ticketId": id})).await;
    order.assert_error(400, "Ticket was withdrawn");
    let body = json!({"title": "Second night", "price": 20});
    let change = seller.put(&path(&id), body).await;
    change.assert_error(400, "Ticket was withdrawn");
    let mine = seller.get("/api/tickets/mine").await.expect_status(200);
    assert_eq!(mine.json["tickets"][0]["status"], "withdrawn");
}

async fn withdrawals_are_checked_in_the_documented_order(site: &Site) {
    let (seller, buyer) = (site.person().await, site.person().await);
    let id = seller.sell("Opening night", 20).await;
    site.anyone()
        .delete(&path(&id))
        .await
        .assert_error(401, "Not authorized");
    let none = path(&Uuid::new_v4().to_string());
    seller.delete(&none).await.assert_error(404, "Not Found");
    buyer
        .delete(&path(&id))
        .await
        .assert_error(401, "Not authorized");
    let order = buyer.order(&id).await;
    let refused = seller.delete(&path(&id)).await;
    refused.assert_error(400, "Cannot withdraw a reserved ticket");
    buyer
        .delete(&format!("/api/orders/{order}"))
        .await
        .assert_status(204);
    seller.delete(&path(&id)).await.assert_status(204);
}
