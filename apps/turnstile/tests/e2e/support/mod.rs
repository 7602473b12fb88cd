//! A marketplace, and visitors with browsers.

mod browser;
mod driver;
mod page;
mod stage;
mod tour;
mod webdriver;

pub use browser::{Browser, Theme};
pub use stage::{Stage, Visitor};
pub use tour::Visit;
