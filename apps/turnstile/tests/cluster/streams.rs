//! `turnstile streams`: listed, planned, changed; and refused, where data could be lost.

use async_nats::jetstream::{self, stream::Config};
use tempfile::TempDir;
use testkit::{LONG, Mongo, Nats, TestApp, eventually};

use crate::support::{NatsCluster, TURNSTILE, tool};

fn envs(url: &str) -> Vec<(String, String)> {
    vec![("NATS_URL".to_owned(), url.to_owned())]
}

#[tokio::test]
async fn streams_are_created_and_changed_after_showing_a_plan() {
    let nats = Nats::start().await;
    let envs = envs(nats.url());
    let check = tool(&["streams", "check", "--table"], &envs).await;
    assert_eq!(check.code, 1, "{}", check.stderr);
    assert!(
        check.stdout.contains("ORDERS: create it"),
        "{}",
        check.stdout
    );
    // There is no terminal to confirm.
    let asked = tool(&["streams", "migrate"], &envs).await;
    assert_eq!(asked.code, 2);
    assert!(asked.stderr.contains("--yes"), "{}", asked.stderr);
    assert_eq!(tool(&["streams", "check"], &envs).await.code, 1);

    tool(&["streams", "migrate", "--yes"], &envs)
        .await
        .assert_success();
    tool(&["streams", "check"], &envs).await.assert_success();

    let context = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    let mut requests = context.get_stream("REQUESTS").await.unwrap();
    let config = requests.info().await.unwrap().config.clone();
    let limited = Config {
        max_messages: 10,
        ..config
    };
    context.update_stream(limited).await.unwrap();
    let check = tool(&["streams", "check", "--table"], &envs).await;
    assert_eq!(check.code, 1);
    let expected = "REQUESTS: change max_msgs from 10 to no limit";
    assert!(check.stdout.contains(expected), "{}", check.stdout);
    tool(&["streams", "migrate", "--yes"], &envs)
        .await
        .assert_success();
    tool(&["streams", "check"], &envs).await.assert_success();
}

#[tokio::test]
async fn a_plan_that_could_lose_messages_is_refused_entirely() {
    let nats = Nats::start().await;
    let envs = envs(nats.url());
    let context = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    let odd = Config {
        name: "ORDERS".to_owned(),
        subjects: vec!["ORDERS.*".to_owned(), "OLD.ORDERS.*".to_owned()],
        ..Config::default()
    };
    context.create_stream(odd).await.unwrap();
    let migrated = tool(&["streams", "migrate", "--yes"], &envs).await;
    assert_eq!(migrated.code, 2, "{}", migrated.stdout);
    assert!(
        migrated
            .stdout
            .contains("ORDERS: REFUSED: it also takes OLD.ORDERS.*"),
        "{}",
        migrated.stdout
    );
    assert!(migrated.stderr.contains("nothing was changed"));
    assert!(context.get_stream("USERS").await.is_err());
}

/// Waits until a process reports that this is missing.
async fn lacks(app: &TestApp, name: &str, reason: &str) {
    let client = app.client();
    let expected = format!(r#"{{"name":"{name}","reason":"{reason}"}}"#);
    eventually(&expected, LONG, || async {
        let answer = client.get("/readyz").try_send().await;
        let text = answer.map(|answer| answer.text).unwrap_or_default();
        text.contains(&expected).then_some(()).ok_or(text)
    })
    .await;
}

#[tokio::test]
async fn a_service_never_recreates_a_lost_stream() {
    let (nats, mongo) = (Nats::start().await, Mongo::database().await);
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let serve = |url: &str| {
        let app = TestApp::builder(TURNSTILE).arg("serve");
        app.nats(url).mongo(&mongo).env("DATA_DIR", path("data"))
    };
    let app = serve(nats.url()).start().await;
    app.person().await.sell("Concert", 20).await;
    app.terminate().await;
    let envs = envs(nats.url());
    let context = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    context.delete_stream("ORDERS").await.unwrap();

    let app = serve(nats.url()).start_unready().await;
    lacks(&app, "stream ORDERS", "is missing").await;
    eventually("it says what to do", LONG, || async {
        let text = app.log_text();
        let told = text.contains("stream ORDERS is missing, while ")
            && text.contains("`turnstile restore` puts a backup back");
        told.then_some(()).ok_or(text)
    })
    .await;
    // Nor does the job of an installation, or a plan without its name.
    let migrated = tool(&["streams", "migrate", "--yes"], &envs).await;
    assert_eq!(migrated.code, 2, "{}", migrated.stdout);
    let named = "ORDERS: REFUSED: it is missing while USERS holds messages";
    assert!(migrated.stdout.contains(named), "{}", migrated.stdout);
    assert!(context.get_stream("ORDERS").await.is_err());
    let unknown = ["streams", "migrate", "--yes", "--create", "ORDRES"];
    let unknown = tool(&unknown, &envs).await;
    assert_eq!(unknown.code, 2);
    assert!(
        unknown
            .stderr
            .contains("unknown stream \"ORDRES\"; expected one of USERS"),
        "{}",
        unknown.stderr
    );
    tool(
        &["streams", "migrate", "--yes", "--create", "ORDERS"],
        &envs,
    )
    .await
    .assert_success();
    // It continues automatically, with the results of its read models from another stream.
    let client = app.client();
    eventually("it waits no longer", LONG, || async {
        let answer = client.get("/readyz").try_send().await;
        let text = answer.map(|answer| answer.text).unwrap_or_default();
        let waits = text.is_empty() || text.contains("stream ORDERS") || text.contains("starting");
        (!waits).then_some(()).ok_or(text)
    })
    .await;
    app.terminate().await;

    // All of them, as after a disk was replaced: the read models reveal it.
    let another = Nats::start().await;
    let app = serve(another.url()).start_unready().await;
    lacks(&app, "streams", "are gone").await;
    let context = jetstream::new(async_nats::connect(another.url()).await.unwrap());
    assert!(context.get_stream("USERS").await.is_err());
}

#[tokio::test]
async fn a_stream_can_get_more_replicas() {
    let nats = NatsCluster::start().await;
    let mut one = nats.envs("operator");
    one.push(("STREAM_REPLICAS".to_owned(), "1".to_owned()));
    tool(&["streams", "migrate", "--yes"], &one)
        .await
        .assert_success();
    let three = nats.envs("operator");
    let check = tool(&["streams", "check", "--table"], &three).await;
    assert_eq!(check.code, 1);
    let expected = "ORDERS: change num_replicas from 1 to 3";
    assert!(check.stdout.contains(expected), "{}", check.stdout);
    tool(&["streams", "migrate", "--yes"], &three)
        .await
        .assert_success();
    tool(&["streams", "check"], &three).await.assert_success();
    // More copies than wanted do no harm.
    tool(&["streams", "check"], &one).await.assert_success();
}
