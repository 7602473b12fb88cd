//! The time until the program is ready, with a log that has some history.

use anyhow::Result;
use chrono::{Duration as ResolvedRange, Utc};
use domain::{
    Email, OrderId, TicketId, UserId,
    ticket::TicketEvent,
    ticket_orders::{CancelReason, OrderedTicket, TicketOrdersEvent},
    user::UserEvent,
};
use event_streams::{ORDERS, TICKETS, USERS};
use eventstore::Log;
use std::path::Path;
use uuid::Uuid;

use crate::{
    context::Bench,
    cpu::{Processes, resident_mib},
    fill::{self, PendingAppend},
    servers::{self, Stores},
};

/// Measures the first start, which fills the read models, and the next one.
pub fn measure(bench: &mut Bench, program: &Path, folder: &Path, sync_always: bool) -> Result<()> {
    let folder = folder.join("start");
    let nats = servers::nats(&folder.join("nats"), sync_always)?;
    let mongodb = servers::mongodb(&folder.join("mongodb"))?;
    let events = bench.runtime.block_on(async {
        let log = fill::open_log(nats.url()).await?;
        let events = history(&log, bench.scale.history).await?;
        log.close().await;
        anyhow::Ok(events)
    })?;
    let stores = Stores {
        nats: nats.url(),
        mongodb: mongodb.url(),
        database: "bench",
    };
    for what in ["first start, empty database", "start again"] {
        let turnstile = servers::turnstile(program, &folder, stores)?;
        let name = format!("ready with {events} events in the log, {what}");
        bench
            .report
            .figure(&name, turnstile.ready_after.as_secs_f64() * 1e3, "ms");
        let processes = Processes::with_load()
            .and("turnstile", turnstile.pid())
            .and("nats", nats.pid())
            .and("mongodb", mongodb.pid());
        let rest = processes.wait_until_quiet();
        bench
            .report
            .figure("  at rest after another", rest.as_secs_f64() * 1e3, "ms");
        if let Some(memory) = turnstile.pid().and_then(resident_mib) {
            bench.report.figure("  memory then", memory, "MiB");
        }
        turnstile.end()?;
    }
    mongodb.terminate()?;
    nats.terminate()
}

/// Appends users, tickets, and cancelled orders: about this number of events in all.
async fn history(log: &Log, events: usize) -> Result<usize> {
    let users = (0..events / 5).map(registered);
    let users: Vec<_> = users.collect();
    let mut count = fill::append(log, USERS, users).await?.len();
    let tickets = fill::list_tickets(log, events * 2 / 5).await?;
    count += tickets.len();
    let ordered = &tickets[..events / 10];
    let (mut in_orders, mut in_tickets) = (vec![0; ordered.len()], Vec::new());
    in_tickets.extend(ordered.iter().map(|(_, sequence)| *sequence));
    for version in 0..2 {
        let entries = ordered.iter().zip(&in_orders).zip(0_u64..);
        let entries: Vec<_> = entries
            .map(|(((id, _), expected), n)| PendingAppend {
                aggregate: ("ticket_orders", *id),
                version,
                event: order_event(*id, n, version),
                expected: *expected,
            })
            .collect();
        in_orders = fill::append(log, ORDERS, entries).await?;
        let entries: Vec<_> = ordered
            .iter()
            .zip(&in_tickets)
            .map(|((id, _), expected)| PendingAppend {
                aggregate: ("ticket", *id),
                version: version + 1,
                event: ticket_event(*id, version),
                expected: *expected,
            })
            .collect();
        in_tickets = fill::append(log, TICKETS, entries).await?;
        count += in_orders.len() + in_tickets.len();
    }
    Ok(count)
}

fn registered(n: usize) -> PendingAppend<UserEvent> {
    let text = format!("user-{n}@example.com");
    let email = Email::parse(&text).unwrap_or_else(|error| unreachable!("{text}: {error}"));
    let user_id = UserId::of(&email);
    PendingAppend {
        aggregate: ("user", user_id.0),
        version: 0,
        event: UserEvent::UserRegistered {
            user_id,
            email,
            password_hash:
                "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$no-password-has-this-hash"
                    .to_owned(),
            registered_at: Utc::now(),
        },
        expected: 0,
    }
}

/// Alternately a placed order and its cancellation.
fn order_event(ticket: Uuid, n: u64, version: u64) -> TicketOrdersEvent {
    let (order_id, now) = (OrderId(ticket), Utc::now());
    if version == 1 {
        return TicketOrdersEvent::OrderCancelled {
            order_id,
            reason: CancelReason::Buyer,
            version: 1,
        };
    }
    TicketOrdersEvent::OrderPlaced {
        order_id,
        buyer: UserId(Uuid::from_u128(u128::from(n % 1_000))),
        ticket: OrderedTicket {
            id: TicketId(ticket),
            title: fill::title(n),
            price: fill::price(n),
            currency: domain::Currency::USD,
            version: 0,
        },
        placed_at: now,
        expires_at: now + ResolvedRange::minutes(15),
    }
}

fn ticket_event(ticket: Uuid, orders_version: u64) -> TicketEvent {
    let order_id = OrderId(ticket);
    if orders_version == 0 {
        return TicketEvent::TicketReserved {
            order_id,
            orders_version,
        };
    }
    TicketEvent::TicketReleased {
        order_id,
        orders_version,
    }
}
