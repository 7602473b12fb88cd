//! A marketplace, and visitors with browsers.

mod browser;
mod driver;
mod page;
mod site;
mod walkthrough;
mod webdriver;

pub use browser::{Browser, Theme};
pub use site::{Site, Visitor};
pub use walkthrough::VisitorPages;
