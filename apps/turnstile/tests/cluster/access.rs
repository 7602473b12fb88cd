//! Authentication, and the permissions of each user.

use async_nats::{ConnectOptions, Event, ServerError, jetstream};
use futures_util::{FutureExt, StreamExt};
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use testkit::{LONG, Mongo, Person, eventually};

use crate::support::{NatsCluster, builder, tool};

#[tokio::test]
async fn clients_need_a_certificate_and_a_password() {
    let nats = NatsCluster::start().await;
    // Both sides of a connection without a certificate: a client, and a service.
    let authority = nats.certificates.of_clients("ca.crt");
    let refused = ConnectOptions::new()
        .add_root_certificates(authority.into())
        .user_and_password("operator".to_owned(), "secret-of-operator".to_owned())
        .connect(nats.addresses())
        .await;
    assert!(refused.is_err(), "let in without a certificate");

    let without = |names: &[&str], but: &[(&str, &str)]| {
        let mut envs = nats.envs("orders");
        envs.retain(|(name, _)| !names.contains(&name.as_str()));
        let changed = but.iter();
        envs.extend(changed.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        envs.push(("PORT".to_owned(), "0".to_owned()));
        envs
    };
    let rows = [
        (
            without(&["NATS_CERT_FILE", "NATS_KEY_FILE"], &[]),
            "no trust between NATS and this process",
        ),
        (
            without(&[], &[("NATS_PASSWORD", "hunter2")]),
            "NATS doesn't let the user orders in: authorization violation",
        ),
        (
            without(&[], &[("NATS_USER", "mallory")]),
            "NATS doesn't let the user mallory in",
        ),
        (
            without(&[], &[("NATS_CERT_FILE", "/nowhere/tls.crt")]),
            "/nowhere/tls.crt",
        ),
        (
            without(&["NATS_PASSWORD"], &[]),
            "set together with NATS_PASSWORD",
        ),
    ];
    for (envs, why) in rows {
        let began = Instant::now();
        let refused = tokio::time::timeout(LONG, tool(&["serve", "orders"], &envs)).await;
        let refused = refused.unwrap_or_else(|_| panic!("it still tries: {why}"));
        println!("refused after {:?}: {}", began.elapsed(), refused.stderr);
        assert_ne!(refused.code, 0);
        assert!(refused.stderr.contains(why), "{}", refused.stderr);
        for text in [&refused.stderr, &refused.stdout] {
            assert!(
                !text.contains("hunter2") && !text.contains("secret-of"),
                "{text}"
            );
        }
    }
}

/// Requests that would change a stream.
const CHANGES: [&str; 6] = [
    "DELETE",
    "PURGE",
    "UPDATE",
    "MSG.DELETE",
    "SNAPSHOT",
    "RESTORE",
];

/// Each service that publishes, and its stream (for `COMMANDS` a part).
const OWN: [(&str, &str); 5] = [
    ("auth", "USERS"),
    ("tickets", "TICKETS"),
    ("orders", "ORDERS"),
    ("payments", "PAYMENTS"),
    ("expiration", "COMMANDS"),
];

/// A connection of this user, and the servers' errors on it.
async fn connect_as(nats: &NatsCluster, user: &str) -> (async_nats::Client, ServerErrors) {
    let told = ServerErrors::default();
    let heard = told.clone();
    let connecting = nats.options(user).event_callback(move |event| {
        if let Event::ServerError(ServerError::Other(error)) = event {
            heard.lock().unwrap().push(error);
        }
        async {}
    });
    (connecting.connect(nats.addresses()).await.unwrap(), told)
}

type ServerErrors = Arc<Mutex<Vec<String>>>;

/// Waits until a server reports a permissions violation.
async fn is_refused(what: &str, told: &ServerErrors) {
    eventually(what, Duration::from_secs(10), || async {
        let told = told.lock().unwrap();
        let found = told
            .iter()
            .any(|error| error.to_lowercase().contains("permissions violation"));
        found.then_some(()).ok_or_else(|| told.clone())
    })
    .await;
}

/// Checks that a user may not publish to a subject.
async fn refused(nats: &NatsCluster, user: &str, subject: &str) {
    let (client, told) = connect_as(nats, user).await;
    let said = client.publish(subject.to_owned(), "{}".into());
    said.await.unwrap();
    client.flush().await.unwrap();
    is_refused(&format!("{user} is refused {subject}"), &told).await;
}

/// Checks that a user may not subscribe to a subject.
async fn deaf(nats: &NatsCluster, user: &str, subject: &str) {
    let (client, told) = connect_as(nats, user).await;
    let mut ears = client.subscribe(subject.to_owned()).await.unwrap();
    client.flush().await.unwrap();
    is_refused(&format!("{user} doesn't hear {subject}"), &told).await;
    assert!(ears.next().now_or_never().flatten().is_none());
}

#[tokio::test]
async fn no_service_can_publish_for_another() {
    let nats = NatsCluster::with_streams().await;
    for (user, stream) in OWN {
        let foreign = OWN.iter().filter(|(_, other)| *other != stream);
        for (_, other) in foreign {
            refused(&nats, user, &format!("{other}.x")).await;
        }
        if user != "auth" {
            refused(&nats, user, "KEYS.x").await;
        }
        for command in CHANGES {
            refused(&nats, user, &format!("$JS.API.STREAM.{command}.{stream}")).await;
        }
        // Under any name: a stream's behavior is in its settings, which NATS doesn't check.
        for name in ["EVIL", stream] {
            refused(&nats, user, &format!("$JS.API.STREAM.CREATE.{name}")).await;
        }
        let consumer = "$JS.API.CONSUMER.DELETE.ORDERS.tickets-on-orders";
        refused(&nats, user, consumer).await;
        // It reads through consumers without a name: with one it could change a durable.
        let named = format!("$JS.API.CONSUMER.CREATE.{stream}.x");
        refused(&nats, user, &named).await;
        refused(&nats, user, "COMMANDS.due.expire-order.x").await;
        refused(&nats, user, "DEADLETTERS.hole.ORDERS").await;
    }
    // This one only reads.
    for (_, stream) in OWN {
        refused(&nats, "analytics", &format!("{stream}.x")).await;
        let named = format!("$JS.API.CONSUMER.CREATE.{stream}.x");
        refused(&nats, "analytics", &named).await;
        for command in CHANGES {
            let change = format!("$JS.API.STREAM.{command}.{stream}");
            refused(&nats, "analytics", &change).await;
        }
    }
    for subject in [
        "$JS.API.STREAM.CREATE.EVIL",
        "KEYS.x",
        "REQUESTS.x",
        "DEADLETTERS.dead.orders-on-payments",
        "DEADLETTERS.trial.orders-on-payments.PAYMENTS-1",
        "announce.tickets",
        "$JS.API.CONSUMER.CREATE.PAYMENTS",
        "$JS.API.DIRECT.GET.REQUESTS",
    ] {
        refused(&nats, "analytics", subject).await;
    }
    refused(&nats, "backup", "ORDERS.x").await;
    refused(&nats, "backup", "$JS.API.STREAM.RESTORE.ORDERS").await;
    // No user receives the replies of others.
    deaf(&nats, "orders", "_INBOX.auth.>").await;
    deaf(&nats, "operator", "_INBOX.auth.>").await;
    deaf(&nats, "orders", "$JS.EVENT.ADVISORY.>").await;
    deaf(&nats, "orders", "PAYMENTS.>").await;
    // None of it was stored in a stream.
    let context = jetstream::new(nats.client("operator").await);
    for (_, stream) in OWN {
        let mut handle = context.get_stream(stream).await.unwrap();
        assert_eq!(handle.info().await.unwrap().state.messages, 0, "{stream}");
    }
}

#[tokio::test]
async fn sign_in_and_analytics_work_without_mongodb() {
    let nats = NatsCluster::with_streams().await;
    // Nothing listens there.
    let nowhere = "mongodb://127.0.0.1:9/?replicaSet=rs0";
    let auth = builder("auth", &nats.envs("auth")).env("MONGODB_URI", nowhere);
    let auth = auth.start().await;
    let analytics = builder("analytics", &nats.envs("analytics")).env("MONGODB_URI", nowhere);
    let analytics = analytics.start().await;
    let operator = nats.envs("operator");
    let season = [
        "--onto-history",
        "--sellers",
        "5",
        "--buyers",
        "20",
        "--tickets",
        "12",
        "--days",
        "3",
    ];
    let Person { client, user } = auth.person().await;
    does(&[&["simulate"], &season[..]].concat(), &operator).await;
    does(&["users", "grant", &user.email, "analyst"], &operator).await;
    let analyst = analytics.client();
    analyst.set_session(client.session().as_deref());
    eventually("an analyst sees the season", LONG, || async {
        let answer = analyst.get("/api/analytics").await;
        let listed = answer.json["ticketFunnel"]["listed"] == 12;
        listed.then_some(()).ok_or(answer.text)
    })
    .await;
    let refusals = nats.complaints("Permissions Violation");
    assert!(refusals.is_empty(), "{refusals:#?}");
}

/// Runs the tool, and checks that it succeeded.
async fn does(args: &[&str], envs: &[(String, String)]) {
    let said = tool(args, envs).await;
    assert_eq!(said.code, 0, "{args:?}\n{}\n{}", said.stdout, said.stderr);
}

#[tokio::test]
async fn operators_have_only_the_permissions_of_their_commands() {
    let nats = NatsCluster::with_streams().await;
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let operator = nats.envs("operator");
    let season = [
        "--sellers",
        "5",
        "--buyers",
        "20",
        "--tickets",
        "10",
        "--days",
        "3",
    ];
    does(&[&["simulate"], &season[..]].concat(), &operator).await;
    // A message that a worker of orders would set aside.
    let worker = jetstream::new(nats.client("orders").await);
    let letter = r#"{"subscription": "orders-on-payments", "stream": "PAYMENTS", "sequence": 1,
        "key": "x", "error": "unreadable", "tries": 5, "at": "2026-01-01T00:00:00Z"}"#;
    for _ in 0..2 {
        let aside = worker.publish("DEADLETTERS.dead.orders-on-payments", letter.into());
        aside.await.unwrap().await.unwrap();
    }
    // And the record before a trial of a message that may crash the process.
    let trial = "DEADLETTERS.trial.orders-on-payments.PAYMENTS-1";
    let noted = worker.publish(trial, r#"{"begun":1}"#.into());
    noted.await.unwrap().await.unwrap();
    let (key, backup, export) = (path("key.pem"), path("backup"), path("export"));
    let users = tool(&["users", "ls"], &operator).await.stdout;
    let first: serde_json::Value = serde_json::from_str(users.lines().next().unwrap()).unwrap();
    let email = first["email"].as_str().unwrap();
    for args in [
        &["streams", "ls"][..],
        &["streams", "check"],
        &["events", "ls", "--json"],
        &["verify", "--log-only"],
        &["report", "--out", &path("report.html")],
        &["export", "--format", "ndjson", "--out", &export],
        &["users", "grant", email, "analyst"],
        &["users", "revoke", email, "analyst"],
        &["dead-letters", "ls"],
        &["dead-letters", "retry", "1"],
        &["dead-letters", "drop", "2"],
        &["keys", "rotate", "--out", &key],
        &["keys", "ls"],
        &["backup", "--to", &backup],
        &["restore", "--from", &backup, "--replace", "--yes"],
        &["streams", "check"],
        &["verify", "--log-only"],
    ] {
        does(args, &operator).await;
    }
    // It starts like a service. The provider's records are empty, so there are differences to
    // report.
    let mongo = Mongo::database().await;
    let mut with_books = operator.clone();
    let servers = [
        ("MONGODB_URI", mongo.uri().to_owned()),
        ("MONGODB_DATABASE", mongo.name().to_owned()),
        ("PAYMENTS", "sandbox".to_owned()),
        ("DATA_DIR", path("data")),
    ];
    with_books.extend(servers.map(|(name, value)| (name.to_owned(), value)));
    let compared = tool(&["reconcile"], &with_books).await;
    assert_eq!(compared.code, 1, "{}", compared.stderr);
    let refusals = nats.complaints("Permissions Violation");
    assert!(refusals.is_empty(), "{refusals:#?}");

    for subject in [
        // A reply in a server's name, and an announcement in a service's.
        "_INBOX.orders.x",
        "announce.tickets",
        // Commands to workers.
        "COMMANDS.schedule.expire-order.x",
        "COMMANDS.due.expire-order.x",
        "REQUESTS.x",
        "DEADLETTERS.dead.orders-on-payments",
        "$JS.API.STREAM.PURGE.COMMANDS",
        "$JS.API.STREAM.MSG.DELETE.REQUESTS",
        "$JS.API.CONSUMER.DELETE.ORDERS.tickets-on-orders",
        "$JS.API.CONSUMER.CREATE.ORDERS.tickets-on-orders.ORDERS.*",
        "$JS.ACK.ORDERS.tickets-on-orders.1.1.1.1.1",
    ] {
        refused(&nats, "operator", subject).await;
    }
}
