//! What all pages share: who is signed in, whether there is a network, what is for sale.

pub mod clock;
pub mod config;
pub mod connection;
pub mod figures;
pub mod listing;
pub mod live;
pub mod orders;
pub mod reads;
pub mod session;
pub mod tasks;
pub mod ticket;
pub mod toasts;
