//! The API's description in a fuzzer: schemathesis, from PyPI, generates valid and invalid requests
//! from it, and compares the responses with it.

use std::process::Command;

use crate::support::Site;

const VERSION: &str = "4.32.5";
const SETTINGS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/black_box/routes/fuzzing/schemathesis.toml"
);
const HOOKS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/black_box/routes/fuzzing/hooks.py"
);

#[tokio::test(flavor = "multi_thread")]
async fn routes_accept_exactly_what_the_description_allows() {
    let site = Site::builder()
        // It signs in never and up often, from one address.
        .env("SIGNIN_FAILURES_PER_ADDRESS", "100000")
        .env("SIGNIN_FAILURES_PER_ACCOUNT", "100000")
        .start()
        .await;
    let person = site.person().await;
    let grant = ["users", "grant", &person.user.email, "analyst"];
    site.tool(&grant).await.assert_success();
    let session = person.session().unwrap();
    let base = site.app().base_url().to_owned();
    let output = tokio::task::spawn_blocking(move || {
        let package = devservers::tools::python_program("schemathesis", VERSION).unwrap();
        Command::new("python3")
            .args(["-m", "schemathesis.cli", "--config-file", SETTINGS])
            .args(["run", &format!("{base}/api/openapi.json")])
            .args(["--header", &format!("Cookie: session={session}")])
            .env("PYTHONPATH", package)
            .env("SCHEMATHESIS_HOOKS", HOOKS)
            // The failures that it stores are not for the next run.
            .current_dir(std::env::temp_dir())
            .output()
            .unwrap()
    })
    .await
    .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complaints}");
}
