//! A simulated season of the marketplace.
//!
//! People sign up, list tickets, lower their prices; others look, order, pay, are declined, give
//! back or forget. Demand follows the hours of the day and the days of the week, and now and then
//! a flash sale brings a crowd. What comes of it is history: commits with times in the past, which
//! [`write()`] appends to a log that has none.
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
//! - **It is what could have happened.** Every event is decided by the domain's own aggregates, and
//!   whatever they refuse doesn't happen. Workers react as the services' workers do: with the same
//!   names, command ids and causes, some milliseconds later.
//! - **The same plan gives the same bytes**, on every machine: ids and times are drawn from the
//!   plan's seed, with integers alone.
//! - **Nothing is left open.** In the end no order is unpaid and no payment undecided, so a
//!   marketplace that is started on the history has nothing to do.
//! - **Memory** is that of the tickets which aren't sold yet.
//!
//! Nobody can sign in as one of these people: their password hashes are well-formed, and no password
//! has them.
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
