//! Actions that a compromised service could have the server execute: a server has all permissions.

use async_nats::{Client, jetstream};
use futures_util::{FutureExt, StreamExt};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{LONG, eventually};

use crate::support::{NatsCluster, tool};

/// A stream that an attacker would create, and the message that would have it act.
struct Escape {
    user: &'static str,
    stream: &'static str,
    settings: Value,
    then: Option<&'static str>,
}

fn escapes() -> Vec<Escape> {
    vec![
        // A message that becomes a session key.
        Escape {
            user: "tickets",
            stream: "EVIL1",
            settings: json!({
                "subjects": ["announce.evil1"],
                "republish": {"src": "announce.evil1", "dest": "KEYS.forged"},
            }),
            then: Some("announce.evil1"),
        },
        // A message that becomes a payment.
        Escape {
            user: "tickets",
            stream: "EVIL2",
            settings: json!({
                "subjects": ["announce.evil2"],
                "republish": {"src": "announce.evil2", "dest": "PAYMENTS.forged"},
            }),
            then: Some("announce.evil2"),
        },
        // A copy of messages that it may not read, delivered to itself.
        Escape {
            user: "tickets",
            stream: "LEAK",
            settings: json!({
                "sources": [{"name": "USERS"}],
                "republish": {"src": "USERS.*", "dest": "_INBOX.tickets.leak.{{wildcard(1)}}"},
            }),
            then: None,
        },
        // A request without an answer, from a user that may publish nothing.
        Escape {
            user: "analytics",
            stream: "EVIL3",
            settings: json!({
                "subjects": ["$JS.API.STREAM.INFO.zz"],
                "no_ack": true,
                "republish": {"src": "$JS.API.STREAM.INFO.zz", "dest": "KEYS.forged"},
            }),
            then: Some("$JS.API.STREAM.INFO.zz"),
        },
        // A message is forwarded to a forbidden subject, through a stream of its own.
        Escape {
            user: "orders",
            stream: "EVIL4",
            settings: json!({
                "subjects": ["announce.evil4"],
                "subject_transform": {"src": "announce.evil4", "dest": "COMMANDS.due.expire-order.x"},
                "republish": {"src": "COMMANDS.>", "dest": "COMMANDS.due.expire-order.x"},
            }),
            then: Some("announce.evil4"),
        },
    ]
}

async fn say(client: &Client, subject: &str, body: &Value) {
    let said = client.publish(subject.to_owned(), body.to_string().into());
    said.await.unwrap();
    client.flush().await.unwrap();
}

/// Number of messages in a stream.
async fn messages(nats: &NatsCluster, stream: &str) -> u64 {
    let context = jetstream::new(nats.client("operator").await);
    let stream = context.get_stream(stream).await.unwrap();
    stream.cached_info().state.messages
}

#[tokio::test]
async fn no_service_can_misuse_stream_sources() {
    let nats = NatsCluster::with_streams().await;
    let auth = jetstream::new(nats.client("auth").await);
    let secret = auth.publish("USERS.u1", "a hash of a password".into());
    secret.await.unwrap().await.unwrap();
    let tickets = nats.client("tickets").await;
    let mut leaked = tickets.subscribe("_INBOX.tickets.leak.>").await.unwrap();
    for escape in escapes() {
        let client = nats.client(escape.user).await;
        let mut settings = escape.settings;
        for (name, value) in [
            ("name", json!(escape.stream)),
            ("storage", json!("memory")),
            ("retention", json!("limits")),
            ("num_replicas", json!(1)),
        ] {
            settings[name] = value;
        }
        // A user without permission gets no answer.
        let subject = format!("$JS.API.STREAM.CREATE.{}", escape.stream);
        let request = async_nats::Request::new()
            .payload(settings.to_string().into())
            .timeout(Some(Duration::from_secs(2)));
        let answer = client.send_request(subject, request).await;
        let answer = answer.map(|answer| String::from_utf8_lossy(&answer.payload).into_owned());
        assert!(answer.is_err(), "{}: {answer:?}", escape.stream);
        if let Some(then) = escape.then {
            say(&client, then, &json!({"kty": "OKP"})).await;
        }
        let context = jetstream::new(nats.client("operator").await);
        assert!(context.get_stream(escape.stream).await.is_err());
    }
    tickets.flush().await.unwrap();
    assert!(leaked.next().now_or_never().flatten().is_none());
    for stream in ["KEYS", "PAYMENTS", "COMMANDS"] {
        assert_eq!(messages(&nats, stream).await, 0, "{stream}");
    }
}

#[tokio::test]
async fn no_consumer_can_deliver_into_a_stream() {
    let nats = NatsCluster::with_streams().await;
    let client = nats.client("tickets").await;
    let own = jetstream::new(client.clone());
    let mine = own.publish("TICKETS.mine", r#"{"kty":"OKP"}"#.into()).await;
    mine.unwrap().await.unwrap();
    for to in [
        "KEYS.forged",
        "PAYMENTS.forged",
        "COMMANDS.due.expire-order.x",
    ] {
        let wish = json!({"stream_name": "TICKETS", "config": {
            "ack_policy": "none", "deliver_policy": "all", "replay_policy": "instant",
            "deliver_subject": to,
        }});
        let subject = "$JS.API.CONSUMER.CREATE.TICKETS";
        let answer = client.request(subject, wish.to_string().into()).await;
        answer.unwrap();
    }
    // A consumer with an allowed target has delivered by now what those above would have.
    let mut heard = client.subscribe("_INBOX.tickets.pushed").await.unwrap();
    let wish = json!({"stream_name": "TICKETS", "config": {
        "ack_policy": "none", "deliver_policy": "all", "replay_policy": "instant",
        "deliver_subject": "_INBOX.tickets.pushed",
    }});
    let subject = "$JS.API.CONSUMER.CREATE.TICKETS";
    let answer = client.request(subject, wish.to_string().into()).await;
    answer.unwrap();
    let came = tokio::time::timeout(LONG, heard.next()).await.unwrap();
    assert_eq!(&came.unwrap().payload[..], br#"{"kty":"OKP"}"#);
    for stream in ["KEYS", "PAYMENTS", "COMMANDS"] {
        assert_eq!(messages(&nats, stream).await, 0, "{stream}");
    }
}

#[tokio::test]
async fn a_reply_sent_to_the_keys_subject_is_no_key() {
    let nats = NatsCluster::with_streams().await;
    let client = nats.client("tickets").await;
    let own = jetstream::new(client.clone());
    let mine = own.publish("TICKETS.mine", r#"{"kty":"OKP"}"#.into()).await;
    mine.unwrap().await.unwrap();
    // The server doesn't check permissions on the subject of a reply.
    let question = r#"{"seq":1}"#;
    for to in ["KEYS.forged", "KEYS.x.y"] {
        let subject = "$JS.API.DIRECT.GET.TICKETS";
        let asked = client.publish_with_reply(subject, to, question.into());
        asked.await.unwrap();
    }
    eventually("the answers are stored", LONG, || async {
        let stored = messages(&nats, "KEYS").await;
        (stored == 2).then_some(()).ok_or(stored)
    })
    .await;
    let listed = tool(&["keys", "ls"], &nats.envs("operator")).await;
    listed.assert_success();
    assert!(!listed.stdout.contains("forged"), "{}", listed.stdout);
    assert!(!listed.stdout.contains("OKP"), "{}", listed.stdout);
}
