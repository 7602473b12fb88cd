//! History can be written only while no service runs.

use testkit::{LONG, eventually};

use crate::support::Site;

const SEASON: [&str; 5] = ["simulate", "--tickets", "5", "--days", "2"];

#[tokio::test]
async fn an_import_is_refused_while_services_run() {
    let site = Site::start().await;
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("nothing.ndjson");
    std::fs::write(&empty, "").unwrap();
    let import = ["import", empty.to_str().unwrap()];
    for refused in [&SEASON[..], &import[..]] {
        let told = site.tool(refused).await;
        assert_eq!(told.code, 2, "{}\n{}", told.stdout, told.stderr);
        let why = "services are running against this log (";
        assert!(told.stderr.contains(why), "{}", told.stderr);
        assert!(
            told.stderr.contains("orders-on-payments"),
            "{}",
            told.stderr
        );
        assert!(told.stderr.contains("Stop them first"), "{}", told.stderr);
    }
    assert_eq!(site.tool(&["events", "ls"]).await.stdout, "");

    site.app().terminate().await;
    eventually("the season is written", LONG, || async {
        let told = site.tool(&SEASON).await;
        (told.code == 0).then_some(()).ok_or(told.stderr)
    })
    .await;
    site.app().restart().await;
    site.assert_read_models_agree().await;
}
