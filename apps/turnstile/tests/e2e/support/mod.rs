//! A marketplace, and visitors with browsers.

mod browser;
mod driver;
mod page;
mod site;
mod walkthrough;
mod webdriver;

pub use browser::{Browser, Theme};
pub use site::{Sale, Site};
pub use testkit::Person;
pub use walkthrough::VisitorPages;
