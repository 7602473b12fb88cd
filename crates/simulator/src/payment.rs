//! The payment of a purchase: cards are tried, and money is held, captured and voided.

use domain::{
    OrderId, PaymentId,
    payment::{PaymentCommand, PaymentStatus},
    policies,
    ticket_orders::OrderStatus,
    workers,
};
use event_streams::PAYMENTS;

use crate::{
    error::SimulationError,
    event::PurchaseStep,
    inventory::Lot,
    recorder::{Cause, Origin, Pending, Tracked},
    world::World,
};

/// Providers' reasons for a decline, and their frequency.
const REASONS: [(&str, u64); 3] = [
    ("Your card was declined.", 55),
    ("Your card has insufficient funds.", 35),
    ("Your card has expired.", 10),
];
/// The provider of these payments, which doesn't exist.
const PROVIDER: &str = "season";

/// A buyer submits a card.
pub(crate) fn pay(
    world: &mut World,
    number: usize,
    order_id: OrderId,
    tries: u32,
) -> Result<(), SimulationError> {
    let Some(lot) = world.inventory.get(number) else {
        return Ok(());
    };
    let Some(order) = lot.orders.state.order(order_id) else {
        return Ok(());
    };
    if !order.status.is_payable() {
        world.recorder.tally.refused += 1;
        return Ok(());
    }
    let origin = Origin::request(&mut world.rng, order.buyer);
    let id = PaymentId::of(order_id);
    let command = PaymentCommand::Begin {
        id,
        order_id,
        ticket_id: lot.id,
        buyer: order.buyer,
        amount: order.ticket.price,
        currency: order.ticket.currency,
        provider: PROVIDER.to_owned(),
        reference: reference(order_id),
        expires_at: order.expires_at,
        at: world.now,
    };
    let payment = lot.payments.entry(order_id);
    payment.or_insert_with(|| Tracked::new(PAYMENTS, id.0));
    decide(world, number, order_id, command, &origin.step("begin"))?;
    let declined = world.rng.percent(if tries == 0 { 9 } else { 30 });
    let delay = world.rng.millis(350, 1_900);
    let answer = PurchaseStep::Answer {
        order: order_id,
        origin,
        declined,
        tries,
    };
    world.step_after(delay, number, answer);
    Ok(())
}

/// The provider holds the money.
pub(crate) fn authorize(
    world: &mut World,
    lot: usize,
    order: OrderId,
    origin: &Origin,
) -> Result<(), SimulationError> {
    let command = PaymentCommand::Authorize {
        reference: reference(order),
    };
    decide(world, lot, order, command, &origin.step("authorize"))
}

/// The provider declines the card. Most buyers try another.
pub(crate) fn decline(
    world: &mut World,
    lot: usize,
    order: OrderId,
    origin: &Origin,
    tries: u32,
) -> Result<(), SimulationError> {
    let mut roll = world.rng.below(100);
    let reason = REASONS.iter().find(|(_, share)| {
        let hit = roll < *share;
        roll = roll.saturating_sub(*share);
        hit
    });
    let command = PaymentCommand::Decline {
        reason: reason.map_or(REASONS[0].0, |(text, _)| text).to_owned(),
        at: world.now,
    };
    decide(world, lot, order, command, &origin.step("decline"))?;
    if tries < 4 && world.rng.percent(78) {
        let delay = world.rng.seconds(15, 120);
        world.step_after(delay, lot, PurchaseStep::Pay(order, tries + 1));
    }
    Ok(())
}

/// Has a payment decide, and schedules the order's reaction.
fn decide(
    world: &mut World,
    lot: usize,
    order: OrderId,
    command: PaymentCommand,
    origin: &Origin,
) -> Result<(), SimulationError> {
    let decided = world.execute_in(lot, |lot| lot.payments.get_mut(&order), command, origin)?;
    let Some(decided) = decided else {
        return Ok(());
    };
    for (_, event) in decided.events {
        if let Some(reaction) = policies::orders_on_payments(&event) {
            let pending = Pending::new(workers::ORDERS_ON_PAYMENTS, &decided.cause, reaction);
            let delay = world.reaction_time();
            world.step_after(delay, lot, PurchaseStep::Orders(Box::new(pending)));
        }
    }
    Ok(())
}

/// Captures the money of a complete order, and voids that of one that is over.
pub(crate) fn settle(
    world: &mut World,
    number: usize,
    order: OrderId,
    cause: &Cause,
) -> Result<(), SimulationError> {
    let lot = world.inventory.get(number);
    let Some((order_status, payment_status)) = lot.and_then(|lot| statuses(lot, order)) else {
        return Ok(());
    };
    let command = match order_status {
        OrderStatus::Complete => PaymentCommand::Capture,
        OrderStatus::Cancelled => PaymentCommand::Void {
            reference: reference(order),
        },
        OrderStatus::Created | OrderStatus::AwaitingPayment => return Ok(()),
    };
    if !payment_status.is_final() {
        let origin = Origin::worker(cause, workers::PAYMENTS_ON_ORDERS, policies::SETTLE);
        decide(world, number, order, command, &origin)?;
    }
    world.inventory.forget_if_over(number);
    Ok(())
}

/// The provider's reference for a payment.
fn reference(order: OrderId) -> String {
    format!("season_{}", PaymentId::of(order).0.simple())
}

fn statuses(lot: &Lot, order: OrderId) -> Option<(OrderStatus, PaymentStatus)> {
    let payment = lot.payments.get(&order)?.state.begun()?.status;
    Some((lot.orders.state.order(order)?.status, payment))
}
