//! Measures commands per second, beside publishing the same messages without the store.
//!
//! `cargo run --release --example throughput` starts a NATS server of its own (`nats-server` must be
//! in the path). `SECONDS` is the duration of each measurement (5), `COMMITS` the number of commits
//! that an aggregate gets before it is measured again (100,000; 0 leaves that out), `DELAY_MS` the
//! delay in each direction of the connection that is measured last (2).

#[expect(dead_code, reason = "the other examples need more of it")]
mod accounts;

use async_nats::jetstream::{self, message::PublishMessage, stream};
use chrono::Utc;
use eventstore::{Expectation, Log, LogConfig, Metadata, Store};
use std::{
    env,
    error::Error,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use testkit::Nats;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
};
use uuid::Uuid;

use accounts::{ACCOUNTS, Account, AccountCommand};

/// Concurrent callers.
const CALLERS: u64 = 64;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let number =
        |name: &str, default: u64| env::var(name).map_or(Ok(default), |text| text.parse::<u64>());
    let duration = Duration::from_secs(number("SECONDS", 5)?);
    let (commits, delay) = (number("COMMITS", 100_000)?, number("DELAY_MS", 2)?);
    let nats = Nats::start().await;
    let log = connect(nats.url()).await?;
    let raw = RawPublisher::connect(nats.url()).await?;

    let rate = run(duration, move |_, _| raw.clone().publish()).await;
    println!("raw publish, new subjects          {rate:>9.0}/s");
    let rate = run(duration, deposits(&log, None)).await;
    println!("commands, new aggregates           {rate:>9.0}/s");
    let rate = run(duration, deposits(&log, Some("one"))).await;
    println!("commands, one aggregate            {rate:>9.0}/s");
    if commits > 0 {
        fill(&log, "long", commits).await?;
        let accounts = log.store::<Account>(ACCOUNTS);
        let began = Instant::now();
        while accounts.load("long").await.is_err() {}
        println!(
            "loading {commits} commits           {:>9.0?}",
            began.elapsed()
        );
        let deposit = move |_: u64, _: u64| deposit(accounts.clone(), "long".to_owned());
        let rate = run(duration, deposit).await;
        println!("commands, one with {commits} commits {rate:>9.0}/s");
    }
    let slow = slow_proxy(nats.url(), Duration::from_millis(delay)).await?;
    let log = connect(&slow).await?;
    let rate = run(duration, deposits(&log, Some("far"))).await;
    println!("commands, one aggregate, {delay} ms away {rate:>7.0}/s");
    Ok(())
}

async fn connect(url: &str) -> Result<Log, Box<dyn Error>> {
    let config = LogConfig {
        url: url.to_owned(),
        event_streams: vec![ACCOUNTS],
        ..LogConfig::default()
    };
    let log = Log::connect(config).await?;
    while log.streams().ensure().await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(log)
}

/// Runs a step over and over in as many tasks as there are callers. Returns successes per second.
async fn run<F, Fut>(duration: Duration, step: F) -> f64
where
    F: Fn(u64, u64) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = bool> + Send,
{
    let (end, done) = (Instant::now() + duration, Arc::new(AtomicU64::new(0)));
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (step, done) = (step.clone(), done.clone());
        callers.spawn(async move {
            let mut n = 0;
            while Instant::now() < end {
                let success = step(caller, n).await;
                done.fetch_add(u64::from(success), Ordering::Relaxed);
                n += 1;
            }
        });
    }
    callers.join_all().await;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let done = done.load(Ordering::Relaxed) as f64;
    done / duration.as_secs_f64()
}

/// Deposits on one account, or each on a new one.
fn deposits(
    log: &Log,
    one: Option<&'static str>,
) -> impl Fn(u64, u64) -> std::pin::Pin<Box<dyn Future<Output = bool> + Send>> + Clone + Send + 'static
{
    let accounts = log.store::<Account>(ACCOUNTS);
    move |_, _| {
        let id = one.map_or_else(|| Uuid::new_v4().to_string(), ToOwned::to_owned);
        Box::pin(deposit(accounts.clone(), id))
    }
}

async fn deposit(accounts: Store<Account>, id: String) -> bool {
    let metadata = Metadata::of_request(Uuid::new_v4(), "request-1", "ann", Utc::now());
    let command = AccountCommand::Deposit { cents: 1 };
    let hint = if id.len() > 30 {
        Expectation::LikelyNew
    } else {
        Expectation::Unknown
    };
    accounts
        .execute(&id, command, &metadata, hint)
        .await
        .is_ok()
}

/// Gives an account this number of commits.
async fn fill(log: &Log, id: &'static str, commits: u64) -> Result<(), Box<dyn Error>> {
    let accounts = log.store::<Account>(ACCOUNTS);
    let left = Arc::new(AtomicU64::new(commits));
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (accounts, left) = (accounts.clone(), left.clone());
        callers.spawn(async move {
            while left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
                .is_ok()
            {
                while !deposit(accounts.clone(), id.to_owned()).await {}
            }
        });
    }
    callers.join_all().await;
    Ok(())
}

/// Publishes what the store would, and nothing else.
#[derive(Clone)]
struct RawPublisher {
    jetstream: jetstream::Context,
}

impl RawPublisher {
    async fn connect(url: &str) -> Result<Self, Box<dyn Error>> {
        let jetstream = jetstream::new(async_nats::connect(url).await?);
        jetstream
            .get_or_create_stream(stream::Config {
                name: "RAW".to_owned(),
                subjects: vec!["RAW.*".to_owned()],
                deny_delete: true,
                deny_purge: true,
                allow_direct: true,
                ..stream::Config::default()
            })
            .await?;
        Ok(Self { jetstream })
    }

    async fn publish(self) -> bool {
        let message = PublishMessage::build()
            .payload(vec![b'x'; 330].into())
            .expected_last_subject_sequence(0);
        let subject = format!("RAW.{}", Uuid::new_v4());
        match self.jetstream.send_publish(subject, message).await {
            Ok(acknowledgment) => acknowledgment.await.is_ok(),
            Err(_) => false,
        }
    }
}

/// A way to the server that takes this long in each direction. Returns its address.
async fn slow_proxy(upstream: &str, delay: Duration) -> Result<String, Box<dyn Error>> {
    let upstream = upstream.trim_start_matches("nats://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("nats://{}", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let Ok(server) = TcpStream::connect(&upstream).await else {
                return;
            };
            let ((from_client, to_client), (from_server, to_server)) =
                (client.into_split(), server.into_split());
            tokio::spawn(pass(from_client, to_server, delay));
            tokio::spawn(pass(from_server, to_client, delay));
        }
    });
    Ok(url)
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin + Send + 'static,
    delay: Duration,
) {
    let (send, mut due) = mpsc::unbounded_channel::<(tokio::time::Instant, Vec<u8>)>();
    tokio::spawn(async move {
        while let Some((at, bytes)) = due.recv().await {
            tokio::time::sleep_until(at).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    });
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let at = tokio::time::Instant::now() + delay;
        if send.send((at, buffer[..read].to_vec())).is_err() {
            return;
        }
    }
}
