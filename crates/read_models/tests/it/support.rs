//! A log, a database and somebody who trades, for the tests of the read side.

use chrono::{DateTime, Utc};
use domain::{
    OrderId, Price, TicketId, Title, UserId,
    ticket::TicketEvent,
    ticket_orders::{CancelReason, OrderedTicket, TicketOrdersEvent},
};
use event_streams::{ORDERS, TICKETS};
use eventstore::{Log, Metadata, StreamName};
use futures_util::TryStreamExt;
use mongodb::bson::{RawDocumentBuf, doc};
use projections::{MongoStore, RunnerSettings};
use read_models::tickets::Tickets;
use std::{collections::HashMap, time::Duration};
use testkit::{LONG, Mongo, Nats};
use uuid::Uuid;

/// Real servers, and what writes to them.
pub struct World {
    pub nats: Nats,
    pub mongo: Mongo,
    pub log: Log,
    pub store: MongoStore,
}

impl World {
    pub async fn start() -> Self {
        Self::with(Nats::start().await, Mongo::database().await).await
    }

    /// With a MongoDB server that may be killed.
    pub async fn with_own_mongo() -> Self {
        Self::with(Nats::start().await, Mongo::own().await).await
    }

    pub async fn with(nats: Nats, mongo: Mongo) -> Self {
        let log = Log::open(event_streams::config_at(nats.url()))
            .await
            .unwrap();
        let store = MongoStore::connect(mongo.uri(), mongo.name())
            .await
            .unwrap();
        Self {
            nats,
            mongo,
            log,
            store,
        }
    }

    /// The database as it is, past this crate.
    pub async fn raw(&self) -> mongodb::Database {
        let client = mongodb::Client::with_uri_str(self.mongo.uri()).await;
        client.unwrap().database(self.mongo.name())
    }

    /// A connection of its own, as another process has.
    pub async fn another_store(&self) -> MongoStore {
        MongoStore::connect(self.mongo.uri(), self.mongo.name())
            .await
            .unwrap()
    }

    /// The read model of tickets, as a process of its own runs it.
    pub async fn tickets(&self) -> Tickets {
        let tickets = Tickets::start(&self.log, &self.store, quick());
        tickets.await.unwrap()
    }

    pub fn trader(&self) -> Trader {
        Trader {
            log: self.log.clone(),
            heads: HashMap::new(),
        }
    }
}

/// Short times, so that a test doesn't wait.
pub fn quick() -> RunnerSettings {
    RunnerSettings {
        lease: Duration::from_millis(1_500),
        renew: Duration::from_millis(200),
        stand_by: Duration::from_millis(100),
        checkpoint: Duration::from_millis(20),
        pause: Duration::from_millis(50),
        pause_max: Duration::from_millis(200),
        ..RunnerSettings::default()
    }
}

/// Appends events as the services would, and knows each aggregate's version.
pub struct Trader {
    pub log: Log,
    heads: HashMap<(StreamName, Uuid), (u64, u64)>,
}

pub fn title(text: &str) -> Title {
    Title::parse(text).unwrap()
}

pub fn price(cents: u64) -> Price {
    Price::from_cents(cents).unwrap()
}

/// An order of a ticket, as its event tells of it.
pub fn placed(
    order: Uuid,
    ticket: Uuid,
    buyer: Uuid,
    expires_at: DateTime<Utc>,
) -> TicketOrdersEvent {
    TicketOrdersEvent::OrderPlaced {
        order_id: OrderId(order),
        buyer: UserId(buyer),
        ticket: OrderedTicket {
            id: TicketId(ticket),
            title: title("Concert"),
            price: price(1_999),
            currency: domain::Currency::USD,
            version: 3,
        },
        placed_at: Utc::now(),
        expires_at,
    }
}

impl Trader {
    /// Lists this number of tickets, each of them reserved.
    pub async fn list_reserved(&mut self, count: u64) -> Vec<Uuid> {
        let mut ids = Vec::new();
        for n in 0..count {
            let (id, _) = self.list(Uuid::new_v4(), &n.to_string(), 100 + n).await;
            self.reserve(id, Uuid::new_v4()).await;
            ids.push(id);
        }
        ids
    }

    /// Lists a ticket; tells its id and the commit's sequence.
    pub async fn list(&mut self, seller: Uuid, text: &str, cents: u64) -> (Uuid, u64) {
        let id = Uuid::new_v4();
        let listed = TicketEvent::TicketListed {
            ticket_id: TicketId(id),
            seller: UserId(seller),
            title: title(text),
            price: price(cents),
        };
        (id, self.ticket(id, &[listed]).await)
    }

    pub async fn revise(&mut self, id: Uuid, text: &str, cents: u64) -> u64 {
        let revised = TicketEvent::TicketRevised {
            title: title(text),
            price: price(cents),
        };
        self.ticket(id, &[revised]).await
    }

    pub async fn reserve(&mut self, id: Uuid, order: Uuid) -> u64 {
        let reserved = TicketEvent::TicketReserved {
            order_id: OrderId(order),
            orders_version: 0,
        };
        self.ticket(id, &[reserved]).await
    }

    pub async fn release(&mut self, id: Uuid, order: Uuid) -> u64 {
        let released = TicketEvent::TicketReleased {
            order_id: OrderId(order),
            orders_version: 1,
        };
        self.ticket(id, &[released]).await
    }

    pub async fn sell(&mut self, id: Uuid, order: Uuid) -> u64 {
        let sold = TicketEvent::TicketSold {
            order_id: OrderId(order),
            orders_version: 1,
        };
        self.ticket(id, &[sold]).await
    }

    pub async fn ticket(&mut self, id: Uuid, events: &[TicketEvent]) -> u64 {
        self.append(TICKETS, "ticket", id, events).await
    }

    /// Places an order; tells its id and the commit's sequence.
    pub async fn order(
        &mut self,
        ticket: Uuid,
        buyer: Uuid,
        expires_at: DateTime<Utc>,
    ) -> (Uuid, u64) {
        let order = Uuid::new_v4();
        let placed = placed(order, ticket, buyer, expires_at);
        (order, self.orders(ticket, &[placed]).await)
    }

    pub async fn cancel(&mut self, ticket: Uuid, order: Uuid, version: u64) -> u64 {
        let cancelled = TicketOrdersEvent::OrderCancelled {
            order_id: OrderId(order),
            reason: CancelReason::Buyer,
            version,
        };
        self.orders(ticket, &[cancelled]).await
    }

    pub async fn orders(&mut self, ticket: Uuid, events: &[TicketOrdersEvent]) -> u64 {
        self.append(ORDERS, "ticket-orders", ticket, events).await
    }

    pub async fn append<E: cqrs_es::DomainEvent>(
        &mut self,
        stream: StreamName,
        kind: &str,
        id: Uuid,
        events: &[E],
    ) -> u64 {
        let (version, last) = self.heads.get(&(stream, id)).copied().unwrap_or_default();
        let metadata = Metadata::of_request(Uuid::new_v4(), "test", "tester", Utc::now());
        let sequence = self
            .log
            .importer()
            .append_events(
                stream,
                (kind, &id.to_string()),
                version,
                events,
                &metadata,
                last,
            )
            .await
            .unwrap();
        let next = version + events.len() as u64;
        self.heads.insert((stream, id), (next, sequence));
        sequence
    }
}

/// The documents of a collection as they are stored, by id.
pub async fn documents(world: &World, name: &str) -> Vec<Vec<u8>> {
    let collection = world.raw().await.collection::<RawDocumentBuf>(name);
    let found = collection.find(doc! {}).sort(doc! { "_id": 1 }).await;
    let found: Vec<_> = found.unwrap().try_collect().await.unwrap();
    found.into_iter().map(RawDocumentBuf::into_bytes).collect()
}

/// The collection's own identity.
pub async fn identity(world: &World, name: &str) -> String {
    let command = doc! { "listCollections": 1, "filter": { "name": name } };
    let reply = world.raw().await.run_command(command).await.unwrap();
    let first = &reply
        .get_document("cursor")
        .unwrap()
        .get_array("firstBatch")
        .unwrap()[0];
    let info = first.as_document().unwrap().get_document("info").unwrap();
    info.get("uuid").unwrap().to_string()
}

/// Waits until the read model reflects a commit.
pub async fn reaches_commit(tickets: &Tickets, sequence: u64) {
    let progress = tickets.runner().progress();
    assert!(progress.wait_for(TICKETS, sequence, LONG).await);
}
