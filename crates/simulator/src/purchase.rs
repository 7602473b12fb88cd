//! One purchase: ordered, paid, cancelled or forgotten, and the workers' reactions.

use chrono::TimeDelta;
use domain::{
    Currency, OrderId, Price, UserId, policies,
    ticket::{ListingDifference, OrderDecision, TicketCommand},
    ticket_orders::{OrderedTicket, TicketOrdersCommand, TicketOrdersEvent},
    workers,
};
use uuid::Uuid;

use crate::{
    error::SimulationError,
    event::{PurchaseStep, SimEvent},
    payment,
    plan::HOLD,
    recorder::{Cause, Origin, Pending},
    world::World,
};

/// Executes one step.
pub(crate) fn step(
    world: &mut World,
    lot: usize,
    step: PurchaseStep,
) -> Result<(), SimulationError> {
    match step {
        PurchaseStep::Order { buyer, seen } => order(world, lot, buyer, seen),
        PurchaseStep::Cancel(order) => cancel(world, lot, order),
        PurchaseStep::Expire(order_id, cause) => {
            let origin = Origin::worker(&cause, workers::ORDERS_ON_EXPIRY, &order_id.to_string());
            let at = world.now;
            decide(
                world,
                lot,
                TicketOrdersCommand::Expire { order_id, at },
                &origin,
            )
        }
        PurchaseStep::Orders(pending) => decide(world, lot, pending.command, &pending.origin),
        PurchaseStep::Ticket(pending) => follow(world, lot, *pending),
        PurchaseStep::Pay(order, tries) => payment::pay(world, lot, order, tries),
        PurchaseStep::Answer {
            order,
            origin,
            declined: false,
            ..
        } => payment::authorize(world, lot, order, &origin),
        PurchaseStep::Answer {
            order,
            origin,
            tries,
            ..
        } => payment::decline(world, lot, order, &origin, tries),
        PurchaseStep::Settle(order, cause) => payment::settle(world, lot, order, &cause),
    }
}

fn order(
    world: &mut World,
    number: usize,
    buyer: UserId,
    seen: Price,
) -> Result<(), SimulationError> {
    let Some(lot) = world.inventory.get(number) else {
        // Sold in the meantime. Some buyers look for another.
        world.recorder.tally.refused += 1;
        if world.rng.percent(40) {
            world.after(TimeDelta::seconds(5), SimEvent::Look(buyer));
        }
        return Ok(());
    };
    let Some(listing) = lot.ticket.state.listing() else {
        return Ok(());
    };
    let ticket = OrderedTicket {
        id: lot.id,
        title: listing.title.clone(),
        price: listing.price,
        currency: Currency::USD,
        version: listing.version,
    };
    let origin = Origin::request(&mut world.rng, buyer);
    let command = TicketOrdersCommand::Place {
        order_id: OrderId(Uuid::new_v5(&origin.command, b"order")),
        buyer,
        ticket,
        seller: listing.seller,
        expected_price: Some(seen),
        difference: ListingDifference::default(),
        at: world.now,
        expires_at: world.now + HOLD,
    };
    decide(world, number, command, &origin)
}

fn cancel(world: &mut World, number: usize, order_id: OrderId) -> Result<(), SimulationError> {
    let lot = world.inventory.get(number);
    let Some(by) = lot.and_then(|lot| Some(lot.orders.state.order(order_id)?.buyer)) else {
        return Ok(());
    };
    let origin = Origin::request(&mut world.rng, by);
    decide(
        world,
        number,
        TicketOrdersCommand::Cancel { order_id, by },
        &origin,
    )
}

/// Has a ticket's orders decide, and schedules the consequences.
fn decide(
    world: &mut World,
    lot: usize,
    command: TicketOrdersCommand,
    origin: &Origin,
) -> Result<(), SimulationError> {
    let decided = world.execute_in(lot, |lot| Some(&mut lot.orders), command, origin)?;
    if let Some(decided) = decided {
        for (version, event) in decided.events {
            schedule_reactions(world, lot, version, &event, &decided.cause);
        }
    }
    Ok(())
}

fn schedule_reactions(
    world: &mut World,
    number: usize,
    version: u64,
    event: &TicketOrdersEvent,
    cause: &Cause,
) {
    let Some(lot) = world.inventory.get(number) else {
        return;
    };
    let ticket = lot.id.0;
    if let Some(deadline) = policies::expiration_on_orders(event) {
        let late = world.rng.millis(5, 90);
        let order = deadline.command.order_id;
        let expire = PurchaseStep::Expire(order, cause.clone());
        world.step_after(deadline.at + late - world.now, number, expire);
        choose_next_step(world, number, order);
    }
    // A refused payment changes nothing for the ticket, and is settled sooner.
    let mut settles_within = (40, 600);
    if let Some(reaction) = policies::tickets_on_orders(ticket, version, event) {
        let follow = Pending::new(workers::TICKETS_ON_ORDERS, cause, reaction);
        let delay = world.reaction_time();
        world.step_after(delay, number, PurchaseStep::Ticket(Box::new(follow)));
        settles_within = (60, 1_500);
    }
    if let Some(order) = policies::payments_on_orders(event) {
        let delay = world.rng.millis(settles_within.0, settles_within.1);
        world.step_after(delay, number, PurchaseStep::Settle(order, cause.clone()));
    }
}

/// Chooses what the buyer does with the order.
fn choose_next_step(world: &mut World, lot: usize, order: OrderId) {
    let (delay, step) = match world.rng.below(1_000) {
        0..=729 => (world.rng.seconds(12, 600), PurchaseStep::Pay(order, 0)),
        // In the last seconds: the payment may come too late.
        730..=759 => (
            HOLD - world.rng.millis(0, 4_000),
            PurchaseStep::Pay(order, 0),
        ),
        760..=829 => (world.rng.seconds(8, 840), PurchaseStep::Cancel(order)),
        _ => return,
    };
    world.step_after(delay, lot, step);
}

/// Has the ticket follow its orders.
fn follow(
    world: &mut World,
    lot: usize,
    Pending { command, origin }: Pending<TicketCommand>,
) -> Result<(), SimulationError> {
    let decision = match &command {
        TicketCommand::Follow { decision, .. } => Some(*decision),
        _ => None,
    };
    world.execute_in(lot, |lot| Some(&mut lot.ticket), command, &origin)?;
    if world.inventory.get(lot).is_some() {
        match decision {
            Some(OrderDecision::Placed(_)) => world.inventory.hide(lot),
            Some(OrderDecision::Cancelled(_)) => world.inventory.show(lot),
            _ => {}
        }
        world.inventory.forget_if_over(lot);
    }
    Ok(())
}
