//! The examples do what they say.

use std::process::{Command, Output};
use testkit::Nats;

/// Runs an example, which cargo builds beside the tests.
fn run(name: &str, nats: &Nats) -> Output {
    let tests = std::env::current_exe().unwrap();
    let target = tests.parent().and_then(std::path::Path::parent).unwrap();
    let example = target.join("examples").join(name);
    let output = Command::new(&example).env("NATS_URL", nats.url()).output();
    output.unwrap_or_else(|error| panic!("{}: {error}", example.display()))
}

async fn prints(name: &str, expected: &[&str]) {
    let nats = Nats::start().await;
    // What it left behind the first time doesn't disturb it the second time.
    for _ in 0..2 {
        let output = run(name, &nats);
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{output:?}");
        for line in expected {
            assert!(printed.contains(line), "{line:?} is missing in {printed}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bank_account_is_never_overdrawn() {
    prints("bank_account", &["refused: only", "replayed: balance"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worker_writes_a_receipt_and_sets_aside_what_it_cannot_handle() {
    let set_aside = "set aside after 2 tries: 1000000 cents: where from?";
    prints(
        "worker",
        &["receipt: 500 cents\nreceipt: -200 cents", set_aside],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schedule_is_carried_out_when_it_is_due() {
    let balances = [
        "balance 1000, rent is due in 2 seconds",
        "paid: balance 600",
    ];
    prints("schedule", &balances).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_is_kept() {
    prints("contract", &["kept    a command takes effect at most once"]).await;
}
