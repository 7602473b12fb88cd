//! The load generator: connections that each send a request as soon as the last one is answered.

use anyhow::{Context, Result, bail};
use std::{
    net::SocketAddr,
    sync::{Arc, Barrier},
    thread,
    time::{Duration, Instant},
};
use tokio::task::LocalSet;

use crate::{
    http::{HttpConnection, Response},
    sample::Sample,
};

/// Number of connections.
pub const CONNECTIONS: usize = 64;
const THREADS: usize = 2;

/// The requests, and the check of their responses.
pub trait Workload: Send + Sync + 'static {
    /// Replaces the buffer with the next request; false when there are no more requests, which
    /// counts as a failure.
    fn next(&self, buffer: &mut Vec<u8>) -> bool;

    /// Whether a response is right.
    fn is_right(&self, answer: &Response<'_>) -> bool;
}

/// Runs a workload for this time. Requests in progress at the end are completed, but not counted.
pub fn run(
    address: SocketAddr,
    workload: &Arc<impl Workload>,
    duration: Duration,
) -> Result<Sample> {
    let connected = Arc::new(Barrier::new(THREADS));
    let began = Instant::now();
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (workload, connected) = (workload.clone(), connected.clone());
            thread::spawn(move || one_thread(address, &workload, &connected, duration))
        })
        .collect();
    let mut all = Sample::default();
    for thread in threads {
        match thread.join() {
            Ok(sample) => all.merge(sample?),
            Err(_) => bail!("the load generator panicked"),
        }
    }
    all.took = duration.min(began.elapsed());
    Ok(all)
}

fn one_thread(
    address: SocketAddr,
    workload: &Arc<impl Workload>,
    connected: &Barrier,
    duration: Duration,
) -> Result<Sample> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS / THREADS {
            let opened = HttpConnection::open(address).await;
            connections.push(opened);
        }
        // Before the first error is checked, since the other thread waits here, too.
        connected.wait();
        let end = Instant::now() + duration;
        let mut tasks = Vec::new();
        for connection in connections {
            let (connection, workload) = (connection?, workload.clone());
            let one = one_connection(connection, workload, end);
            tasks.push(tokio::task::spawn_local(one));
        }
        let mut all = Sample::default();
        for task in tasks {
            all.merge(task.await.context("the load generator panicked")?);
        }
        Ok(all)
    })
}

async fn one_connection(
    mut connection: HttpConnection,
    workload: Arc<impl Workload>,
    end: Instant,
) -> Sample {
    let mut sample = Sample::default();
    let mut buffer = Vec::new();
    let mut began = Instant::now();
    while began < end {
        if !workload.next(&mut buffer) {
            sample.wrong(|| "there was nothing more to ask".to_owned());
            break;
        }
        let answered = connection.exchange(&buffer).await;
        let now = Instant::now();
        match answered {
            Ok(answer) if workload.is_right(&answer) => {
                if now < end {
                    sample.right(now - began);
                }
            }
            Ok(answer) => sample.wrong(|| {
                let text = String::from_utf8_lossy(answer.body);
                format!(
                    "{} {}",
                    answer.status,
                    text.chars().take(300).collect::<String>()
                )
            }),
            Err(error) => {
                sample.wrong(|| format!("{error:#}"));
                break;
            }
        }
        began = now;
    }
    sample
}

/// Sends one request outside of any measurement.
pub fn once<T>(
    address: SocketAddr,
    request: &[u8],
    take: impl FnOnce(&Response<'_>) -> Result<T>,
) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    runtime.block_on(async {
        let mut connection = HttpConnection::open(address).await?;
        take(&connection.exchange(request).await?)
    })
}
