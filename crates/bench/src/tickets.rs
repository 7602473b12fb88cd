//! `POST /api/tickets` beside publishing the same bytes.

use anyhow::Result;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    http::{self, Answer},
    load::{self, Workload},
    rounds::Comparison,
    run::Bench,
    site::Site,
};

/// Says that the answer needn't wait for the read model.
pub const RESPOND_ASYNC: &str = "Prefer: respond-async\r\n";
const TARGET: f64 = 0.3;

/// Lists tickets, each different.
pub struct PostTickets {
    headers: String,
    count: AtomicU64,
}

impl PostTickets {
    pub fn new(headers: String) -> Self {
        Self {
            headers,
            count: AtomicU64::new(0),
        }
    }
}

impl Workload for PostTickets {
    fn next(&self, buffer: &mut Vec<u8>) -> bool {
        let n = self.count.fetch_add(1, Ordering::Relaxed);
        let cents = 10 + n % 90;
        let body =
            format!(r#"{{"title":"Turnstile at the Roundhouse, row {n}","price":42.{cents}}}"#);
        http::request(
            buffer,
            "POST",
            "/api/tickets",
            &self.headers,
            body.as_bytes(),
        );
        true
    }

    fn is_right(&self, answer: &Answer<'_>) -> bool {
        answer.status == 201
    }
}

/// Measures both ways of listing tickets.
pub fn measure(bench: &mut Bench, site: &Site) -> Result<()> {
    for (name, target, prefer) in [
        (
            "POST /api/tickets, respond-async",
            Some(TARGET),
            RESPOND_ASYNC,
        ),
        ("POST /api/tickets, waiting for the read model", None, ""),
    ] {
        let headers = format!("{}{prefer}", site.cookie);
        let workload = Arc::new(PostTickets::new(headers));
        let (address, round) = (site.turnstile.address, bench.scale.round);
        load::run(address, &workload, Duration::from_millis(500))?;
        let comparison = Comparison {
            name,
            target,
            rounds: bench.scale.rounds,
            processes: &site.processes,
        };
        let row = comparison.run(
            || Ok(()),
            || load::run(address, &workload, round),
            || site.publish_raw(&bench.runtime, round),
        )?;
        bench.report.add(row);
    }
    Ok(())
}
