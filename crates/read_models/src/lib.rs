//! The marketplace's read models, shared by its services.
//!
//! Each one is a [`projections::Projection`], a pure fold of one stream, and the queries that its
//! documents answer. How a read model is kept up to date, and what its queries may rest on, is
//! [`projections`]' business.
#![deny(missing_docs)]

mod model;
pub mod orders;
pub mod payable_orders;
pub mod tickets;
