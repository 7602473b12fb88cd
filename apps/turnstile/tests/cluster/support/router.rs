//! What stands before the processes of all services: passes each request on to one of the service
//! that has its path, in turn, among those that answer `/readyz`.

use std::{
    collections::HashSet,
    io::{Error, ErrorKind, Result},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use testkit::Client;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// No request of a test has a longer head.
const MAX_HEAD: usize = 64 * 1024;
/// How often a process is asked whether it is ready, and how long it has to say so.
const PROBE: Duration = Duration::from_millis(500);

/// Paths that begin with the first go to the others (`host:port`); the first that fits wins.
pub type Routes = Vec<(&'static str, Vec<String>)>;

/// Ends with the value.
pub struct Router {
    url: String,
    tasks: Vec<JoinHandle<()>>,
}

struct State {
    routes: Routes,
    out: Mutex<HashSet<String>>,
    turn: AtomicUsize,
}

impl Router {
    /// Listens on a free port.
    pub async fn start(routes: Routes) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut tasks = Vec::new();
        let all: HashSet<_> = routes.iter().flat_map(|(_, all)| all.clone()).collect();
        let state = Arc::new(State {
            routes,
            out: Mutex::default(),
            turn: AtomicUsize::new(0),
        });
        for target in all {
            tasks.push(tokio::spawn(probe(state.clone(), target)));
        }
        tasks.push(tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let state = state.clone();
                // A client that goes away, or a service that does, ends its own request only.
                tokio::spawn(async move { state.pass_on(client).await });
            }
        }));
        Self { url, tasks }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn probe(state: Arc<State>, target: String) {
    let client = Client::new(format!("http://{target}"));
    loop {
        let asked = tokio::time::timeout(PROBE, client.get("/readyz").try_send()).await;
        let ready = matches!(asked, Ok(Ok(answer)) if answer.status == 200);
        state.note(&target, ready);
        tokio::time::sleep(PROBE / 2).await;
    }
}

impl State {
    /// Notes whether a process is to get requests.
    fn note(&self, target: &str, ready: bool) {
        let mut out = self.out.lock().unwrap();
        if ready {
            out.remove(target);
        } else {
            out.insert(target.to_owned());
        }
    }

    async fn pass_on(&self, mut client: TcpStream) -> Result<()> {
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
        let Some(mut service) = self.connect(path).await else {
            return client
                .write_all(b"HTTP/1.1 503 Nobody\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .await;
        };
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

    /// A connection to one that has the path; the next one if it takes none.
    async fn connect(&self, path: &str) -> Option<TcpStream> {
        let (_, targets) = self
            .routes
            .iter()
            .find(|(prefix, _)| path.starts_with(prefix))?;
        let out = self.out.lock().unwrap().clone();
        let mut ready: Vec<_> = targets.iter().filter(|one| !out.contains(*one)).collect();
        if ready.is_empty() {
            ready = targets.iter().collect();
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % ready.len();
        ready.rotate_left(turn);
        for target in ready {
            if let Ok(connection) = TcpStream::connect(target).await {
                return Some(connection);
            }
        }
        None
    }
}
