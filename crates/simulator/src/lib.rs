//! A simulated season of the marketplace.
//!
//! Users sign up, list tickets and lower their prices; others browse, order, pay, have cards
//! declined, cancel or forget. Demand follows the hours of the day and the days of the week, and
//! occasionally a flash sale brings a crowd. The result is history: commits with times in the past,
//! which [`write()`] appends to a log without commits.
//!
//! ```
//! use simulator::{Plan, Simulation};
//!
//! let plan = Plan { tickets: 50, days: 7, ..Plan::default() };
//! let once: Vec<_> = Simulation::new(plan).collect::<Result<_, _>>()?;
//! let again: Vec<_> = Simulation::new(plan).collect::<Result<_, _>>()?;
//! assert!(once == again && once.len() > 50);
//! # Ok::<(), simulator::SimulationError>(())
//! ```
//!
//! # Guarantees
//!
//! - **The history is realistic.** Every event is decided by the domain's own aggregates, and
//!   refused commands leave no event. Workers react like the services' workers: with the same
//!   names, command IDs and causes, some milliseconds later.
//! - **The same plan results in the same bytes**, on every machine: IDs and times are drawn from
//!   the plan's seed, with integers alone.
//! - **Nothing is left open.** At the end no order is unpaid and no payment undecided, so a
//!   marketplace that is started on the history has nothing to do.
//! - **Memory** depends on the number of unsold tickets.
//!
//! No one can sign in as one of these users: their password hashes are well-formed, but belong to
//! no password.
#![deny(missing_docs)]

mod calendar;
mod catalog;
mod error;
mod event;
mod event_queue;
mod inventory;
mod payment;
mod people;
mod plan;
mod purchase;
mod recorder;
mod rng;
mod simulation;
mod world;
mod write;

pub use error::SimulationError;
pub use plan::{HOLD, Plan};
pub use recorder::Tally;
pub use simulation::Simulation;
pub use write::write;

#[cfg(test)]
mod tests;
