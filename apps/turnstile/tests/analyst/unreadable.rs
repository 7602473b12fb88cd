//! Unreadable messages: how they are found, inspected, and passed over.

use event_streams::{ORDERS, TICKETS};
use serde_json::{Value, json};
use std::process::Stdio;
use testkit::{LONG, eventually};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use uuid::Uuid;

use crate::support::{Draft, Season, System, TURNSTILE, moment, tool};

/// A log with a message that is no commit, one whose payload is no list of events, and a valid one
/// behind both.
async fn damaged() -> Season {
    let mut season = Season::write().await;
    season.archive.garbage(TICKETS).await;
    let hash = json!({"events": "damaged", "password_hash": "$argon2id$v=19$abc"});
    season
        .archive
        .message(TICKETS, Season::ticket(1).0, &hash.to_string())
        .await;
    let revised = json!({"type": "TicketRevised", "version": "1.0",
        "data": {"title": "Behind", "price": 1}});
    let behind = Draft {
        stream: TICKETS,
        aggregate: Season::ticket(2).0,
        time: moment(5, 12, 0),
        actor: "somebody".to_owned(),
        request: "behind".to_owned(),
        cause: None,
        events: vec![revised],
        version: None,
    };
    season.archive.commit(&behind).await;
    season
}

#[tokio::test]
async fn unreadable_messages_are_shown_as_stored() {
    let season = damaged().await;
    let url = season.archive.url();
    // No command passes it over unless requested; but the error states how to inspect it.
    for args in [
        &["events", "show", "TICKETS:15"][..],
        &["events", "ls"],
        &["events", "tail"],
        &["replay", "funnel"],
    ] {
        let told = tool(url, args).await.with_code(3);
        for part in [
            "TICKETS#15",
            "events show TICKETS:15 --raw",
            "--skip-unreadable",
        ] {
            assert!(told.stderr.contains(part), "{args:?}\n{}", told.stderr);
        }
    }
    let shown = tool(url, &["events", "show", "TICKETS:15", "--raw"]).await;
    let shown = shown.well().json();
    assert_eq!(shown[0]["kind"], "message");
    assert_eq!(shown[0]["payload"], "garbage");
    assert_eq!(shown[0]["headers"], json!({}));
    let subject = format!("TICKETS.{}", Uuid::from_u128(99));
    assert_eq!(shown[0]["subject"], *subject);

    let shown = tool(url, &["events", "show", "TICKETS:16", "--raw"]).await;
    let shown = shown.well().json();
    assert_eq!(shown[0]["headers"]["Actor"], json!(["somebody"]));
    let payload = shown[0]["payload"].as_str().unwrap();
    assert!(payload.contains(r#""events":"damaged""#), "{payload}");
    assert!(payload.contains("(secret)"), "{payload}");
    assert!(!payload.contains("argon2"), "{payload}");
    tool(url, &["events", "show", "TICKETS:16", "--raw", "--table"])
        .await
        .well()
        .says("header     Actor: somebody")
        .says(r#""events":"damaged""#);
    // Readable messages are shown as well.
    tool(url, &["events", "show", "TICKETS:1", "--raw", "--table"])
        .await
        .well()
        .says("TicketListed");
}

/// The last rows of a list: kind, place, and type.
fn short(rows: &[Value]) -> Vec<String> {
    let text = |row: &Value| {
        let kind = row["kind"].as_str().unwrap();
        let event = row["event_type"].as_str().unwrap_or("–");
        format!(
            "{kind} {}#{} {event}",
            row["stream"].as_str().unwrap(),
            row["sequence"]
        )
    };
    rows.iter().map(text).collect()
}

#[tokio::test]
async fn a_list_continues_after_an_unreadable_message() {
    let season = damaged().await;
    let url = season.archive.url();
    let end = [
        "unreadable TICKETS#15 –",
        "unreadable TICKETS#16 –",
        "event TICKETS#17 TicketRevised",
    ];
    let listed = tool(url, &["events", "ls", "--skip-unreadable"]).await;
    let listed = listed.well().says("2 messages can't be read");
    assert_eq!(short(&listed.json())[37..], end);
    let why = &listed.json()[37]["why"];
    assert!(
        why.as_str().unwrap().starts_with("no commits can be read"),
        "{why}"
    );

    let args = [
        "events",
        "tail",
        "-n",
        "3",
        "--skip-unreadable",
        "--stream",
        "TICKETS",
    ];
    let newest = tool(url, &args).await.well();
    assert_eq!(short(&newest.json()), end);
    let table = tool(url, &[&args[..], &["--table"]].concat()).await.well();
    assert!(table.stdout.contains("unreadable"), "{}", table.stdout);

    // An aggregate's messages are those with its subject.
    let ticket = Season::ticket(1).to_string();
    let args = ["events", "ls", "--skip-unreadable", "--aggregate", &ticket];
    let rows = short(&tool(url, &args).await.well().json());
    assert_eq!(rows.last().unwrap(), "unreadable TICKETS#16 –");
    assert!(!rows.iter().any(|row| row.contains("#15")), "{rows:?}");
}

#[tokio::test]
async fn following_continues_after_an_unreadable_message() {
    let mut season = Season::write().await;
    let mut following = tokio::process::Command::new(TURNSTILE)
        .args(["events", "tail", "-f", "-n", "1", "--skip-unreadable"])
        .env("NATS_URL", season.archive.url())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    lines.next_line().await.unwrap().unwrap();
    season.archive.garbage(ORDERS).await;
    season.archive.listings(1).await;
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let next = tokio::time::timeout(LONG, lines.next_line()).await;
        let line = next.unwrap().unwrap().unwrap();
        seen.push(serde_json::from_str(&line).unwrap());
    }
    seen.sort_by_key(|row: &Value| row["stream"].as_str().map(ToOwned::to_owned));
    assert_eq!(
        short(&seen),
        ["unreadable ORDERS#13 –", "event TICKETS#15 TicketListed"]
    );
    season.archive.garbage(ORDERS).await;
    let next = tokio::time::timeout(LONG, lines.next_line()).await;
    assert!(next.unwrap().unwrap().unwrap().contains("unreadable"));
}

#[tokio::test]
async fn an_unreadable_message_halts_read_models_and_is_a_dead_letter() {
    let system = System::start().await;
    system.app.person().await.sell("Seat", 20).await;
    let client = async_nats::connect(system.nats.url()).await.unwrap();
    let context = async_nats::jetstream::new(client);
    let subject = format!("ORDERS.{}", Uuid::new_v4());
    let sent = context.publish(subject, "damaged".into()).await.unwrap();
    sent.await.unwrap();

    for name in ["orders", "payable_orders"] {
        eventually("it is told that it halted", LONG, || async {
            let model = system.read_model(name).await;
            let note = model["note"].as_str().unwrap_or_default();
            if model["state"] == "halted" && note.contains("ORDERS#1") {
                Ok(())
            } else {
                Err(model)
            }
        })
        .await;
    }
    assert_eq!(system.read_model("tickets").await["state"], "folding");
    // The error comes at once.
    let verified = system.tool(&["verify"]).await.with_code(1);
    let halted = verified.json();
    let halted = halted.iter().filter(|line| {
        let what = line["what"].as_str().unwrap_or_default();
        line["rule"] == "read_model" && what.contains("ORDERS#1")
    });
    assert_eq!(halted.count(), 2, "{}", verified.stdout);

    let letter = eventually("it is a dead letter", 2 * LONG, || async {
        let letters = system.tool(&["dead-letters", "ls"]).await.well().json();
        letters.into_iter().next()
    })
    .await;
    let id = letter["id"].to_string();
    let shown = system.tool(&["dead-letters", "show", &id]).await.well();
    let shown = &shown.json()[0];
    assert_eq!(shown["message"]["payload"], "damaged", "{shown}");
    assert_eq!(shown["events"], json!([]), "{shown}");
    system
        .tool(&["dead-letters", "show", &id, "--table"])
        .await
        .well()
        .says("subject    ORDERS.");
}
