//! What anybody can read of what is missing.

use testkit::{LONG, Mongo, eventually};

use crate::support::Site;

#[tokio::test]
async fn what_is_missing_is_named_without_addresses_or_the_words_of_drivers() {
    let site = Site::builder().mongo(&Mongo::own().await).start().await;
    site.nats.kill9().await;
    site.mongo.kill9().await;
    let anyone = site.anyone();
    let said = eventually("both are missed", LONG, || async {
        let ready = anyone.get("/readyz").await;
        let both = ["NATS", "MongoDB"]
            .iter()
            .all(|name| ready.text.contains(name));
        if ready.status == 503 && both {
            Ok(ready)
        } else {
            Err(ready.describe())
        }
    })
    .await;
    for missing in said.json["missing"].as_array().unwrap() {
        let reason = missing["reason"].as_str().unwrap();
        let known = ["not connected", "does not answer", "is catching up"];
        assert!(known.contains(&reason), "{said:?}");
    }
    for inside in ["127.0.0.1", "localhost", "://", "Kind:", "Error"] {
        assert!(!said.text.contains(inside), "{inside} in {}", said.text);
    }
    // Whoever runs it finds in the log what stands behind it.
    assert!(site.app().log_text().contains("a dependency is down"));
}
