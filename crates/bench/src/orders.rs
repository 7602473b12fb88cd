//! `POST /api/orders` on distinct tickets, compared with publishing the same bytes.

use anyhow::{Result, ensure};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use uuid::Uuid;

use crate::{
    context::Bench,
    http::{self, Response},
    load::{self, Workload},
    rounds::Comparison,
    sample::Sample,
    site::Site,
    tickets::{PostTickets, RESPOND_ASYNC},
};

const TARGET: f64 = 0.2;
/// Time limit for listing the tickets of a round.
const STOCK_BOUND: Duration = Duration::from_mins(2);
const WARM_UP: Duration = Duration::from_millis(500);
/// Orders per second to prepare for before any rate is known.
const FIRST_GUESS: f64 = 10_000.0;
/// Factor by which more tickets are prepared than the best round so far used.
const MARGIN: f64 = 1.5;

/// Orders tickets, each once.
struct PostOrders {
    headers: String,
    tickets: Mutex<Vec<Uuid>>,
}

impl PostOrders {
    fn tickets(&self) -> std::sync::MutexGuard<'_, Vec<Uuid>> {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ensures that there are enough tickets for a round at this rate. They are listed through the
    /// API, as in production: the process that accepts the orders may have them cached.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn stock(&self, site: &Site, per_second: f64, round: Duration) -> Result<()> {
        let wanted = (per_second * round.as_secs_f64()) as usize + load::CONNECTIONS;
        let missing = wanted.saturating_sub(self.tickets().len());
        if missing == 0 {
            return Ok(());
        }
        let headers = format!("{}{RESPOND_ASYNC}", site.cookie);
        let listing = Arc::new(PostTickets::to_be_ordered(headers, missing as u64));
        load::run(site.turnstile.address, &listing, STOCK_BOUND)?;
        let listed = listing.take_listed();
        ensure!(
            listed.len() == missing,
            "{missing} tickets were wanted, {} listed",
            listed.len()
        );
        self.tickets().extend(listed);
        Ok(())
    }
}

impl Workload for PostOrders {
    fn next(&self, buffer: &mut Vec<u8>) -> bool {
        let Some(ticket) = self.tickets().pop() else {
            return false;
        };
        let body = format!(r#"{{"ticketId":"{ticket}"}}"#);
        http::request(
            buffer,
            "POST",
            "/api/orders",
            &self.headers,
            body.as_bytes(),
        );
        true
    }

    fn is_right(&self, answer: &Response<'_>) -> bool {
        answer.status == 201
    }
}

/// Measures both ways of placing orders.
pub fn measure(bench: &mut Bench, site: &Site) -> Result<()> {
    for (name, target, prefer) in [
        (
            "POST /api/orders, waiting for the read model",
            Some(TARGET),
            "",
        ),
        ("POST /api/orders, respond-async", None, RESPOND_ASYNC),
    ] {
        let workload = Arc::new(PostOrders {
            headers: format!("{}{prefer}", site.cookie),
            tickets: Mutex::default(),
        });
        let (address, round) = (site.turnstile.address, bench.scale.round);
        let runtime = &bench.runtime;
        workload.stock(site, FIRST_GUESS, WARM_UP)?;
        site.processes.wait_until_quiet();
        let warm_up = load::run(address, &workload, WARM_UP)?;
        let best = std::cell::Cell::new(warm_up.per_second());
        let ours = || -> Result<Sample> {
            let sample = load::run(address, &workload, round)?;
            best.set(best.get().max(sample.per_second()));
            Ok(sample)
        };
        let comparison = Comparison {
            name,
            target,
            rounds: bench.scale.rounds,
            processes: &site.processes,
        };
        let row = comparison.run(
            || workload.stock(site, best.get() * MARGIN, round),
            ours,
            || site.publish_raw(runtime, round),
        )?;
        bench.report.add(row);
    }
    Ok(())
}
