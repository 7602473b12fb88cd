//! A proxy in front of MongoDB that delays selected messages.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::wire::read_message;

/// A proxy between clients and a MongoDB server. It forwards everything except the selected
/// messages: those wait, with everything after them on their connection. All other connections
/// continue, so a database can be slow in one respect only.
///
/// It ends with the value.
#[derive(Debug)]
pub struct MongoProxy {
    uri: String,
    shared: Arc<Shared>,
    listening: JoinHandle<()>,
}

type Predicate = Box<dyn FnMut(&[u8]) -> bool + Send>;

struct Shared {
    upstream: String,
    predicate: Mutex<Option<Predicate>>,
    /// Number of waiting messages.
    held: Mutex<u64>,
    /// Counts releases.
    releases: watch::Sender<u64>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("upstream", &self.upstream)
            .field("held", &*locked(&self.held))
            .finish_non_exhaustive()
    }
}

impl MongoProxy {
    /// Listens on a free port and forwards everything to the server at `upstream`
    /// (`mongodb://host:port`).
    pub async fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap_or_else(|error| panic!("the proxy can't listen: {error}"));
        let address = listener
            .local_addr()
            .unwrap_or_else(|error| panic!("the proxy has no address: {error}"));
        let shared = Arc::new(Shared {
            upstream: super::address_of(upstream).to_owned(),
            predicate: Mutex::default(),
            held: Mutex::default(),
            releases: watch::Sender::new(0),
        });
        Self {
            uri: format!("mongodb://{address}"),
            listening: tokio::spawn(listen(listener, shared.clone())),
            shared,
        }
    }

    /// The address for clients.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// Holds the clients' messages for which the predicate is true.
    pub fn hold_if(&self, predicate: impl FnMut(&[u8]) -> bool + Send + 'static) {
        *locked(&self.shared.predicate) = Some(Box::new(predicate));
    }

    /// Holds all writes to collections whose names have this prefix.
    pub fn hold_writes_to(&self, collections: &str) {
        let begin = collections.as_bytes().to_vec();
        self.hold_if(move |message| {
            ["insert", "update", "delete"].iter().any(|command| {
                // In BSON: the type "text", the field's name, four bytes of length, the text.
                let member = format!("\x02{command}\0").into_bytes();
                let found = message
                    .windows(member.len())
                    .position(|part| part == member);
                let name = found.and_then(|at| message.get(at + member.len() + 4..));
                name.is_some_and(|name| name.starts_with(&begin))
            })
        });
    }

    /// Number of messages that are waiting now.
    pub fn held(&self) -> u64 {
        *locked(&self.shared.held)
    }

    /// Forwards the held messages, and everything from now on.
    pub fn release(&self) {
        *locked(&self.shared.predicate) = None;
        self.shared.releases.send_modify(|releases| *releases += 1);
    }
}

impl Drop for MongoProxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Shared {
    /// Waits as long as the message is to be held.
    async fn pass(&self, message: &[u8]) {
        // Subscribes before it reads the message, so that no release falls between the two.
        let mut releases = self.releases.subscribe();
        let is_held = match &mut *locked(&self.predicate) {
            Some(predicate) => predicate(message),
            None => false,
        };
        if is_held {
            *locked(&self.held) += 1;
            let _ = releases.changed().await;
            *locked(&self.held) -= 1;
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    // Dropped, and so ended, together with the proxy.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let shared = shared.clone();
        connections.spawn(async move {
            // A side that disconnects ends only its own connection.
            let _ = connect(client, &shared).await;
        });
    }
}

async fn connect(client: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let server = TcpStream::connect(&shared.upstream).await?;
    // Small messages are forwarded at once: without this each would wait for the one before it.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let requests = async {
        while let Some(message) = read_message(&mut from_client).await? {
            shared.pass(&message).await;
            to_server.write_all(&message).await?;
        }
        Ok::<_, std::io::Error>(())
    };
    tokio::select! {
        ended = requests => ended,
        ended = tokio::io::copy(&mut from_server, &mut to_client) => ended.map(|_| ()),
    }
}
