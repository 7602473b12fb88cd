//! The work per command, commit and event without a server: `cargo bench --package bench --bench
//! micro`.
//!
//! All but the decisions run over the commits of a small season, so events are mixed as in a log,
//! and rates are commits per second.
#![allow(clippy::unwrap_used)] // as in tests: nothing goes on without these values

use analysis::{EventRow, events_of};
use chrono::{DateTime, TimeDelta, Utc};
use cqrs_es::Aggregate as _;
use divan::{Bencher, black_box, counter::ItemsCount};
use domain::{
    Currency, Decide as _, OrderId, Price, TicketId, Title, UserId,
    ticket::{ListingDifference, TicketEvent},
    ticket_orders::{OrderedTicket, TicketOrders, TicketOrdersCommand, TicketOrdersEvent},
};
use event_streams::{ORDERS, TICKETS};
use eventstore::{Commit, HistoricalCommit, StreamName};
use projections::Projection as _;
use read_models::tickets::TicketsProjection;
use simulator::{Plan, Simulation};
use uuid::Uuid;

/// The same allocator as the server's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

/// Placing an order on a ticket that was ordered and cancelled this many times.
#[divan::bench(args = [0, 10, 100])]
fn decide_an_order(bencher: Bencher<'_, '_>, orders_before: u128) {
    let orders = ordered_and_given_back(orders_before);
    bencher
        .with_inputs(|| place(orders_before))
        .bench_refs(|command| orders.decide(command.clone()).unwrap());
}

/// Rebuilding the orders of such a ticket from its events.
#[divan::bench(args = [1, 10, 100])]
fn apply_the_events_of_orders(bencher: Bencher<'_, '_>, orders: u128) {
    let mut events = Vec::new();
    let mut aggregate = TicketOrders::default();
    for n in 0..orders {
        events.extend(order_and_give_back(&mut aggregate, n));
    }
    bencher
        .counter(ItemsCount::new(events.len()))
        .with_inputs(|| events.clone())
        .bench_values(|events| {
            let mut aggregate = TicketOrders::default();
            for event in events {
                aggregate.apply(event);
            }
            aggregate
        });
}

/// From events to the stored payload.
#[divan::bench]
fn encode(bencher: Bencher<'_, '_>) {
    let commits = of_season(ORDERS);
    let commits: Vec<(&HistoricalCommit, Vec<TicketOrdersEvent>)> = commits
        .iter()
        .map(|(past, recorded)| {
            let events = recorded.decode().unwrap().into_iter();
            (past, events.map(|(_, event)| event).collect())
        })
        .collect();
    bencher.counter(ItemsCount::new(commits.len())).bench(|| {
        for (past, events) in &commits {
            let place = (
                past.stream,
                &*past.aggregate_type,
                past.aggregate_id.clone(),
            );
            let metadata = past.metadata.clone();
            let commit =
                HistoricalCommit::new(place, past.version, past.commit_id, metadata, events);
            black_box(commit.unwrap());
        }
    });
}

/// From metadata to headers, and from headers to a commit without reading its payload.
#[divan::bench]
fn write_and_read_headers(bencher: Bencher<'_, '_>) {
    let commits = of_season(ORDERS);
    bencher.counter(ItemsCount::new(commits.len())).bench(|| {
        for (past, _) in &commits {
            black_box(past.as_commit(1).unwrap());
        }
    });
}

/// From the payload to events.
#[divan::bench]
fn decode(bencher: Bencher<'_, '_>) {
    over_season(bencher, ORDERS, |commit| {
        commit.decode::<TicketOrdersEvent>().unwrap()
    });
}

/// The same for any stream, as the queries on the log do.
#[divan::bench]
fn decode_any_event(bencher: Bencher<'_, '_>) {
    over_season(bencher, ORDERS, |commit| events_of(commit).unwrap());
}

/// From the payload to rows, one per event.
#[divan::bench]
fn flatten(bencher: Bencher<'_, '_>) {
    over_season(bencher, ORDERS, |commit| EventRow::of(commit).unwrap());
}

/// From a commit to the changes of a read model.
#[divan::bench]
fn fold_into_documents(bencher: Bencher<'_, '_>) {
    over_season(bencher, TICKETS, |commit| {
        TicketsProjection.fold(commit).unwrap()
    });
}

/// The events of a read model alone, to tell what its documents cost.
#[divan::bench]
fn decode_what_is_folded(bencher: Bencher<'_, '_>) {
    over_season(bencher, TICKETS, |commit| {
        commit.decode::<TicketEvent>().unwrap()
    });
}

fn over_season<T>(bencher: Bencher<'_, '_>, stream: StreamName, work: impl Fn(&Commit) -> T) {
    let commits = of_season(stream);
    let work = &work;
    bencher
        .counter(ItemsCount::new(commits.len()))
        .bench_local(|| {
            for (_, commit) in &commits {
                black_box(work(commit));
            }
        });
}

/// The commits of a stream in a season of a week, in the forms for writing and for reading.
fn of_season(stream: StreamName) -> Vec<(HistoricalCommit, Commit)> {
    let plan = Plan {
        tickets: 100,
        days: 7,
        ..Plan::default()
    };
    let commits = Simulation::new(plan).map(|commit| commit.unwrap());
    let of_stream = commits.filter(|commit| commit.stream == stream);
    let both = of_stream.zip(1..).map(|(commit, sequence)| {
        let recorded = commit.as_commit(sequence).unwrap();
        (commit, recorded)
    });
    both.collect()
}

fn ordered_and_given_back(times: u128) -> TicketOrders {
    let mut orders = TicketOrders::default();
    for n in 0..times {
        order_and_give_back(&mut orders, n);
    }
    orders
}

fn order_and_give_back(orders: &mut TicketOrders, n: u128) -> Vec<TicketOrdersEvent> {
    let cancel = TicketOrdersCommand::Cancel {
        order_id: OrderId(Uuid::from_u128(n)),
        by: UserId(Uuid::from_u128(n)),
    };
    let mut all = Vec::new();
    for command in [place(n), cancel] {
        let events = orders.decide(command).unwrap();
        for event in &events {
            orders.apply(event.clone());
        }
        all.extend(events);
    }
    all
}

fn place(n: u128) -> TicketOrdersCommand {
    let at = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000);
    TicketOrdersCommand::Place {
        order_id: OrderId(Uuid::from_u128(n)),
        buyer: UserId(Uuid::from_u128(n)),
        ticket: OrderedTicket {
            id: TicketId(Uuid::from_u128(1)),
            title: Title::parse("Opening night").unwrap(),
            price: Price::from_cents(1_999).unwrap(),
            currency: "usd".parse::<Currency>().unwrap(),
            version: 0,
        },
        seller: UserId(Uuid::from_u128(u128::MAX)),
        expected_price: None,
        difference: ListingDifference::default(),
        at,
        expires_at: at + TimeDelta::minutes(15),
    }
}
