//! A fixed small history: four tickets, with every possible outcome.

use chrono::{DateTime, Utc};
use domain::{
    Email, OrderId, PaymentId, Price, TicketId, Title, UserId,
    payment::PaymentEvent,
    ticket::TicketEvent,
    ticket_orders::{CancelReason, OrderedTicket, TicketOrdersEvent},
    user::UserEvent,
};
use event_streams::{ORDERS, PAYMENTS, TICKETS, USERS};
use std::collections::HashMap;
use uuid::Uuid;

use super::{
    archive::{Archive, Draft, event},
    id, moment,
};

/// The history, and its users.
pub struct Season {
    pub archive: Archive,
    requests: u32,
    /// The request that began the chain of each commit.
    chains: HashMap<Uuid, String>,
}

impl Season {
    pub fn ticket(number: u128) -> TicketId {
        TicketId(id(7, number))
    }

    pub fn order(number: u128) -> OrderId {
        OrderId(id(8, number))
    }

    pub fn user(name: &str) -> UserId {
        UserId::of(&Self::email(name))
    }

    fn email(name: &str) -> Email {
        Email::parse(&format!("{name}@example.com")).unwrap()
    }

    /// Writes all of it.
    ///
    /// - Ticket 1 is bought by bob after a declined card.
    /// - Ticket 2 is held twice by cleo, who lets it expire once and gives it back once.
    /// - Ticket 3 gets cheaper; bob pays and cancels at once, and the cancellation wins.
    /// - Ticket 4 is held at the end.
    pub async fn write() -> Self {
        Self::write_to(Archive::start().await).await
    }

    pub async fn write_to(archive: Archive) -> Self {
        let mut season = Self {
            archive,
            requests: 0,
            chains: HashMap::new(),
        };
        for (minute, name) in ["ann", "dan", "bob", "cleo"].into_iter().enumerate() {
            season
                .sign_up(name, moment(1, 9, u32::try_from(minute).unwrap()))
                .await;
        }
        season.first_ticket().await;
        season.list(2, "ann", 1_999, moment(1, 10, 10)).await;
        season.list(3, "dan", 15_000, moment(1, 10, 20)).await;
        season.second_ticket().await;
        season.third_ticket().await;
        season.fourth_ticket().await;
        season
    }

    async fn first_ticket(&mut self) {
        let at = |minute| moment(1, 10, minute);
        self.list(1, "ann", 2_000, at(0)).await;
        let placed = self.place(1, 1, "bob", 2_000, at(5)).await;
        self.reserved(1, 1, 0, placed, at(5)).await;
        let begun = self.begin(1, 1, "bob", 2_000, at(6)).await;
        self.awaiting(1, 1, begun, at(6)).await;
        self.pay(1, "bob", vec![Self::declined(1)], None, at(6))
            .await;
        let authorized = PaymentEvent::PaymentAuthorized {
            order_id: Self::order(1),
            ticket_id: Self::ticket(1),
        };
        let authorized = self
            .pay(1, "bob", vec![event(&authorized)], None, at(7))
            .await;
        let complete = TicketOrdersEvent::OrderCompleted {
            order_id: Self::order(1),
            payment_id: PaymentId::of(Self::order(1)),
            version: 2,
        };
        let complete = self
            .orders(1, "orders", &complete, Some(authorized), at(7))
            .await;
        let captured = PaymentEvent::PaymentCaptured {
            order_id: Self::order(1),
            amount: price(2_000),
        };
        self.pay(1, "payments", vec![event(&captured)], Some(complete), at(8))
            .await;
        let sold = TicketEvent::TicketSold {
            order_id: Self::order(1),
            orders_version: 2,
        };
        self.tickets(1, "tickets", &sold, Some(complete), at(8))
            .await;
    }

    async fn second_ticket(&mut self) {
        let placed = self.place(2, 2, "cleo", 1_999, moment(1, 11, 0)).await;
        self.reserved(2, 2, 0, placed, moment(1, 11, 0)).await;
        self.cancel(
            2,
            2,
            CancelReason::Expired,
            1,
            "expiration",
            Some(placed),
            moment(1, 11, 15),
        )
        .await;
        let placed = self.place(2, 3, "cleo", 1_999, moment(1, 11, 20)).await;
        self.reserved(2, 3, 2, placed, moment(1, 11, 20)).await;
        let cleo = Self::user("cleo").to_string();
        self.cancel(2, 3, CancelReason::Buyer, 3, &cleo, None, moment(1, 11, 25))
            .await;
    }

    async fn third_ticket(&mut self) {
        let at = |minute| moment(1, 12, minute);
        let cheaper = TicketEvent::TicketRevised {
            title: title(3),
            price: price(12_500),
        };
        let dan = Self::user("dan").to_string();
        self.tickets(3, &dan, &cheaper, None, moment(1, 11, 30))
            .await;
        let placed = self.place(3, 4, "bob", 12_500, at(0)).await;
        self.reserved(3, 4, 0, placed, at(0)).await;
        let begun = self.begin(4, 3, "bob", 12_500, at(1)).await;
        self.awaiting(3, 4, begun, at(1)).await;
        let bob = Self::user("bob").to_string();
        let cancelled = self
            .cancel(3, 4, CancelReason::Buyer, 2, &bob, None, at(2))
            .await;
        let authorized = PaymentEvent::PaymentAuthorized {
            order_id: Self::order(4),
            ticket_id: Self::ticket(3),
        };
        let authorized = self
            .pay(4, "bob", vec![event(&authorized)], None, at(2))
            .await;
        let refused = TicketOrdersEvent::PaymentRefused {
            order_id: Self::order(4),
            payment_id: PaymentId::of(Self::order(4)),
        };
        self.orders(3, "orders", &refused, Some(authorized), at(3))
            .await;
        let voided = PaymentEvent::PaymentVoided {
            order_id: Self::order(4),
        };
        self.pay(4, "payments", vec![event(&voided)], Some(cancelled), at(3))
            .await;
    }

    async fn fourth_ticket(&mut self) {
        self.list(4, "dan", 4_500, moment(2, 18, 0)).await;
        let placed = self.place(4, 5, "cleo", 4_500, moment(2, 18, 30)).await;
        self.reserved(4, 5, 0, placed, moment(2, 18, 30)).await;
    }

    /// A request's id.
    fn request(&mut self) -> String {
        self.requests += 1;
        format!("request-{:02}", self.requests)
    }

    async fn sign_up(&mut self, name: &str, at: DateTime<Utc>) {
        let user = Self::user(name);
        let registered = UserEvent::UserRegistered {
            user_id: user,
            email: Self::email(name),
            password_hash: "$argon2id$v=19$never-to-be-shown".to_owned(),
            registered_at: at,
        };
        let draft = Draft {
            stream: USERS,
            aggregate: user.0,
            time: at,
            actor: user.to_string(),
            request: self.request(),
            cause: None,
            events: vec![event(&registered)],
            version: None,
        };
        self.write_down(draft).await;
    }

    async fn write_down(&mut self, draft: Draft) -> Uuid {
        let commit = self.archive.commit(&draft).await;
        self.chains.insert(commit, draft.request);
        commit
    }

    async fn list(&mut self, ticket: u128, seller: &str, cents: u64, at: DateTime<Utc>) {
        let listed = TicketEvent::TicketListed {
            ticket_id: Self::ticket(ticket),
            seller: Self::user(seller),
            title: title(ticket),
            price: price(cents),
        };
        let seller = Self::user(seller).to_string();
        self.tickets(ticket, &seller, &listed, None, at).await;
    }

    async fn place(
        &mut self,
        ticket: u128,
        order: u128,
        buyer: &str,
        cents: u64,
        at: DateTime<Utc>,
    ) -> Uuid {
        let buyer = Self::user(buyer);
        let placed = TicketOrdersEvent::OrderPlaced {
            order_id: Self::order(order),
            buyer,
            ticket: OrderedTicket {
                id: Self::ticket(ticket),
                title: title(ticket),
                price: price(cents),
                currency: domain::Currency::USD,
                version: 0,
            },
            placed_at: at,
            expires_at: at + chrono::TimeDelta::minutes(15),
        };
        self.orders(ticket, &buyer.to_string(), &placed, None, at)
            .await
    }

    async fn reserved(
        &mut self,
        ticket: u128,
        order: u128,
        orders_version: u64,
        cause: Uuid,
        at: DateTime<Utc>,
    ) {
        let reserved = TicketEvent::TicketReserved {
            order_id: Self::order(order),
            orders_version,
        };
        self.tickets(ticket, "tickets", &reserved, Some(cause), at)
            .await;
    }

    #[expect(clippy::too_many_arguments)]
    async fn cancel(
        &mut self,
        ticket: u128,
        order: u128,
        reason: CancelReason,
        orders_version: u64,
        by: &str,
        cause: Option<Uuid>,
        at: DateTime<Utc>,
    ) -> Uuid {
        let cancelled = TicketOrdersEvent::OrderCancelled {
            order_id: Self::order(order),
            reason,
            version: 1,
        };
        let cancelled = self.orders(ticket, by, &cancelled, cause, at).await;
        let released = TicketEvent::TicketReleased {
            order_id: Self::order(order),
            orders_version,
        };
        self.tickets(ticket, "tickets", &released, Some(cancelled), at)
            .await;
        cancelled
    }

    async fn begin(
        &mut self,
        order: u128,
        ticket: u128,
        buyer: &str,
        cents: u64,
        at: DateTime<Utc>,
    ) -> Uuid {
        let begun = PaymentEvent::PaymentBegun {
            payment_id: PaymentId::of(Self::order(order)),
            order_id: Self::order(order),
            ticket_id: Self::ticket(ticket),
            buyer: Self::user(buyer),
            amount: price(cents),
            currency: domain::Currency::USD,
            provider: "sandbox".to_owned(),
            reference: format!("pi_{order}"),
            expires_at: at + chrono::TimeDelta::minutes(14),
            begun_at: at,
        };
        self.pay(order, buyer, vec![event(&begun)], None, at).await
    }

    async fn awaiting(&mut self, ticket: u128, order: u128, cause: Uuid, at: DateTime<Utc>) {
        let awaiting = TicketOrdersEvent::OrderAwaitingPayment {
            order_id: Self::order(order),
            payment_id: PaymentId::of(Self::order(order)),
            version: 1,
        };
        self.orders(ticket, "orders", &awaiting, Some(cause), at)
            .await;
    }

    /// A decline as it was stored before it had a time: old events stay readable.
    fn declined(order: u128) -> serde_json::Value {
        serde_json::json!({
            "type": "PaymentDeclined",
            "version": "1.0",
            "data": { "order_id": Self::order(order), "reason": "Your card has insufficient funds." },
        })
    }

    pub async fn tickets(
        &mut self,
        ticket: u128,
        actor: &str,
        happened: &TicketEvent,
        cause: Option<Uuid>,
        at: DateTime<Utc>,
    ) -> Uuid {
        let draft = self.draft(TICKETS, Self::ticket(ticket).0, actor, cause, at);
        let events = vec![event(happened)];
        self.write_down(Draft { events, ..draft }).await
    }

    pub async fn orders(
        &mut self,
        ticket: u128,
        actor: &str,
        happened: &TicketOrdersEvent,
        cause: Option<Uuid>,
        at: DateTime<Utc>,
    ) -> Uuid {
        let draft = self.draft(ORDERS, Self::ticket(ticket).0, actor, cause, at);
        let events = vec![event(happened)];
        self.write_down(Draft { events, ..draft }).await
    }

    pub async fn pay(
        &mut self,
        order: u128,
        actor: &str,
        events: Vec<serde_json::Value>,
        cause: Option<Uuid>,
        at: DateTime<Utc>,
    ) -> Uuid {
        let actor = match actor {
            "payments" => actor.to_owned(),
            name => Self::user(name).to_string(),
        };
        let payment = PaymentId::of(Self::order(order)).0;
        let draft = self.draft(PAYMENTS, payment, &actor, cause, at);
        self.write_down(Draft { events, ..draft }).await
    }

    fn draft(
        &mut self,
        stream: eventstore::StreamName,
        aggregate: Uuid,
        actor: &str,
        cause: Option<Uuid>,
        time: DateTime<Utc>,
    ) -> Draft {
        let chain = cause.and_then(|cause| self.chains.get(&cause).cloned());
        Draft {
            stream,
            aggregate,
            time,
            actor: actor.to_owned(),
            request: chain.unwrap_or_else(|| self.request()),
            cause,
            events: Vec::new(),
            version: None,
        }
    }
}

fn title(ticket: u128) -> Title {
    Title::parse(&format!("Seat {ticket}")).unwrap()
}

fn price(cents: u64) -> Price {
    Price::from_cents(cents).unwrap()
}
