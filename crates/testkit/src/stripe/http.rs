//! The part of HTTP/1.1 that a client of Stripe uses.

use std::fmt::Write as _;

use reqwest::Url;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A complete request.
pub struct Request {
    pub method: String,
    pub path: Vec<String>,
    pub query: Vec<(String, String)>,
    pub form: Vec<(String, String)>,
    headers: Vec<(String, String)>,
}

impl Request {
    /// The value of a header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers
            .iter()
            .find(|(of, _)| of == name)
            .map(|(_, value)| value.clone())
    }

    /// The value of a form field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.form
            .iter()
            .find(|(of, _)| of == name)
            .map(|(_, value)| value.as_str())
    }

    /// The part that must be the same when an idempotency key is used again.
    pub fn fingerprint(&self) -> String {
        format!("{} {:?} {:?}", self.method, self.path, self.form)
    }

    fn parse(head: &str, body: &str) -> Option<Self> {
        let mut lines = head.split("\r\n");
        let mut first = lines.next()?.split(' ');
        let (method, target) = (first.next()?.to_owned(), first.next()?);
        let url = Url::parse("http://standin/").ok()?.join(target).ok()?;
        let form = Url::parse(&format!("http://standin/?{body}")).ok()?;
        let pairs = |url: &Url| url.query_pairs().into_owned().collect();
        Some(Self {
            method,
            path: url.path_segments()?.map(str::to_owned).collect(),
            query: pairs(&url),
            form: pairs(&form),
            headers: lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect(),
        })
    }
}

/// A response in JSON.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Response {
    pub fn new(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} Whatever\r\n", self.status);
        for (name, value) in &self.headers {
            // Writing to a string can't fail.
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let length = self.body.len();
        let _ = write!(
            head,
            "Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        (head + &self.body).into_bytes()
    }
}

/// A client's connection.
pub struct HttpConnection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl HttpConnection {
    pub fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            read: Vec::new(),
        }
    }

    /// Reads the next request; `None` when the client has closed the connection.
    pub async fn receive(&mut self) -> Option<Request> {
        let head_end = loop {
            if let Some(at) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
            self.read_more().await?;
        };
        let head = String::from_utf8(self.read[..head_end].to_vec()).ok()?;
        let length: usize = head
            .to_ascii_lowercase()
            .split("\r\n")
            .find_map(|line| line.strip_prefix("content-length: ").map(str::to_owned))
            .map_or(Some(0), |length| length.parse().ok())?;
        let end = head_end + 4 + length;
        while self.read.len() < end {
            self.read_more().await?;
        }
        let body = String::from_utf8(self.read[head_end + 4..end].to_vec()).ok()?;
        self.read.drain(..end);
        Request::parse(&head, &body)
    }

    async fn read_more(&mut self) -> Option<()> {
        let mut buffer = [0; 4096];
        let count = self
            .stream
            .read(&mut buffer)
            .await
            .ok()
            .filter(|count| *count > 0)?;
        self.read.extend_from_slice(&buffer[..count]);
        Some(())
    }

    /// Sends a complete response. Ignores a client that has disconnected.
    pub async fn send(&mut self, response: &Response) {
        let _ = self.stream.write_all(&response.to_bytes()).await;
    }

    /// Sends half of a response and closes the connection.
    pub async fn send_torn(mut self, response: &Response) {
        let bytes = response.to_bytes();
        let _ = self
            .stream
            .write_all(&bytes[..bytes.len() - response.body.len() / 2])
            .await;
    }

    /// Closes the connection with a reset.
    pub fn reset(self) {
        let _ = self.stream.set_zero_linger();
    }
}
