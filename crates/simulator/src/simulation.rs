//! The course of a simulation: arrivals and offers.

use chrono::{Datelike, TimeDelta, Weekday};
use domain::{
    Price, TicketId, UserId,
    ticket::TicketCommand,
    user::{NO_PASSWORD, User, UserCommand},
};
use event_streams::{ORDERS, TICKETS, USERS};
use eventstore::HistoricalCommit;
use std::collections::HashMap;
use uuid::Uuid;

use crate::{
    Plan,
    calendar::Calendar,
    catalog,
    error::SimulationError,
    event::{PurchaseStep, SimEvent},
    event_queue::EventQueue,
    inventory::{Inventory, Lot},
    people::{People, Visitor},
    purchase,
    recorder::{Origin, Recorder, Tally, Tracked},
    rng::Rng,
    world::World,
};

/// Visits per ticket, without flash sales: about half of them end with an order.
const VISITS: u64 = 3;
/// Visitors of a flash sale per ticket that takes part.
const CROWD: u64 = 3;

/// A simulated season of the marketplace, commit by commit, in order of time. The iterator is the
/// simulation: its state is that of the last commit it returned.
#[derive(Debug)]
pub struct Simulation {
    plan: Plan,
    calendar: Calendar,
    sellers: People,
    buyers: People,
    world: World,
    /// The tickets of the current flash sale, with their original prices.
    flash: Vec<(usize, Price)>,
}

impl Simulation {
    /// Begins at the plan's first moment.
    pub fn new(plan: Plan) -> Self {
        let mut queue = EventQueue::new();
        queue.schedule(plan.start, SimEvent::Hour(0));
        Self {
            plan,
            calendar: Calendar::new(&plan),
            sellers: People::new("seller", plan.key(), plan.sellers),
            buyers: People::new("buyer", plan.key(), plan.buyers),
            world: World {
                now: plan.start,
                rng: Rng::new(plan.key()),
                queue,
                inventory: Inventory::default(),
                recorder: Recorder::default(),
            },
            flash: Vec::new(),
        }
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The totals so far.
    pub fn tally(&self) -> Tally {
        self.world.recorder.tally
    }

    fn handle(&mut self, event: SimEvent) -> Result<(), SimulationError> {
        match event {
            SimEvent::Hour(hour) => self.begin_hour(hour),
            SimEvent::Offer => {
                let arrival = self.sellers.draw(&mut self.world.rng)?;
                let (seller, wait) = self.sign_up(arrival, 1_200)?;
                self.world.after(wait, SimEvent::List(seller));
            }
            SimEvent::List(seller) => self.list(seller)?,
            SimEvent::Reconsider(lot) => self.reconsider(lot)?,
            SimEvent::Visit => {
                let arrival = self.buyers.draw(&mut self.world.rng)?;
                let (buyer, wait) = self.sign_up(arrival, 240)?;
                self.world.after(wait, SimEvent::Look(buyer));
            }
            SimEvent::Look(buyer) => self.look(buyer),
            SimEvent::FlashBegins => self.begin_flash()?,
            SimEvent::FlashEnds => self.end_flash()?,
            SimEvent::Purchase(lot, step) => purchase::step(&mut self.world, lot, step)?,
        }
        Ok(())
    }

    fn begin_hour(&mut self, hour: usize) {
        let Some(begin) = self.calendar.hour(hour) else {
            return;
        };
        let tickets = u64::from(self.plan.tickets);
        for _ in 0..self.calendar.listings(hour, tickets) {
            let at = begin + self.world.rng.millis(0, 3_599_999);
            self.world.queue.schedule(at, SimEvent::Offer);
        }
        for _ in 0..self.calendar.visits(hour, tickets * VISITS) {
            let at = begin + self.world.rng.millis(0, 3_599_999);
            self.world.queue.schedule(at, SimEvent::Visit);
        }
        // About every second Thursday evening.
        if hour % 24 == 19 && begin.weekday() == Weekday::Thu && self.world.rng.percent(50) {
            self.world
                .queue
                .schedule(begin + TimeDelta::minutes(30), SimEvent::FlashBegins);
        }
        self.world
            .queue
            .schedule(begin + TimeDelta::hours(1), SimEvent::Hour(hour + 1));
    }

    /// Signs up a new user, which takes a while.
    fn sign_up(
        &mut self,
        arrival: Visitor,
        seconds: u64,
    ) -> Result<(UserId, TimeDelta), SimulationError> {
        let world = &mut self.world;
        let email = match arrival {
            Visitor::Known(user) => return Ok((user, world.rng.millis(0, 2_000))),
            Visitor::New(email) => email,
        };
        let user = UserId::of(&email);
        let command = UserCommand::Register {
            email,
            password_hash: NO_PASSWORD.to_owned(),
            at: world.now,
        };
        let origin = Origin::request(&mut world.rng, user);
        world.execute(&mut Tracked::<User>::new(USERS, user.0), command, &origin)?;
        Ok((user, world.rng.seconds(20, seconds)))
    }

    fn list(&mut self, seller: UserId) -> Result<(), SimulationError> {
        let world = &mut self.world;
        let offer = catalog::draw(&mut world.rng)?;
        let origin = Origin::request(&mut world.rng, seller);
        let id = TicketId(Uuid::new_v5(&origin.command, b"ticket"));
        let mut ticket = Tracked::new(TICKETS, id.0);
        let command = TicketCommand::List {
            id,
            seller,
            title: offer.title,
            price: offer.price,
        };
        world.execute(&mut ticket, command, &origin)?;
        let lot = world.inventory.add(Lot {
            id,
            seller,
            worth: offer.worth,
            revisions: 0,
            ticket,
            orders: Tracked::new(ORDERS, id.0),
            payments: HashMap::new(),
        });
        let delay = TimeDelta::hours(12) + world.rng.seconds(0, 4 * 86_400);
        if world.now + delay < self.plan.end() {
            world.after(delay, SimEvent::Reconsider(lot));
        }
        Ok(())
    }

    /// Most sellers of unsold tickets lower the price, a few raise it.
    fn reconsider(&mut self, number: usize) -> Result<(), SimulationError> {
        let world = &mut self.world;
        let Some(lot) = world.inventory.get(number) else {
            return Ok(());
        };
        let Some(listing) = lot.ticket.state.listing() else {
            return Ok(());
        };
        let percent = match world.rng.below(10) {
            0..=4 => world.rng.between(84, 97),
            5 => world.rng.between(103, 112),
            _ => 100,
        };
        let price = catalog::rounded(listing.price.cents() * percent / 100)?;
        let changed = price != listing.price;
        lot.revisions += 1;
        let more = lot.revisions < 6;
        if changed {
            revise(world, number, price)?;
        }
        let delay = TimeDelta::hours(20) + world.rng.seconds(0, 5 * 86_400);
        if more && world.now + delay < self.plan.end() {
            world.after(delay, SimEvent::Reconsider(number));
        }
        Ok(())
    }

    /// Looks at a few tickets and may order the best buy.
    fn look(&mut self, buyer: UserId) {
        let world = &mut self.world;
        let flash = !self.flash.is_empty() && world.rng.percent(80);
        let mut best: Option<(u64, usize, Price)> = None;
        for _ in 0..4 {
            let drawn = if flash {
                let drawn = self.flash.get(world.rng.index(self.flash.len()));
                drawn.map(|(lot, _)| *lot)
            } else {
                let shown = world.inventory.shown();
                shown.get(world.rng.index(shown.len())).copied()
            };
            let Some(number) = drawn else { continue };
            let Some(lot) = world.inventory.get(number) else {
                continue;
            };
            let Some(listing) = lot.ticket.state.listing() else {
                continue;
            };
            let appeal = catalog::appeal(listing.price, lot.worth);
            if lot.seller != buyer && best.is_none_or(|(other, ..)| appeal > other) {
                best = Some((appeal, number, listing.price));
            }
        }
        if let Some((appeal, lot, seen)) = best
            && world.rng.percent(appeal)
        {
            // No buyer orders at once: another may be faster, or the price may change before that.
            let delay = world.rng.seconds(4, if flash { 30 } else { 180 });
            world.step_after(delay, lot, PurchaseStep::Order { buyer, seen });
        }
    }

    fn begin_flash(&mut self) -> Result<(), SimulationError> {
        let world = &mut self.world;
        let count = world.inventory.shown().len() / 20;
        for _ in 0..count {
            let shown = world.inventory.shown();
            let number = shown[world.rng.index(shown.len())];
            if self.flash.iter().any(|(other, _)| *other == number) {
                continue;
            }
            let lot = world.inventory.get(number);
            let Some(listing) = lot.and_then(|lot| lot.ticket.state.listing()) else {
                continue;
            };
            let before = listing.price;
            let price = catalog::rounded(before.cents() * 70 / 100)?;
            if revise(world, number, price)? {
                self.flash.push((number, before));
            }
        }
        for _ in 0..self.flash.len() as u64 * CROWD {
            // Most come in the first minutes.
            let seconds = world.rng.below(2_400);
            let delay = world.rng.seconds(0, seconds);
            world.after(delay, SimEvent::Visit);
        }
        world.after(TimeDelta::hours(1), SimEvent::FlashEnds);
        Ok(())
    }

    /// Unsold tickets get their old price back, unless they are held at that moment.
    fn end_flash(&mut self) -> Result<(), SimulationError> {
        for (number, before) in std::mem::take(&mut self.flash) {
            revise(&mut self.world, number, before)?;
        }
        Ok(())
    }
}

/// Changes a price. Returns whether it changed: a held ticket refuses.
fn revise(world: &mut World, number: usize, price: Price) -> Result<bool, SimulationError> {
    let Some(lot) = world.inventory.get(number) else {
        return Ok(false);
    };
    let Some(listing) = lot.ticket.state.listing() else {
        return Ok(false);
    };
    let command = TicketCommand::Revise {
        by: lot.seller,
        title: listing.title.clone(),
        price,
        expected: None,
        has_live_order: lot.orders.state.live().is_some(),
        orders_seen: lot.orders.version,
    };
    let origin = Origin::request(&mut world.rng, lot.seller);
    let decided = world.execute_in(number, |lot| Some(&mut lot.ticket), command, &origin)?;
    Ok(decided.is_some())
}

impl Iterator for Simulation {
    type Item = Result<HistoricalCommit, SimulationError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(commit) = self.world.recorder.commits.pop_front() {
                return Some(Ok(commit));
            }
            let (now, event) = self.world.queue.next()?;
            self.world.now = now;
            if let Err(error) = self.handle(event) {
                // An error would occur again, and nothing follows from it.
                self.world.queue = EventQueue::new();
                return Some(Err(error));
            }
        }
    }
}
