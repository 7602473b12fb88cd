//! The state that all steps of a simulation share.

use chrono::{DateTime, TimeDelta, Utc};
use domain::Decide;

use crate::{
    error::SimulationError,
    event::{PurchaseStep, SimEvent},
    event_queue::EventQueue,
    inventory::{Inventory, Lot},
    recorder::{Decided, Origin, Recorder, Tracked},
    rng::Rng,
};

/// The marketplace at a moment.
#[derive(Debug)]
pub(crate) struct World {
    pub now: DateTime<Utc>,
    pub rng: Rng,
    pub queue: EventQueue<SimEvent>,
    pub inventory: Inventory,
    pub recorder: Recorder,
}

impl World {
    /// Has an aggregate that belongs to no ticket decide.
    pub fn execute<A: Decide>(
        &mut self,
        aggregate: &mut Tracked<A>,
        command: A::Command,
        origin: &Origin,
    ) -> Result<Option<Decided<A::Event>>, SimulationError> {
        let (now, rng) = (self.now, &mut self.rng);
        self.recorder.execute(aggregate, command, origin, now, rng)
    }

    /// Has an aggregate of a ticket decide; returns `None` if the ticket was dropped.
    pub fn execute_in<A: Decide>(
        &mut self,
        lot: usize,
        aggregate: impl FnOnce(&mut Lot) -> Option<&mut Tracked<A>>,
        command: A::Command,
        origin: &Origin,
    ) -> Result<Option<Decided<A::Event>>, SimulationError> {
        let Some(aggregate) = self.inventory.get(lot).and_then(aggregate) else {
            return Ok(None);
        };
        let (now, rng) = (self.now, &mut self.rng);
        self.recorder.execute(aggregate, command, origin, now, rng)
    }

    /// Schedules an event.
    pub fn after(&mut self, delay: TimeDelta, event: SimEvent) {
        self.queue.schedule(self.now + delay, event);
    }

    /// Schedules a step of a purchase.
    pub fn step_after(&mut self, delay: TimeDelta, lot: usize, step: PurchaseStep) {
        self.after(delay, SimEvent::Purchase(lot, step));
    }

    /// A worker's reaction time.
    pub fn reaction_time(&mut self) -> TimeDelta {
        self.rng.millis(2, 40)
    }
}
