//! `turnstile events`: listing, tailing and showing the log.

use event_streams::TICKETS;
use serde_json::Value;
use std::process::Stdio;
use testkit::{LONG, eventually};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::support::{Season, TURNSTILE, moment, tool};

/// An event in one line, without the parts that differ between runs.
fn short(event: &Value) -> String {
    let text = |name: &str| event[name].as_str().unwrap_or("–").to_owned();
    format!(
        "{} {}#{} {} v{} {} {}",
        text("time"),
        text("stream"),
        event["sequence"],
        text("event_type"),
        event["version"],
        text("correlation_id"),
        text("causation_id").trim_start_matches("0000"),
    )
}

#[tokio::test]
async fn events_of_all_streams_are_listed_in_order_of_time() {
    let season = Season::write().await;
    let listed = tool(season.archive.url(), &["events", "ls"]).await.well();
    let lines: Vec<_> = listed.json().iter().map(short).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[tokio::test]
async fn a_row_has_every_documented_column_and_no_secret() {
    let season = Season::write().await;
    let listed = tool(season.archive.url(), &["events", "ls"]).await.well();
    assert!(!listed.stdout.contains("argon2"), "{}", listed.stdout);
    assert!(listed.stdout.contains(r#""password_hash":"(secret)""#));
    let help = tool("", &["events", "ls", "--help"]).await.well().stdout;
    for event in listed.json() {
        for (column, _) in event.as_object().unwrap() {
            assert!(help.contains(&format!("\n  {column} ")), "{column}");
        }
    }
}

#[tokio::test]
async fn an_unknown_event_type_is_refused_with_the_valid_ones() {
    let season = Season::write().await;
    let url = season.archive.url();
    for command in ["ls", "tail"] {
        let args = ["events", command, "--type", "OrderPlcaed"];
        let told = tool(url, &args).await.with_code(2);
        assert_eq!(told.stdout, "");
        assert!(told.stderr.contains("OrderPlcaed"), "{}", told.stderr);
        assert!(told.stderr.contains("OrderPlaced"), "{}", told.stderr);
        // A log may contain it from another release.
        let args = ["events", command, "--unknown-type", "OrderPlcaed"];
        let told = tool(url, &args).await.well();
        assert_eq!(
            (told.stdout.as_str(), told.stderr.as_str()),
            ("", "no events match\n")
        );
    }
    for spelled in ["OrderPlaced", "orderplaced"] {
        let told = tool(url, &["events", "ls", "--type", spelled]).await.well();
        assert_eq!((told.json().len(), told.stderr.as_str()), (5, ""));
    }
}

#[tokio::test]
async fn a_type_filter_reads_only_the_streams_that_can_contain_it() {
    let mut season = Season::write().await;
    // Every reader of the tickets meets this.
    season.archive.garbage(TICKETS).await;
    let url = season.archive.url();
    let found = tool(url, &["events", "ls", "--type", "PaymentDeclined"]).await;
    found.well();
    tool(url, &["events", "ls", "--unknown-type", "PaymentDeclined"])
        .await
        .with_code(3);
    tool(url, &["events", "ls", "--type", "TicketSold"])
        .await
        .with_code(3);
}

#[tokio::test]
async fn ranges_accept_printed_and_relative_times() {
    let season = Season::write().await;
    let url = season.archive.url();
    let count = async |args: &[&str]| {
        let args = [&["events", "ls"], args].concat();
        tool(url, &args).await.well().json().len()
    };
    let table = tool(url, &["events", "ls", "--table"]).await.well().stdout;
    let shown = table.lines().nth(12).unwrap();
    let time: String = shown
        .chars()
        .take("2026-03-01 10:05:00.000".len())
        .collect();
    let since = count(&["--from", &time]).await;
    assert!((27..37).contains(&since), "{since} since {time}");
    assert_eq!(count(&["--from", &time.replace(' ', "T")]).await, since);
    let offset = format!("{}+00:00", time.replace(' ', "T"));
    assert_eq!(count(&["--from", &offset]).await, since);
    assert_eq!(count(&["--from", "-15m"]).await, 0);
    assert_eq!(count(&["--from=-15m", "--to", "now"]).await, 0);
    assert_eq!(count(&["--to", "yesterday"]).await, 37);
}

#[tokio::test]
async fn a_filter_without_matches_is_reported() {
    let season = Season::write().await;
    for filter in ["--actor", "--correlation", "--aggregate"] {
        let args = ["events", "ls", filter, "nobody"];
        let told = tool(season.archive.url(), &args).await.well();
        assert_eq!(
            (told.stdout.as_str(), told.stderr.as_str()),
            ("", "no events match\n")
        );
    }
}

#[tokio::test]
async fn each_filter_keeps_only_matches() {
    let season = Season::write().await;
    let (ticket, bob) = (
        Season::ticket(1).to_string(),
        Season::user("bob").to_string(),
    );
    let rows: [(&[&str], usize); 14] = [
        (&[], 37),
        (&["--stream", "ORDERS"], 12),
        (&["--stream", "ORDERS", "--stream", "payments"], 19),
        (&["--aggregate", &ticket], 6),
        (&["--aggregate", &ticket, "--stream", "TICKETS"], 3),
        (&["--type", "TicketListed"], 4),
        (&["--type", "TicketListed", "--type", "TicketSold"], 5),
        (&["--actor", &bob], 9),
        (&["--actor", "tickets"], 9),
        (&["--correlation", "request-01"], 1),
        (&["--from", "2026-03-02"], 3),
        (
            &[
                "--from",
                "2026-03-01T10:05:00Z",
                "--to",
                "2026-03-01T10:06:00Z",
            ],
            2,
        ),
        (
            &[
                "--from", "ORDERS:2", "--to", "ORDERS:4", "--stream", "ORDERS",
            ],
            3,
        ),
        (&["--stream", "TICKETS", "--from", "3", "--to", "3"], 1),
    ];
    for (args, expected) in rows {
        let args: Vec<_> = ["events", "ls"].iter().chain(args).copied().collect();
        let found = tool(season.archive.url(), &args).await.well().json();
        let shown: Vec<_> = found.iter().map(short).collect();
        assert_eq!(found.len(), expected, "{args:?}\n{}", shown.join("\n"));
    }
    let limited = tool(season.archive.url(), &["events", "ls", "-n", "5"]).await;
    assert_eq!(limited.well().json().len(), 5);
}

#[tokio::test]
async fn events_of_one_aggregate_are_in_stream_order() {
    let mut season = Season::write().await;
    let ann = Season::user("ann").to_string();
    let sold = domain::ticket::TicketEvent::TicketSold {
        order_id: Season::order(5),
        orders_version: 9,
    };
    // From a process whose clock is two days slow.
    season.tickets(4, &ann, &sold, None, moment(1, 9, 0)).await;
    let ticket = Season::ticket(4).to_string();
    let url = season.archive.url();
    let all = tool(url, &["events", "ls"]).await.well().json();
    let all: Vec<_> = all
        .iter()
        .filter(|event| event["aggregate_id"] == *ticket)
        .map(short)
        .collect();
    let only = tool(url, &["events", "ls", "--aggregate", &ticket]).await;
    let only: Vec<_> = only.well().json().iter().map(short).collect();
    assert!(only.last().unwrap().contains("TicketSold"), "{only:#?}");
    assert_eq!(only, all);
}

#[tokio::test]
async fn a_table_has_the_chosen_columns() {
    let season = Season::write().await;
    let args = [
        "events",
        "ls",
        "--table",
        "--stream",
        "TICKETS",
        "--columns",
        "sequence,event_type,data",
    ];
    let table = tool(season.archive.url(), &args).await.well().stdout;
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn the_newest_events_come_from_all_streams() {
    let mut season = Season::write().await;
    let url = season.archive.url().to_owned();
    let newest = tool(&url, &["events", "tail", "-n", "4"])
        .await
        .well()
        .json();
    let types: Vec<_> = newest
        .iter()
        .map(|event| event["event_type"].clone())
        .collect();
    assert_eq!(
        types,
        [
            "PaymentVoided",
            "TicketListed",
            "OrderPlaced",
            "TicketReserved"
        ]
    );
    // So that the searched events are far from the end of their stream.
    season.archive.listings(3_000).await;
    let args = [
        "events",
        "tail",
        "-n",
        "2",
        "--type",
        "TicketSold",
        "--type",
        "OrderCompleted",
    ];
    let rare = tool(&url, &args).await.well().json();
    let types: Vec<_> = rare
        .iter()
        .map(|event| event["event_type"].clone())
        .collect();
    assert_eq!(types, ["OrderCompleted", "TicketSold"]);
}

#[tokio::test]
async fn the_newest_events_are_the_end_of_the_list() {
    let nats = testkit::Nats::start().await;
    let size = [
        "simulate",
        "--tickets",
        "600",
        "--days",
        "30",
        "--start",
        "2025-01-01",
    ];
    tool(nats.url(), &size).await.well();
    for (filter, counts) in [
        (&[][..], &[1, 300, 2_500][..]),
        (
            &["--type", "PaymentDeclined", "--type", "TicketListed"],
            &[5],
        ),
        (&["--actor", "tickets-on-orders"], &[7, 900]),
        (&["--from", "ORDERS:5", "--to", "2025-01-20"], &[3, 400]),
    ] {
        let args = [&["events", "ls"], filter].concat();
        let all = tool(nats.url(), &args).await.well().json();
        for count in counts {
            let number = count.to_string();
            let args = [&["events", "tail", "-n", &number], filter].concat();
            let newest = tool(nats.url(), &args).await.well().json();
            let begin = all.len().saturating_sub(*count);
            assert!(newest == all[begin..], "the newest {count} of {filter:?}");
            assert!(!newest.is_empty(), "none of {filter:?}");
        }
    }
}

#[tokio::test]
async fn a_tail_of_11000_events_is_the_end_of_the_list() {
    let mut archive = crate::support::Archive::start().await;
    archive.listings(12_000).await;
    let season = Season::write_to(archive).await;
    let url = season.archive.url();
    for filter in [&[][..], &["--type", "TicketListed"]] {
        let all = tool(url, &[&["events", "ls"], filter].concat()).await;
        let args = [&["events", "tail", "-n", "11000"], filter].concat();
        let newest = tool(url, &args).await.well().stdout;
        let all = all.well().stdout;
        let begin = all.lines().count() - 11_000;
        assert!(newest.lines().eq(all.lines().skip(begin)), "{filter:?}");
    }
}

#[tokio::test]
async fn following_shows_new_events_quickly_and_leaves_no_consumer() {
    let mut season = Season::write().await;
    let mut following = tokio::process::Command::new(TURNSTILE)
        .args(["events", "tail", "-f", "-n", "1"])
        .env("NATS_URL", season.archive.url())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    let first = lines.next_line().await.unwrap().unwrap();
    assert!(first.contains("TicketReserved"), "{first}");
    let sold = domain::ticket::TicketEvent::TicketSold {
        order_id: Season::order(5),
        orders_version: 9,
    };
    season
        .tickets(4, "tickets", &sold, None, moment(3, 9, 0))
        .await;
    let next = tokio::time::timeout(LONG, lines.next_line()).await;
    let next = next.unwrap().unwrap().unwrap();
    assert!(next.contains("TicketSold"), "{next}");
    assert_eq!(season.archive.durables(TICKETS).await, Vec::<String>::new());
    following.kill().await.unwrap();
}

#[tokio::test]
async fn a_commit_is_shown_with_all_its_data() {
    let season = Season::write().await;
    let url = season.archive.url();
    let shown = tool(url, &["events", "show", "ORDERS:3"])
        .await
        .well()
        .json();
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0]["event_type"], "OrderCompleted");
    assert_eq!(shown[0]["actor"], "orders");
    let listed = tool(url, &["events", "ls", "--stream", "ORDERS"])
        .await
        .well()
        .json();
    assert_eq!(shown[0], listed[2]);
    let for_people = tool(url, &["events", "show", "orders#3", "--table"])
        .await
        .well();
    for part in ["OrderCompleted", "causation_id", "order_id"] {
        assert!(for_people.stdout.contains(part), "{}", for_people.stdout);
    }
}

#[tokio::test]
async fn a_closed_pipe_is_not_an_error() {
    let mut season = Season::write().await;
    season.archive.listings(2_000).await;
    let piped = format!("set -o pipefail; {TURNSTILE} events ls | head -n 1");
    let ended = eventually("it ends", LONG, || async {
        let shell = tokio::process::Command::new("bash")
            .args(["-c", &piped])
            .env("NATS_URL", season.archive.url())
            .output();
        shell.await.ok()
    })
    .await;
    assert!(
        ended.status.success(),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    assert_eq!(String::from_utf8_lossy(&ended.stdout).lines().count(), 1);
}
