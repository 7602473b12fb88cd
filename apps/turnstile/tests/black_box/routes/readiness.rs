//! The public description of missing dependencies.

use testkit::{LONG, Mongo, eventually};

use crate::support::Site;

#[tokio::test]
async fn readiness_names_missing_servers_without_details() {
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
    // Operators find the cause in the log.
    assert!(site.app().log_text().contains("a dependency is down"));
}

#[tokio::test]
async fn an_outage_does_not_log_a_line_per_request() {
    let site = Site::builder().mongo(&Mongo::own().await).start().await;
    let anyone = site.anyone();
    site.mongo.kill9().await;
    eventually("it is missed", LONG, || async {
        anyone.get("/readyz").await.status == 503
    })
    .await;
    for _ in 0..500 {
        anyone.get("/api/tickets").await.assert_status(503);
    }
    let text = site.app().log_text();
    let warnings: Vec<_> = text.lines().filter(|it| it.contains("WARN")).collect();
    // The missing dependency, one line per read model that stands still, the probe, and those of
    // the requests before the outage was noticed.
    assert!((1..40).contains(&warnings.len()), "{warnings:#?}");
    let silent = text
        .lines()
        .find(|it| it.contains(r#"error="""#) || it.contains(r#""error":"""#));
    assert_eq!(silent, None);
}
