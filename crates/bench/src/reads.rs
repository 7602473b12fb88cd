//! `GET /api/tickets` and `GET /api/tickets/{id}`, compared with a handler that has the same bytes
//! in memory.

use anyhow::{Context, Result, bail};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::{
    context::Bench,
    http::{self, Response},
    load::{self, Workload},
    rounds::Comparison,
    servers,
    site::Site,
    tickets::PostTickets,
};

const FOR_SALE: usize = 100;
const TARGET: f64 = 0.5;

/// Requests paths in turn.
struct Get {
    requests: Vec<Vec<u8>>,
    turn: AtomicUsize,
    length: usize,
}

impl Get {
    fn new(paths: &[String], length: usize) -> Self {
        let requests = paths.iter().map(|path| {
            let mut request = Vec::new();
            http::request(&mut request, "GET", path, "", b"");
            request
        });
        Self {
            requests: requests.collect(),
            turn: AtomicUsize::new(0),
            length,
        }
    }
}

impl Workload for Get {
    fn next(&self, buffer: &mut Vec<u8>) -> bool {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let Some(request) = self.requests.get(turn % self.requests.len().max(1)) else {
            return false;
        };
        buffer.clear();
        buffer.extend_from_slice(request);
        true
    }

    fn is_right(&self, answer: &Response<'_>) -> bool {
        // Tickets differ by a digit or two; an error or half a page by more.
        answer.status == 200 && answer.body.len().abs_diff(self.length) <= 4
    }
}

/// Measures both reads. There must be no tickets yet.
pub fn measure(bench: &mut Bench, site: &Site, folder: &Path) -> Result<()> {
    let paths = list_tickets(site)?;
    let list = fetch(site, "/api/tickets")?;
    let one = fetch(site, &paths[0])?;
    let raw = servers::raw_http(folder, &list, &one)?;
    let processes = site.processes.clone().and("raw", raw.pid());
    for (name, paths, length) in [
        (
            "GET /api/tickets",
            &["/api/tickets".to_owned()][..],
            list.len(),
        ),
        ("GET /api/tickets/{id}", &paths, one.len()),
    ] {
        let workload = Arc::new(Get::new(paths, length));
        let (ours, limit) = (site.turnstile.address, raw.address);
        for address in [ours, limit] {
            load::run(address, &workload, Duration::from_millis(500))?;
        }
        let comparison = Comparison {
            name,
            target: Some(TARGET),
            rounds: bench.scale.rounds,
            processes: &processes,
        };
        let round = bench.scale.round;
        let row = comparison.run(
            || Ok(()),
            || load::run(ours, &workload, round),
            || load::run(limit, &workload, round),
        )?;
        bench.report.add(row);
    }
    raw.end()
}

/// Lists a hundred tickets; returns their paths.
fn list_tickets(site: &Site) -> Result<Vec<String>> {
    let workload = PostTickets::new(site.cookie.clone());
    let mut request = Vec::new();
    (0..FOR_SALE)
        .map(|_| {
            workload.next(&mut request);
            load::once(site.turnstile.address, &request, |answer| {
                let text = String::from_utf8_lossy(answer.body);
                let ticket: serde_json::Value = serde_json::from_slice(answer.body)
                    .with_context(|| format!("{} {text}", answer.status))?;
                let id = ticket["id"].as_str();
                let id = id.with_context(|| format!("{} {text}", answer.status))?;
                Ok(format!("/api/tickets/{id}"))
            })
        })
        .collect()
}

fn fetch(site: &Site, path: &str) -> Result<Vec<u8>> {
    let mut request = Vec::new();
    http::request(&mut request, "GET", path, "", b"");
    load::once(site.turnstile.address, &request, |answer| {
        if answer.status != 200 {
            bail!("{path} answers {}", answer.status);
        }
        Ok(answer.body.to_vec())
    })
}
