//! Who is let in, and what each may say.

use async_nats::{ConnectOptions, Event, ServerError, jetstream};
use futures_util::{FutureExt, StreamExt};
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use testkit::{LONG, eventually};

use crate::support::{NatsCluster, run, tool};

#[tokio::test]
async fn only_who_has_a_certificate_and_the_password_is_let_in_and_told_why_not() {
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
        let refused = tokio::time::timeout(LONG, run("orders", &[], &envs)).await;
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

/// Each service, and the stream that it appends to (of `COMMANDS` a part).
const OWN: [(&str, &str); 5] = [
    ("auth", "USERS"),
    ("tickets", "TICKETS"),
    ("orders", "ORDERS"),
    ("payments", "PAYMENTS"),
    ("expiration", "COMMANDS"),
];

/// What a user may not do: say it, and wait until the server says no.
async fn refused(nats: &NatsCluster, user: &str, subject: &str) {
    let told = Arc::<Mutex<Vec<String>>>::default();
    let heard = told.clone();
    let client = nats
        .options(user)
        .event_callback(move |event| {
            if let Event::ServerError(ServerError::Other(error)) = event {
                heard.lock().unwrap().push(error);
            }
            async {}
        })
        .connect(nats.addresses())
        .await
        .unwrap();
    client
        .publish(subject.to_owned(), "{}".into())
        .await
        .unwrap();
    client.flush().await.unwrap();
    let what = format!("{user} is refused {subject}");
    eventually(&what, Duration::from_secs(10), || async {
        let told = told.lock().unwrap();
        let found = told
            .iter()
            .any(|error| error.to_lowercase().contains("permissions violation"));
        found.then_some(()).ok_or_else(|| told.clone())
    })
    .await;
}

#[tokio::test]
async fn no_service_can_say_what_is_for_another_to_say() {
    let nats = NatsCluster::start().await;
    let operator = nats.envs("operator");
    eventually("the streams are there", LONG, || async {
        let made = tool(&["streams", "migrate", "--yes"], &operator).await;
        (made.code == 0).then_some(()).ok_or(made.stderr)
    })
    .await;
    for (user, stream) in OWN {
        let foreign = OWN.iter().filter(|(_, other)| *other != stream);
        for (_, other) in foreign {
            refused(&nats, user, &format!("{other}.x")).await;
        }
        if user != "auth" {
            refused(&nats, user, "KEYS.x").await;
        }
        for command in [
            "DELETE",
            "PURGE",
            "UPDATE",
            "MSG.DELETE",
            "SNAPSHOT",
            "RESTORE",
        ] {
            refused(&nats, user, &format!("$JS.API.STREAM.{command}.{stream}")).await;
        }
        let consumer = "$JS.API.CONSUMER.DELETE.ORDERS.tickets-on-orders";
        refused(&nats, user, consumer).await;
        // It reads through consumers that have no name: with one it could change a durable.
        let named = format!("$JS.API.CONSUMER.CREATE.{stream}.x");
        refused(&nats, user, &named).await;
        refused(&nats, user, "COMMANDS.due.expire-order.x").await;
    }
    refused(&nats, "backup", "ORDERS.x").await;
    refused(&nats, "backup", "$JS.API.STREAM.RESTORE.ORDERS").await;
    // Nobody hears the answers that others get.
    let client = nats.client("orders").await;
    let mut ears = client.subscribe("_INBOX.auth.>").await.unwrap();
    client.flush().await.unwrap();
    let said = nats.client("operator").await;
    // What is its own comes through, after which what was not would have. Said again and again: one
    // server learns a little later what somebody listens to at another.
    let mut own = client.subscribe("_INBOX.orders.x").await.unwrap();
    client.flush().await.unwrap();
    let heard = async {
        loop {
            for (subject, words) in [("_INBOX.auth.x", "secret"), ("_INBOX.orders.x", "for you")] {
                said.publish(subject, words.into()).await.unwrap();
            }
            said.flush().await.unwrap();
            if let Ok(heard) = tokio::time::timeout(Duration::from_millis(50), own.next()).await {
                return heard.unwrap();
            }
        }
    };
    let heard = tokio::time::timeout(LONG, heard).await.unwrap();
    assert_eq!(heard.payload, "for you");
    assert!(ears.next().now_or_never().flatten().is_none());
    // None of it is in a stream.
    let context = jetstream::new(said);
    for (_, stream) in OWN {
        let mut handle = context.get_stream(stream).await.unwrap();
        assert_eq!(handle.info().await.unwrap().state.messages, 0, "{stream}");
    }
}
