//! A proxy in front of NATS that drops acknowledgments and publications, and cuts connections.

use std::sync::{Arc, Mutex, PoisonError};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

mod frames;

pub use frames::{Ack, Publication};
use frames::{Frame, read_frame};

/// A proxy between clients and a NATS server. It forwards everything except the selected JetStream
/// publish acknowledgments: their messages are stored, but the senders are never informed, as when
/// a connection breaks at the worst moment.
///
/// It ends with the value.
#[derive(Debug)]
pub struct DropAcksProxy {
    url: String,
    shared: Arc<Shared>,
    listening: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    upstream: String,
    lossy: Mutex<Lossy>,
    swallow: Mutex<Swallow>,
    deaf: Mutex<Deaf>,
    is_cut: watch::Sender<bool>,
}

struct Lossy {
    policy: Policy,
    random: StdRng,
    dropped: u64,
}

enum Policy {
    PassAll,
    DropNext(u64),
    DropWithProbability(f64),
    DropIf(Box<dyn FnMut(&Ack) -> bool + Send>),
}

/// The subscription of a client that receives no deliveries any more.
#[derive(Debug, Default)]
enum Deaf {
    #[default]
    Nobody,
    /// The next one that receives a delivery.
    NextToReceive,
    This(String),
}

impl Deaf {
    fn misses(&mut self, frame: &Frame) -> bool {
        let Some(to) = frame.delivered_to() else {
            return false;
        };
        if matches!(self, Self::NextToReceive) {
            *self = Self::This(to.to_owned());
        }
        matches!(self, Self::This(deaf) if deaf == to)
    }
}

/// The publications that are dropped, and their number; and the writer that is outrun.
#[derive(Default)]
struct Swallow {
    predicate: Option<PublicationPredicate>,
    swallowed: u64,
    rival: Option<Rival>,
}

struct Rival {
    subject: String,
    replacing: (String, String),
}

type PublicationPredicate = Box<dyn FnMut(Publication<'_>) -> bool + Send>;

impl DropAcksProxy {
    /// Listens on a free port and forwards everything to the server at `upstream`
    /// (`nats://host:port`). The seed makes [`DropAcksProxy::drop_with_probability`] repeatable, as
    /// far as the order of acknowledgments is.
    pub async fn start(upstream: &str, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap_or_else(|error| panic!("the proxy can't listen: {error}"));
        let address = listener
            .local_addr()
            .unwrap_or_else(|error| panic!("the proxy has no address: {error}"));
        let shared = Arc::new(Shared {
            upstream: upstream.trim_start_matches("nats://").to_owned(),
            lossy: Mutex::new(Lossy {
                policy: Policy::PassAll,
                random: StdRng::seed_from_u64(seed),
                dropped: 0,
            }),
            swallow: Mutex::default(),
            deaf: Mutex::default(),
            is_cut: watch::Sender::new(false),
        });
        Self {
            url: format!("nats://{address}"),
            listening: tokio::spawn(listen(listener, shared.clone())),
            shared,
        }
    }

    /// The address for clients.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Drops the next `count` acknowledgments, and forwards those after them.
    pub fn drop_next(&self, count: u64) {
        self.set_policy(Policy::DropNext(count));
    }

    /// Drops each acknowledgment with a probability from 0 to 1.
    pub fn drop_with_probability(&self, probability: f64) {
        self.set_policy(Policy::DropWithProbability(probability));
    }

    /// Drops the acknowledgments for which the predicate is true.
    pub fn drop_if(&self, predicate: impl FnMut(&Ack) -> bool + Send + 'static) {
        self.set_policy(Policy::DropIf(Box::new(predicate)));
    }

    /// Drops the publications of clients for which the predicate is true: the server never receives
    /// them. That is in addition to the effect on acknowledgments.
    pub fn swallow_if(&self, predicate: impl FnMut(Publication<'_>) -> bool + Send + 'static) {
        self.shared.swallow().predicate = Some(Box::new(predicate));
    }

    /// Outruns every publication to this subject: before each, the same message is published under
    /// other IDs, with the first text replaced by the second, which must be as long. So every
    /// append conflicts, however often it is repeated.
    pub fn outrun(&self, subject: &str, replacing: (&str, &str)) {
        self.shared.swallow().rival = Some(Rival {
            subject: subject.to_owned(),
            replacing: (replacing.0.to_owned(), replacing.1.to_owned()),
        });
    }

    /// Drops the next message that a consumer delivers, and all later ones to the same
    /// subscription, forever. Forwards its heartbeats, and deliveries to any other.
    pub fn deafen(&self) {
        *self.shared.deaf() = Deaf::NextToReceive;
    }

    /// Number of dropped publications so far.
    pub fn swallowed(&self) -> u64 {
        self.shared.swallow().swallowed
    }

    /// Forwards everything again.
    pub fn pass_all(&self) {
        self.set_policy(Policy::PassAll);
        let mut swallow = self.shared.swallow();
        (swallow.predicate, swallow.rival) = (None, None);
    }

    /// Number of dropped acknowledgments so far.
    pub fn dropped(&self) -> u64 {
        self.shared.lossy().dropped
    }

    /// Closes all connections and every new one, until [`DropAcksProxy::restore`].
    pub fn cut(&self) {
        self.shared.is_cut.send_replace(true);
    }

    /// Accepts connections again.
    pub fn restore(&self) {
        self.shared.is_cut.send_replace(false);
    }

    fn set_policy(&self, policy: Policy) {
        self.shared.lossy().policy = policy;
    }
}

impl Drop for DropAcksProxy {
    fn drop(&mut self) {
        self.cut();
        self.listening.abort();
    }
}

impl Shared {
    fn lossy(&self) -> std::sync::MutexGuard<'_, Lossy> {
        self.lossy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn deaf(&self) -> std::sync::MutexGuard<'_, Deaf> {
        self.deaf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn swallow(&self) -> std::sync::MutexGuard<'_, Swallow> {
        self.swallow.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Swallow {
    fn ahead_of(&self, frame: &Frame) -> Option<Vec<u8>> {
        let rival = self.rival.as_ref()?;
        let (from, to) = &rival.replacing;
        frame
            .publication()
            .filter(|publication| publication.subject == rival.subject)?;
        frame.as_a_rivals((from, to))
    }

    fn swallows(&mut self, publication: Publication<'_>) -> bool {
        let swallows = self
            .predicate
            .as_mut()
            .is_some_and(|predicate| predicate(publication));
        self.swallowed += u64::from(swallows);
        swallows
    }
}

impl std::fmt::Debug for Swallow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Swallow")
            .field("swallowed", &self.swallowed)
            .finish_non_exhaustive()
    }
}

impl Lossy {
    fn loses(&mut self, ack: &Ack) -> bool {
        let loses = match &mut self.policy {
            Policy::PassAll | Policy::DropNext(0) => false,
            Policy::DropNext(count) => {
                *count -= 1;
                true
            }
            Policy::DropWithProbability(probability) => self.random.random_bool(*probability),
            Policy::DropIf(predicate) => predicate(ack),
        };
        self.dropped += u64::from(loses);
        loses
    }
}

impl std::fmt::Debug for Lossy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lossy")
            .field("dropped", &self.dropped)
            .finish_non_exhaustive()
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        // Subscribes before it reads the value, so that no cut falls between the two.
        let mut is_cut = shared.is_cut.subscribe();
        let shared = shared.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = is_cut.wait_for(|is_cut| *is_cut) => {}
                () = connect(client, &shared) => {}
            }
            // Both connections are closed here, when their halves are dropped.
        });
    }
}

/// Forwards bytes in both directions until one side closes.
async fn connect(client: TcpStream, shared: &Shared) {
    let Ok(server) = TcpStream::connect(&shared.upstream).await else {
        return;
    };
    // Small frames are forwarded at once: without this each would wait for the one before it.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        _ = pass_publications(from_client, to_server, shared) => {}
        _ = pass_acks(from_server, to_client, shared) => {}
    }
}

async fn pass_publications(
    from_client: OwnedReadHalf,
    mut to_server: OwnedWriteHalf,
    shared: &Shared,
) -> std::io::Result<()> {
    let mut from_client = BufReader::new(from_client);
    while let Some(frame) = read_frame(&mut from_client).await? {
        let publication = frame.publication();
        let is_lost = publication.is_some_and(|it| shared.swallow().swallows(it));
        if is_lost {
            continue;
        }
        let rivals = shared.swallow().ahead_of(&frame);
        if let Some(rivals) = rivals {
            to_server.write_all(&rivals).await?;
        }
        to_server.write_all(frame.bytes()).await?;
    }
    Ok(())
}

async fn pass_acks(
    from_server: OwnedReadHalf,
    mut to_client: OwnedWriteHalf,
    shared: &Shared,
) -> std::io::Result<()> {
    let mut from_server = BufReader::new(from_server);
    while let Some(frame) = read_frame(&mut from_server).await? {
        let is_lost = frame.ack().is_some_and(|ack| shared.lossy().loses(&ack))
            || shared.deaf().misses(&frame);
        if !is_lost {
            to_client.write_all(frame.bytes()).await?;
        }
    }
    Ok(())
}
