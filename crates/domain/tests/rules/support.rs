//! Values that the tests share, and the helpers of given/when/then.

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use cqrs_es::{
    Aggregate,
    test::{AggregateTestExecutor, TestFramework},
};
use domain::{Email, OrderId, PaymentId, Price, TicketId, Title, UserId};
use uuid::Uuid;

/// The aggregate after these events.
pub fn given<A: Aggregate<Services = ()>>(events: Vec<A::Event>) -> AggregateTestExecutor<A> {
    TestFramework::<A>::with(()).given(events)
}

/// The state that these events lead to.
pub fn state<A: Aggregate>(events: &[A::Event]) -> A
where
    A::Event: Clone,
{
    let mut aggregate = A::default();
    for event in events {
        aggregate.apply(event.clone());
    }
    aggregate
}

pub fn user(n: u128) -> UserId {
    UserId(Uuid::from_u128(0xA000 + n))
}

pub fn ticket_id() -> TicketId {
    TicketId(Uuid::from_u128(0xB000))
}

pub fn order(n: u128) -> OrderId {
    OrderId(Uuid::from_u128(0xC000 + n))
}

pub fn payment_of(n: u128) -> PaymentId {
    PaymentId::of(order(n))
}

pub fn email(text: &str) -> Email {
    Email::parse(text).unwrap()
}

pub fn title(text: &str) -> Title {
    Title::parse(text).unwrap()
}

pub fn price(cents: u64) -> Price {
    Price::from_cents(cents).unwrap()
}

/// A time in seconds after the start of these tests.
pub fn at(seconds: i64) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2030, 1, 2, 3, 4, 5).unwrap() + TimeDelta::seconds(seconds)
}
