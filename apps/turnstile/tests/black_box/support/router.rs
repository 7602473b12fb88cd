//! A reverse proxy that sends each request to the service that has its path.

use std::io::{Error, ErrorKind, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// No request of a test has a longer head.
const MAX_HEAD: usize = 64 * 1024;

/// Ends with the value.
pub struct Router {
    url: String,
    listening: JoinHandle<()>,
}

/// Paths that begin with the first go to the second (`host:port`); the first that fits wins.
pub type Routes = Vec<(&'static str, String)>;

impl Router {
    /// Listens on a free port.
    pub async fn start(routes: Routes) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let listening = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let routes = routes.clone();
                tokio::spawn(async move {
                    // A client that goes away, or a service that does, ends its own request only.
                    let _ = pass_on(client, &routes).await;
                });
            }
        });
        Self { url, listening }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Passes one request on. Each has a connection of its own, which both sides are told, so that
/// neither bodies nor answers have to be measured.
async fn pass_on(mut client: TcpStream, routes: &Routes) -> Result<()> {
    let mut read = Vec::new();
    let head_end = loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if read.len() > MAX_HEAD || client.read_buf(&mut read).await? == 0 {
            return Err(ErrorKind::InvalidData.into());
        }
    };
    let head = std::str::from_utf8(&read[..head_end]).map_err(Error::other)?;
    let path = head.split(' ').nth(1).unwrap_or_default();
    let (_, target) = routes
        .iter()
        .find(|(prefix, _)| path.starts_with(prefix))
        .ok_or(ErrorKind::NotFound)?;
    let mut service = TcpStream::connect(target).await?;
    let kept = head
        .split("\r\n")
        .filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let mut request = kept.collect::<Vec<_>>().join("\r\n").into_bytes();
    request.extend_from_slice(b"\r\nConnection: close");
    request.extend_from_slice(&read[head_end..]);
    service.write_all(&request).await?;

    let (mut from_service, mut to_service) = service.split();
    let (mut from_client, mut to_client) = client.split();
    // A service may answer before it has read the whole body, so only its own end counts.
    let body = async {
        let _ = tokio::io::copy(&mut from_client, &mut to_service).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = body => unreachable!("it waits for ever"),
        answered = tokio::io::copy(&mut from_service, &mut to_client) => answered?,
    };
    to_client.shutdown().await
}
