//! Tickets for sale: searched, sorted, in pages.

use serde_json::{Value, json};
use std::collections::BTreeSet;
use testkit::{Client, Response};
use uuid::Uuid;

use crate::support::{Person, Site, on_both_deployments};

on_both_deployments!(
    the_list_shows_tickets_for_sale_newest_first,
    the_list_is_searched_and_narrowed_by_price,
    the_list_is_sorted_by_price,
    pages_have_no_gaps_and_no_repetitions,
    an_unchanged_list_is_not_sent_again,
    invalid_queries_are_refused,
);

/// A word that only this test's tickets have.
fn word() -> String {
    format!("w{}", Uuid::new_v4().simple())
}

async fn list(client: &Client, query: &str) -> Response {
    let answer = client.get(&format!("/api/tickets?{query}")).await;
    answer.expect_status(200)
}

fn column(answer: &Response, field: &str) -> Vec<Value> {
    let tickets = answer.json.as_array();
    let tickets = tickets.unwrap_or_else(|| panic!("no array\n{}", answer.describe()));
    tickets.iter().map(|ticket| ticket[field].clone()).collect()
}

/// The path of the next page, if there is one.
fn next(answer: &Response) -> Option<String> {
    let link = answer.header("link")?;
    let (target, parameters) = link.strip_prefix('<')?.split_once('>')?;
    assert!(parameters.contains("rel=\"next\""), "{link}");
    let path = target.find("/api/").map(|start| &target[start..]);
    Some(path.unwrap_or_else(|| panic!("{link}")).to_owned())
}

/// All tickets of a query, following the links.
async fn all_pages(client: &Client, query: &str, at_most: usize) -> Vec<Value> {
    let mut ids = Vec::new();
    let mut page = list(client, query).await;
    loop {
        let found = column(&page, "id");
        assert!(found.len() <= at_most, "{} on a page", found.len());
        ids.extend(found);
        match next(&page) {
            Some(path) => page = client.get(&path).await.expect_status(200),
            None => return ids,
        }
    }
}

async fn sell_many(seller: &Person, word: &str, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for batch in (0..count).collect::<Vec<_>>().chunks(16) {
        let tasks: Vec<_> = batch
            .iter()
            .map(|n| {
                let (seller, title, price) = (seller.clone(), format!("{word} {n}"), n % 7 + 1);
                tokio::spawn(async move { seller.sell(&title, price).await })
            })
            .collect();
        for task in tasks {
            ids.push(task.await.unwrap());
        }
    }
    ids
}

async fn the_list_shows_tickets_for_sale_newest_first(site: &Site) {
    let (seller, buyer, anyone) = (site.person().await, site.person().await, site.anyone());
    let word = word();
    let query = format!("q={word}");
    assert_eq!(list(&anyone, &query).await.json, json!([]));
    let mut ids = Vec::new();
    for n in 0..4 {
        ids.push(seller.sell(&format!("{word} {n}"), 10).await);
    }
    let expected = |wanted: &[usize]| wanted.iter().map(|n| json!(ids[*n])).collect::<Vec<_>>();
    assert_eq!(
        column(&list(&anyone, &query).await, "id"),
        expected(&[3, 2, 1, 0])
    );
    // Without parameters, the newest come first, too.
    let newest = anyone.get("/api/tickets").await.expect_status(200);
    assert_eq!(column(&newest, "id")[..4], expected(&[3, 2, 1, 0]));

    let shows = |wanted: Vec<Value>| {
        let (anyone, query) = (anyone.clone(), query.clone());
        testkit::eventually("the list follows the orders", testkit::LONG, move || {
            let (anyone, query, wanted) = (anyone.clone(), query.clone(), wanted.clone());
            async move {
                let found = column(&list(&anyone, &query).await, "id");
                if found == wanted { Ok(()) } else { Err(found) }
            }
        })
    };
    let order = buyer.order(&ids[1]).await;
    let paid = buyer.order(&ids[2]).await;
    shows(expected(&[3, 0])).await;
    buyer.try_pay(&paid).await.assert_status(201);
    buyer.try_cancel(&order).await.assert_status(204);
    shows(expected(&[3, 1, 0])).await;
    // A change keeps the position.
    let path = format!("/api/tickets/{}", ids[0]);
    let body = json!({"title": format!("{word} again"), "price": 5});
    seller.put(&path, body).await.assert_status(200);
    shows(expected(&[3, 1, 0])).await;
}

async fn the_list_is_searched_and_narrowed_by_price(site: &Site) {
    let (seller, anyone) = (site.person().await, site.anyone());
    let word = word();
    for (title, price) in [
        ("Hamlet", json!(10)),
        ("Macbeth", json!(20.5)),
        ("HAMLET again", json!(30)),
        ("50% (off) [x] .* \\d $1 ^", json!(40)),
    ] {
        seller.sell(&format!("{word} {title}"), price).await;
    }
    let prices = |query: String| {
        let anyone = anyone.clone();
        async move {
            let mut found = column(&list(&anyone, &query).await, "price");
            found.sort_by(|a, b| a.as_f64().unwrap().total_cmp(&b.as_f64().unwrap()));
            found
        }
    };
    let all = vec![json!(10), json!(20.5), json!(30), json!(40)];
    assert_eq!(prices(format!("q={word}")).await, all);
    assert_eq!(prices(format!("q={}", word.to_uppercase())).await, all);
    assert_eq!(
        prices(format!("q={word}%20hamlet")).await,
        [json!(10), json!(30)]
    );
    assert_eq!(prices(format!("q={word}&min_price=20.5")).await, all[1..]);
    assert_eq!(prices(format!("q={word}&max_price=20.5")).await, all[..2]);
    assert_eq!(
        prices(format!("q={word}&min_price=10.01&max_price=39.99")).await,
        all[1..3]
    );
    // A search is for text, never for a pattern.
    for pattern in ["%2E%2A", "%28", "%5B", "%5C", "%24where", "%2A", "%5E"] {
        let answer = list(&anyone, &format!("q=z{pattern}{word}")).await;
        assert_eq!(answer.json, json!([]), "{pattern}");
    }
}

async fn the_list_is_sorted_by_price(site: &Site) {
    let (seller, anyone) = (site.person().await, site.anyone());
    let word = word();
    for price in [json!(9), json!(10), json!(0.5), json!(100), json!(10)] {
        seller.sell(&word, price).await;
    }
    let up = list(&anyone, &format!("q={word}&sort=price")).await;
    let sorted = [json!(0.5), json!(9), json!(10), json!(10), json!(100)];
    assert_eq!(column(&up, "price"), sorted);
    let down = list(&anyone, &format!("q={word}&sort=-price")).await;
    let reversed: Vec<_> = sorted.iter().rev().cloned().collect();
    assert_eq!(column(&down, "price"), reversed);
    let newest = list(&anyone, &format!("q={word}&sort=newest")).await;
    assert_eq!(newest.json, list(&anyone, &format!("q={word}")).await.json);
}

async fn pages_have_no_gaps_and_no_repetitions(site: &Site) {
    let (seller, anyone) = (site.person().await, site.anyone());
    let word = word();
    let sold: BTreeSet<String> = sell_many(&seller, &word, 120).await.into_iter().collect();
    let first = list(&anyone, &format!("q={word}")).await;
    assert_eq!(column(&first, "id").len(), 100, "the default of a page");
    assert!(next(&first).is_some());
    for (query, at_most) in [
        ("", 100),
        ("&limit=200", 200),
        ("&limit=7", 7),
        ("&limit=50&sort=price", 50),
        ("&limit=50&sort=-price", 50),
        ("&limit=3&sort=price&min_price=2&max_price=6", 3),
    ] {
        let found = all_pages(&anyone, &format!("q={word}{query}"), at_most).await;
        let ids: BTreeSet<String> = found
            .iter()
            .map(|id| id.as_str().unwrap().to_owned())
            .collect();
        assert_eq!(ids.len(), found.len(), "{query}: none comes twice");
        if query.contains("min_price") {
            assert!(ids.len() < sold.len() && ids.is_subset(&sold), "{query}");
        } else {
            assert_eq!(ids, sold, "{query}: none is missing");
        }
    }

    // Tickets that come and go between two pages neither hide nor repeat others.
    let page = list(&anyone, &format!("q={word}&limit=50")).await;
    let seen: Vec<_> = column(&page, "id");
    seller.sell(&word, 1).await;
    let buyer = site.person().await;
    buyer.order(seen[10].as_str().unwrap()).await;
    let second = anyone.get(&next(&page).unwrap()).await.expect_status(200);
    let following = column(&second, "id");
    assert_eq!(following.len(), 50);
    assert!(following.iter().all(|id| !seen.contains(id)));
}

async fn an_unchanged_list_is_not_sent_again(site: &Site) {
    let (seller, anyone) = (site.person().await, site.anyone());
    let word = word();
    seller.sell(&word, 1).await;
    let path = format!("/api/tickets?q={word}");
    let first = anyone.get(&path).await.expect_status(200);
    let etag = first.header("etag").expect("an ETag").to_owned();
    let again = anyone.get(&path).header("If-None-Match", &etag).await;
    again.assert_status(304);
    assert_eq!(again.text, "");
    seller.sell(&word, 2).await;
    let changed = anyone.get(&path).header("If-None-Match", &etag).await;
    assert_eq!(column(&changed.expect_status(200), "price").len(), 2);
}

async fn invalid_queries_are_refused(site: &Site) {
    let anyone = site.anyone();
    for (query, field) in [
        ("sort=cheapest", "sort"),
        ("limit=abc", "limit"),
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("min_price=abc", "min_price"),
        ("max_price=1.999", "max_price"),
        ("cursor=nonsense", "cursor"),
        ("cursor=%00", "cursor"),
        ("cursor=eyJ4IjoxfQ", "cursor"),
    ] {
        let answer = anyone.get(&format!("/api/tickets?{query}")).await;
        answer.assert_status(400);
        let fields: Vec<_> = answer.errors().into_iter().map(|e| e.field).collect();
        assert_eq!(fields, [Some(field.to_owned())], "{query}: {}", answer.text);
    }
    // Too large a limit is reduced, or refused; never a server error.
    let answer = anyone.get("/api/tickets?limit=100000").await;
    assert!([200, 400].contains(&answer.status), "{}", answer.describe());
    for query in ["q=%FF", "q=%00", "q=", "min_price=", "unknown=1"] {
        let answer = anyone.get(&format!("/api/tickets?{query}")).await;
        assert!([200, 400].contains(&answer.status), "{}", answer.describe());
    }
}
