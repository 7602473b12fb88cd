//! A client of a live stream.

use std::net::SocketAddr;
use testkit::{Client, LONG};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::Site;

/// The live stream of tickets.
pub const LIVE: &str = "/api/tickets/events";

/// A connection to the stream, and the received text.
pub struct Watcher {
    connection: TcpStream,
    pub heard: String,
}

impl Watcher {
    /// Follows tickets, after a commit or from now on.
    pub async fn start(site: &Site, after: Option<u64>) -> Self {
        let after = after.map_or(String::new(), |id| format!("Last-Event-ID: {id}\r\n"));
        Self::open(&site.anyone(), LIVE, &after).await
    }

    /// Follows a stream as a signed-in user.
    pub async fn signed_in(client: &Client, path: &str) -> Self {
        let session = client.session().unwrap();
        Self::open(client, path, &format!("Cookie: session={session}\r\n")).await
    }

    async fn open(client: &Client, path: &str, headers: &str) -> Self {
        let address = client.base_url().trim_start_matches("http://");
        let address: SocketAddr = address.parse().unwrap();
        let mut connection = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        Self {
            connection,
            heard: String::new(),
        }
    }

    /// Reads until this was received, or the end.
    pub async fn hears(&mut self, what: &str) -> bool {
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

    /// The last commit that was received.
    pub fn last_id(&self) -> u64 {
        let mut ids = self
            .heard
            .lines()
            .filter_map(|line| line.strip_prefix("id: "));
        ids.next_back().unwrap().trim().parse().unwrap()
    }
}
