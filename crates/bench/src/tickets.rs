//! `POST /api/tickets`, compared with publishing the same bytes.

use anyhow::Result;
use serde::Deserialize;
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use uuid::Uuid;

use crate::{
    context::Bench,
    http::{self, Response},
    load::{self, Workload},
    rounds::Comparison,
    site::Site,
};

/// The header for a response that doesn't wait for the read model.
pub const RESPOND_ASYNC: &str = "Prefer: respond-async\r\n";
const TARGET: f64 = 0.3;

#[derive(Deserialize)]
struct Listed {
    id: Uuid,
}

/// Lists tickets, each different.
pub struct PostTickets {
    headers: String,
    count: AtomicU64,
    /// The number of tickets to list.
    limit: u64,
    /// The IDs of listed tickets, if they are needed.
    listed: Option<Mutex<Vec<Uuid>>>,
}

impl PostTickets {
    /// Lists an unlimited number of tickets.
    pub fn new(headers: String) -> Self {
        Self {
            headers,
            count: AtomicU64::new(0),
            limit: u64::MAX,
            listed: None,
        }
    }

    /// Lists this number of tickets and keeps their IDs.
    pub fn to_be_ordered(headers: String, limit: u64) -> Self {
        Self {
            limit,
            listed: Some(Mutex::default()),
            ..Self::new(headers)
        }
    }

    /// The IDs of the tickets that were listed since the last call.
    pub fn take_listed(&self) -> Vec<Uuid> {
        let Some(listed) = &self.listed else {
            return Vec::new();
        };
        std::mem::take(&mut listed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Workload for PostTickets {
    fn next(&self, buffer: &mut Vec<u8>) -> bool {
        let n = self.count.fetch_add(1, Ordering::Relaxed);
        if n >= self.limit {
            return false;
        }
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

    fn is_right(&self, answer: &Response<'_>) -> bool {
        if answer.status != 201 {
            return false;
        }
        let Some(listed) = &self.listed else {
            return true;
        };
        let ticket = serde_json::from_slice::<Listed>(answer.body);
        let mut listed = listed.lock().unwrap_or_else(PoisonError::into_inner);
        ticket.map(|ticket| listed.push(ticket.id)).is_ok()
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
