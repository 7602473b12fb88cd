//! A reverse proxy in front of the processes of all services.

use std::{
    collections::HashSet,
    io::{Error, ErrorKind, Result},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::Client;

/// No request of a test has a longer head.
const MAX_HEAD: usize = 64 * 1024;
/// Interval of the readiness checks, and their time limit.
const PROBE: Duration = Duration::from_millis(500);

/// The response when no process accepts a request.
const NOBODY: &[u8] = b"HTTP/1.1 503 Nobody\r\nretry-after: 1\r\n\
    content-length: 0\r\nconnection: close\r\n\r\n";

/// Each service and its paths. A process of the first serves all other paths.
pub const SERVICES: [(&str, &str); 6] = [
    ("auth", "/api/users"),
    ("tickets", "/api/tickets"),
    ("orders", "/api/orders"),
    ("payments", "/api/payments"),
    ("expiration", "/expiration"),
    ("analytics", "/api/analytics"),
];

/// Paths with this prefix go to one of these processes (`host:port`); the first matching prefix
/// wins.
pub type ProxyRoutes = Vec<(&'static str, Vec<String>)>;

/// Forwards each request to a process of the service with its path, to each in turn, and to the
/// next one if nothing listens there. A request that no process accepts gets 503.
///
/// It ends with the value.
#[derive(Debug)]
pub struct Router {
    url: String,
    state: Arc<State>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct State {
    routes: ProxyRoutes,
    out: Mutex<HashSet<String>>,
    turn: AtomicUsize,
}

impl Router {
    /// Listens on a free port, and considers every process ready.
    pub async fn start(routes: ProxyRoutes) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap_or_else(|error| panic!("the router can't listen: {error}"));
        let address = listener
            .local_addr()
            .unwrap_or_else(|error| panic!("the router has no address: {error}"));
        let state = Arc::new(State {
            routes,
            out: Mutex::default(),
            turn: AtomicUsize::new(0),
        });
        let passing = state.clone();
        let listening = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let state = passing.clone();
                // A client or service that disconnects ends only its own request.
                tokio::spawn(async move { state.pass_on(client).await });
            }
        });
        Self {
            url: format!("http://{address}"),
            state,
            tasks: vec![listening],
        }
    }

    /// From now on leaves out processes that don't answer `/readyz` with 200, as long as there are
    /// others.
    #[must_use]
    pub fn probing(mut self) -> Self {
        let routes = self.state.routes.iter();
        let all: HashSet<_> = routes.flat_map(|(_, targets)| targets.clone()).collect();
        for target in all {
            self.tasks
                .push(tokio::spawn(probe(self.state.clone(), target)));
        }
        self
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
    fn out(&self) -> MutexGuard<'_, HashSet<String>> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes whether a process is to receive requests.
    fn note(&self, target: &str, ready: bool) {
        let mut out = self.out();
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
            return client.write_all(NOBODY).await;
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
        // A service may answer before it has read the whole body, so only the end of its response
        // counts.
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

    /// A connection to a process for this path; tries the next one if it accepts none.
    async fn connect(&self, path: &str) -> Option<TcpStream> {
        let (_, targets) = self
            .routes
            .iter()
            .find(|(prefix, _)| path.starts_with(prefix))?;
        let out = self.out().clone();
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
