//! The live stream of tickets is for so many, and costs nothing to ask about.

use std::{net::SocketAddr, time::Duration};
use testkit::{LONG, Method, eventually};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::server::assert_envelope;
use crate::support::Site;

const PATH: &str = "/api/tickets/events";

/// A connection that watches, and what it heard.
struct Watcher {
    connection: TcpStream,
    heard: String,
}

impl Watcher {
    async fn start(site: &Site, after: Option<u64>) -> Self {
        let address = site.app().base_url().trim_start_matches("http://");
        let address: SocketAddr = address.parse().unwrap();
        let mut connection = TcpStream::connect(address).await.unwrap();
        let after = after.map_or(String::new(), |id| format!("Last-Event-ID: {id}\r\n"));
        let request = format!("GET {PATH} HTTP/1.1\r\nHost: {address}\r\n{after}\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        Self {
            connection,
            heard: String::new(),
        }
    }

    /// Reads until this was heard, or the end.
    async fn hears(&mut self, what: &str) -> bool {
        while !self.heard.contains(what) {
            let mut bytes = [0; 4096];
            let read = timeout(LONG, self.connection.read(&mut bytes));
            match read.await.expect("it goes on, or ends, in time") {
                Ok(0) | Err(_) => return false,
                Ok(count) => self.heard += &String::from_utf8_lossy(&bytes[..count]),
            }
        }
        true
    }
}

#[tokio::test]
async fn only_so_many_watch_at_once_and_the_others_are_told_to_come_back() {
    let site = Site::builder().env("LIVE_WATCHERS", "2").start().await;
    let mut watchers = Vec::new();
    for _ in 0..2 {
        let mut watcher = Watcher::start(&site, None).await;
        assert!(watcher.hears(": watching").await, "{}", watcher.heard);
        watchers.push(watcher);
    }
    let refused = site.anyone().get(PATH).await;
    refused.assert_error(503, "Too many are watching, please try again later");
    assert_envelope(&refused);
    assert_eq!(refused.header("retry-after"), Some("10"));
    // Everything else goes on, and those who watch hear of it.
    site.person().await.sell("Opening night", 20).await;
    for watcher in &mut watchers {
        assert!(watcher.hears("event: ticket").await);
    }
    drop(watchers.pop());
    // The server notices at the next news; there is room again then.
    eventually("there is room again", LONG, || async {
        site.person().await.sell("Another night", 20).await;
        let mut watcher = Watcher::start(&site, None).await;
        watcher.hears("\r\n\r\n").await && watcher.heard.starts_with("HTTP/1.1 200")
    })
    .await;
}

#[tokio::test]
async fn asking_for_the_head_of_the_stream_opens_none() {
    let site = Site::builder().env("LIVE_WATCHERS", "1").start().await;
    for _ in 0..3 {
        let head = site.anyone().call(Method::HEAD, PATH);
        let head = head
            .timeout(Duration::from_secs(5))
            .await
            .expect_status(200);
        assert_eq!(head.header("content-type"), Some("text/event-stream"));
    }
    let mut watcher = Watcher::start(&site, None).await;
    assert!(watcher.hears(": watching").await, "{}", watcher.heard);
}

#[tokio::test]
async fn who_comes_back_hears_what_was_missed_or_is_told_to_read_everything_anew() {
    let site = Site::start().await;
    let ticket = site.person().await.sell("Opening night", 20).await;
    let mut missed_one = Watcher::start(&site, Some(0)).await;
    assert!(missed_one.hears(&ticket).await, "{}", missed_one.heard);
    let mut of_another_log = Watcher::start(&site, Some(1_000_000)).await;
    assert!(of_another_log.hears("event: reset").await);
}

#[tokio::test]
async fn streams_end_when_the_server_is_told_to_stop() {
    let site = Site::start().await;
    let mut watcher = Watcher::start(&site, None).await;
    assert!(watcher.hears(": watching").await, "{}", watcher.heard);
    let ended = timeout(Duration::from_secs(10), async {
        site.app().begin_to_end();
        watcher.hears("never said").await
    });
    assert_eq!(
        ended.await,
        Ok(false),
        "well before accepted requests are given up"
    );
}
