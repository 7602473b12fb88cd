//! The next release: the same program with another schema of one event, an upcaster for those of
//! this release, and another version of a read model.
//!
//! So the *old* program in the test is the one that is shipped, and no copy of an earlier one is
//! needed; `docs/upgrading.md` states why that is as good.

use devservers::cargo::in_workspace;
use std::{
    path::{Path, PathBuf},
    process::Output,
};
use testkit::{AppBuilder, TestApp};

use crate::support::Site;

const TURNSTILE: &str = env!("CARGO_BIN_EXE_turnstile");

/// The program, built now unless it was before.
pub fn program() -> PathBuf {
    // For the whole workspace, and with an example, so that everything the releases share is
    // already built, with the features that the tests' dependencies enable.
    let build = in_workspace(env!("CARGO"))
        .args(["build", "--workspace", "--bin", "turnstile-next"])
        .args(["--example", "bank_account"])
        .args(["--features", "turnstile/next-release"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&build.stderr);
    assert!(build.status.success(), "{said}");
    Path::new(TURNSTILE).with_file_name("turnstile-next")
}

fn beside(site: &Site, builder: AppBuilder) -> AppBuilder {
    builder
        .arg("serve")
        .nats(site.nats.url())
        .mongo(&site.mongo)
}

/// Starts it on the servers of a site, like a rollout, and returns without waiting.
pub async fn start_beside(site: &Site, program: &Path) -> TestApp {
    beside(site, TestApp::builder(program))
        .start_unready()
        .await
}

/// Starts one more process of this release there.
pub async fn start_old_beside(site: &Site) -> TestApp {
    beside(site, TestApp::builder(TURNSTILE))
        .start_unready()
        .await
}

/// Runs the new release's command line against the servers of a site.
pub async fn tool(site: &Site, program: &Path, args: &[&str]) -> Output {
    tokio::process::Command::new(program)
        .args(args)
        .env("NATS_URL", site.nats.url())
        .env("MONGODB_URI", site.mongo.uri())
        .env("MONGODB_DATABASE", site.mongo.name())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap()
}
