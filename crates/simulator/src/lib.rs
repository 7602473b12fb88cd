//! A season of the marketplace that never was.
//!
//! People sign up, list tickets, lower their prices; others look, order, pay, are declined, give
//! back or forget. Demand follows the hours of the day and the days of the week, and now and then
//! a flash sale brings a crowd. What comes of it is history: commits with times in the past, which
//! [`write()`] appends to a log that has none.
//!
//! ```
//! use season::{Plan, Season};
//!
//! let plan = Plan { tickets: 50, days: 7, ..Plan::default() };
//! let once: Vec<_> = Season::new(plan).collect::<Result<_, _>>()?;
//! let again: Vec<_> = Season::new(plan).collect::<Result<_, _>>()?;
//! assert!(once == again && once.len() > 50);
//! # Ok::<(), season::SeasonError>(())
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

mod agenda;
mod calendar;
mod catalog;
mod dice;
mod lot;
mod market;
mod people;
mod plan;
mod record;
mod sale;
mod write;

pub use market::{Season, Tally};
pub use plan::{HOLD, Plan};
pub use record::SeasonError;
pub use write::write;

#[cfg(test)]
mod tests;
