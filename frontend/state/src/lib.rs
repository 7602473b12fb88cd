//! What the web app knows and decides, without a browser.
//!
//! Everything here is a plain value and a pure function of it, so that it is tested on the
//! machine that builds it. What needs a browser (drawing, requests, the clock, storage) is in
//! the app, which holds these values and shows them.
#![deny(missing_docs)]

mod backoff;
mod cards;
mod clock;
mod countdown;
mod edit;
mod filter;
mod fold;
mod forms;
mod link_header;
mod listing;
mod percent;
mod plot;
mod price;
mod quote;
mod request_key;
mod route;
mod sales;
mod ticket_view;

pub use backoff::Backoff;
pub use cards::{TEST_CARDS, TestCard, test_card};
pub use clock::{ServerClock, is_time_lost};
pub use countdown::{Countdown, duration_words};
pub use edit::{EditBase, Followed};
pub use filter::TicketFilter;
pub use fold::{Plain, finds, fold};
pub use forms::FieldErrors;
pub use link_header::next_cursor;
pub use listing::{ListedTicket, MOST, Mark, PAGE, TicketPages};
pub use percent::{decode, encode};
pub use plot::{length, percent_of, periods, span_text};
pub use price::{MarketCurrency, PriceError, price_input, price_text};
pub use quote::quoted;
pub use request_key::RequestKey;
pub use route::Route;
pub use sales::MySales;
pub use ticket_view::{OrderView, TicketView, has_ended};
