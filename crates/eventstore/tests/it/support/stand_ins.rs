//! What stands between a process and a server, or answers for it.

use serde_json::{Map, Value};
use std::sync::Arc;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// A server that says of itself what it isn't. It ends with the value.
pub struct Disguise {
    url: String,
    listening: tokio::task::JoinHandle<()>,
}

impl Disguise {
    /// Passes everything on to the server at `upstream`, and changes what that tells of itself.
    pub async fn start(
        upstream: &str,
        change: impl Fn(&mut Map<String, Value>) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("nats://{}", listener.local_addr().unwrap());
        let upstream = upstream.trim_start_matches("nats://").to_owned();
        let change = Arc::new(change);
        let listening = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (upstream, change) = (upstream.clone(), change.clone());
                tokio::spawn(async move { pass(client, &upstream, &*change).await });
            }
        });
        Self { url, listening }
    }

    /// A server that belongs to a cluster.
    pub async fn as_one_of_a_cluster(upstream: &str) -> Self {
        Self::start(upstream, |info| {
            info.insert("cluster".to_owned(), "market".into());
        })
        .await
    }

    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Disguise {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn pass(
    mut client: TcpStream,
    upstream: &str,
    change: &(impl Fn(&mut Map<String, Value>) + Sync),
) -> std::io::Result<()> {
    let mut server = BufReader::new(TcpStream::connect(upstream).await?);
    let mut line = String::new();
    server.read_line(&mut line).await?;
    let mut info: Map<String, Value> = serde_json::from_str(&line["INFO ".len()..])?;
    change(&mut info);
    let line = format!("INFO {}\r\n", Value::Object(info));
    client.write_all(line.as_bytes()).await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

/// Lines of a server's configuration that lead every direct get to a replica that knows nothing yet;
/// see [`lag`].
pub const LAGGING: &str = r#"
mappings {
  "$JS.API.DIRECT.GET.*": "lagging.{{wildcard(1)}}"
  "$JS.API.DIRECT.GET.*.*.*": "lagging.{{wildcard(1)}}.{{wildcard(2)}}.{{wildcard(3)}}"
}
"#;

/// Answers as that replica: there is no such message. Ends with the test.
pub async fn lag(url: &str) {
    let stream = TcpStream::connect(url.trim_start_matches("nats://")).await;
    let mut stream = BufReader::new(stream.unwrap());
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    let hello = b"CONNECT {\"verbose\":false,\"headers\":true}\r\nSUB lagging.> 1\r\nPING\r\n";
    stream.get_mut().write_all(hello).await.unwrap();
    while line.trim() != "PONG" {
        line.clear();
        stream.read_line(&mut line).await.unwrap();
    }
    tokio::spawn(async move {
        loop {
            line.clear();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            // MSG subject sid reply size
            let words: Vec<_> = line.split_whitespace().collect();
            let answer = match words[..] {
                ["MSG", _, _, reply, size] => {
                    let mut payload = vec![0; size.parse::<usize>().unwrap() + 2];
                    let _ = stream.read_exact(&mut payload).await;
                    // A server words it so, depending on what it was asked.
                    let of_several = payload.starts_with(br#"{"multi_last""#);
                    let what = if of_several {
                        "No Results"
                    } else {
                        "Message Not Found"
                    };
                    let head = format!("NATS/1.0 404 {what}\r\n\r\n");
                    format!("HPUB {reply} {0} {0}\r\n{head}\r\n", head.len())
                }
                ["PING"] => "PONG\r\n".to_owned(),
                _ => continue,
            };
            if stream.get_mut().write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    });
}
