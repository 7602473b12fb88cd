//! The Ingress: forwards each request to a pod of the Service with its path.

use k8s_openapi::api::networking::v1::Ingress;
use manifests::Manifests;
use reqwest::{Client, Method, Response, header::HeaderMap};
use std::{
    io::{Error, Result},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::cluster::Cluster;

/// Marks a 502 for a request whose pod was killed while handling it.
pub const CUT: &str = "x-cut";

/// Ends with the value.
pub struct IngressRouter {
    pub url: String,
    listening: JoinHandle<()>,
}

struct Rules {
    cluster: Arc<Cluster>,
    /// Prefixes and Services, the longest prefix first.
    paths: Vec<(String, String)>,
    /// Keeps connections to pods open, like load balancers.
    client: Client,
    turn: AtomicUsize,
}

/// One request, as received.
struct Request {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl IngressRouter {
    /// Listens on a free port.
    pub async fn start(cluster: Arc<Cluster>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let rules = Arc::new(Rules {
            paths: paths(&cluster.manifests),
            cluster,
            client: Client::new(),
            turn: AtomicUsize::new(0),
        });
        let listening = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let rules = rules.clone();
                tokio::spawn(async move {
                    // A client that disconnects ends only its own request.
                    let _ = rules.serve(client).await;
                });
            }
        });
        Self { url, listening }
    }
}

impl Drop for IngressRouter {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

fn paths(manifests: &Manifests) -> Vec<(String, String)> {
    let mut paths = Vec::new();
    for ingress in manifests.all::<Ingress>("Ingress").unwrap() {
        let rules = ingress.spec.unwrap().rules.unwrap();
        for path in rules.into_iter().flat_map(|rule| rule.http.unwrap().paths) {
            let prefix = path.path.unwrap().trim_end_matches('/').to_owned();
            paths.push((prefix, path.backend.service.unwrap().name));
        }
    }
    paths.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
    paths
}

impl Rules {
    async fn serve(&self, mut client: TcpStream) -> Result<()> {
        let request = read(&mut client).await?;
        let answer = self.pass_on(&request).await;
        client.write_all(&answer).await?;
        client.shutdown().await
    }

    /// Tries one pod after the other until one accepts the connection: as long as nothing was sent,
    /// nothing can happen twice.
    async fn pass_on(&self, request: &Request) -> Vec<u8> {
        let path = request.path.split('?').next().unwrap_or_default();
        let fits = |prefix: &str| {
            path.strip_prefix(prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let Some((_, service)) = self.paths.iter().find(|(prefix, _)| fits(prefix)) else {
            return plain("404 Not Found", None);
        };
        let mut pods = self.cluster.endpoints(service);
        if !pods.is_empty() {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed) % pods.len();
            pods.rotate_left(turn);
        }
        for pod in pods {
            let url = format!("http://{}:{}{}", pod.address, pod.port, request.path);
            let began = Instant::now();
            let sent = self
                .client
                .request(request.method.clone(), url)
                .headers(request.headers.clone())
                .body(request.body.clone())
                .send();
            let problem = match sent.await {
                Ok(response) => match whole(response).await {
                    Ok(answer) => return answer,
                    Err(error) => error,
                },
                Err(error) if error.is_connect() => continue,
                Err(error) => error,
            };
            // The process ends slightly before the kill is recorded.
            let killed = async {
                while !pod.was_killed_after(began) {
                    tokio::task::yield_now().await;
                }
            };
            let limit = std::time::Duration::from_secs(5);
            let was_cut = tokio::time::timeout(limit, killed).await.is_ok();
            eprintln!("{} of {} was lost: {problem:?}", request.path, pod.name);
            return plain("502 Bad Gateway", was_cut.then_some(pod.name.as_str()));
        }
        eprintln!("nobody takes {}", request.path);
        plain("503 Service Unavailable", None)
    }
}

fn plain(status: &str, cut: Option<&str>) -> Vec<u8> {
    let cut = cut.map_or(String::new(), |pod| format!("{CUT}: {pod}\r\n"));
    format!("HTTP/1.1 {status}\r\n{cut}content-length: 0\r\nconnection: close\r\n\r\n").into_bytes()
}

/// A complete response.
async fn whole(response: Response) -> reqwest::Result<Vec<u8>> {
    let mut head = format!("HTTP/1.1 {}\r\n", response.status()).into_bytes();
    for (name, value) in response.headers() {
        if !["connection", "transfer-encoding", "content-length"].contains(&name.as_str()) {
            head.extend_from_slice(format!("{name}: ").as_bytes());
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
    }
    let body = response.bytes().await?;
    let rest = format!(
        "content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    head.extend_from_slice(rest.as_bytes());
    head.extend_from_slice(&body);
    Ok(head)
}

/// Reads one complete request. The clients of these tests state the length of a body.
async fn read(client: &mut TcpStream) -> Result<Request> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if client.read_buf(&mut bytes).await? == 0 {
            return Err(Error::other("no request"));
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).map_err(Error::other)?;
    let mut lines = head.split("\r\n").filter(|line| !line.is_empty());
    let mut first = lines.next().unwrap_or_default().split(' ');
    let method = first
        .next()
        .unwrap_or_default()
        .parse()
        .map_err(Error::other)?;
    let path = first.next().unwrap_or_default().to_owned();
    let mut headers = HeaderMap::new();
    // Like every controller.
    let asking = client.peer_addr()?.ip().to_string();
    headers.insert("x-forwarded-for", asking.parse().map_err(Error::other)?);
    let mut length = 0;
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        let name: reqwest::header::HeaderName = name.parse().map_err(Error::other)?;
        if name == "content-length" {
            length = value.parse().map_err(Error::other)?;
        } else if name != "connection" {
            headers.append(name, value.parse().map_err(Error::other)?);
        }
    }
    while bytes.len() < head_end + length {
        if client.read_buf(&mut bytes).await? == 0 {
            return Err(Error::other("half a request"));
        }
    }
    Ok(Request {
        method,
        path,
        headers,
        body: bytes.split_off(head_end),
    })
}
