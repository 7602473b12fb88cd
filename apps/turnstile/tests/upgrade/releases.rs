//! This release and the next one, in parallel on one log.

use serde_json::json;
use std::time::Duration;
use testkit::{Client, LONG, TestApp, eventually};

use crate::{
    next_release,
    support::{Person, Site},
};

/// The next release has to wait until its session key is known, and fills a read model.
const ROLLOUT: Duration = Duration::from_mins(1);

/// The same user, at another process.
fn at(person: &Person, app: &TestApp) -> Person {
    let client: Client = app.client();
    client.set_session(person.client.session().as_deref());
    Person {
        client,
        user: person.user.clone(),
    }
}

async fn revise(seller: &Person, ticket: &str, title: &str, price: u32) {
    let body = json!({ "title": title, "price": price });
    let answer = seller.put(&format!("/api/tickets/{ticket}"), body).await;
    answer.assert_status(200);
}

async fn title_of(person: &Person, ticket: &str) -> String {
    let answer = person.get(&format!("/api/tickets/{ticket}")).await;
    answer.expect_status(200).json["title"].to_string()
}

async fn sees(person: &Person, ticket: &str, title: &str) {
    let path = format!("/api/tickets/{ticket}");
    eventually("a ticket of the other release is shown", LONG, || async {
        let shown = person.get(&path).await;
        (shown.status == 200 && shown.json["title"] == title)
            .then_some(())
            .ok_or(shown.text)
    })
    .await;
}

#[tokio::test]
async fn two_releases_serve_together_and_new_events_go_to_the_new_one() {
    let program = tokio::task::spawn_blocking(next_release::program)
        .await
        .unwrap();
    let old = Site::start().await;
    let (seller, buyer) = (old.person().await, old.person().await);
    let ticket = seller.sell("Opening night", 20).await;
    revise(&seller, &ticket, "Opening night, row 1", 25).await;

    // The new release reads the old one's events, with its own version of the read model. In the
    // meantime the old one serves, reads and writes.
    let new = next_release::start_beside(&old, &program).await;
    let waiting = async {
        new.wait_ready().await;
    };
    let serving = async {
        loop {
            assert_eq!(
                title_of(&seller, &ticket).await,
                r#""Opening night, row 1""#
            );
            seller.sell("Meanwhile", 10).await;
        }
    };
    tokio::select! {
        () = waiting => {}
        () = serving => unreachable!("it goes on for ever"),
        () = tokio::time::sleep(ROLLOUT) => panic!("the new release isn't ready"),
    }
    let (seller_at_new, buyer_at_new) = (at(&seller, &new), at(&buyer, &new));
    assert_eq!(
        title_of(&seller_at_new, &ticket).await,
        r#""Opening night, row 1""#
    );

    // Each sees the other's changes, as long as no event has a new schema; a moment later, where
    // they read different versions of a read model.
    let listed_at_new = seller_at_new.sell("Listed at the new one", 30).await;
    sees(&seller, &listed_at_new, "Listed at the new one").await;
    let listed_at_old = seller.sell("Listed at the old one", 30).await;
    sees(&seller_at_new, &listed_at_old, "Listed at the old one").await;
    let order = buyer_at_new.order(&listed_at_old).await;
    buyer.wait_for_order(&order, "created", LONG).await;
    old.app().wait_ready().await;

    // From here on the log contains an event that the old one can't read.
    revise(&seller_at_new, &ticket, "Opening night, row 2", 40).await;
    eventually("the old one asks to be left out", LONG, || async {
        let ready = old.anyone().get("/readyz").await;
        (ready.status == 503 && ready.text.contains("halted"))
            .then_some(())
            .ok_or(ready.text)
    })
    .await;
    let why = "TicketRevised in schema 2.0 is of another release";
    assert!(old.app().log_text().contains(why), "the log says why");
    // It decides nothing on an aggregate that it can't read, and reports no fault.
    let refused = buyer.try_order(&ticket).await;
    refused.assert_status(503);
    // Nor does it set aside what the new one can handle.
    let order = buyer_at_new.order(&ticket).await;
    old.app().terminate().await;
    let path = format!("/api/tickets/{ticket}");
    eventually("the ticket is reserved", LONG, || async {
        let shown = seller_at_new.get(&path).await.json;
        (shown["status"] == "reserved").then_some(()).ok_or(shown)
    })
    .await;
    buyer_at_new.try_pay(&order).await.assert_status(201);
    buyer_at_new.wait_for_order(&order, "complete", LONG).await;
    let letters = next_release::tool(&old, &program, &["dead-letters", "ls"]).await;
    assert_eq!(String::from_utf8_lossy(&letters.stdout).trim(), "");

    // Going back is impossible, and it reports that instead of serving incomplete data.
    let back = next_release::start_old_beside(&old).await;
    eventually(
        "the old one starts and says why it can't serve",
        LONG,
        || async {
            let ready = back.client().get("/readyz").try_send().await;
            let ready = ready.map_err(|error| error.to_string())?;
            (ready.text.contains("halted"))
                .then_some(())
                .ok_or(ready.text)
        },
    )
    .await;
    assert!(back.log_text().contains(why));
    back.terminate().await;

    let verified = next_release::tool(&old, &program, &["verify"]).await;
    assert!(verified.status.success(), "{verified:?}");
}
