//! The pages, a folder each. None of them knows an address of the server's API.

mod analytics;
mod edit;
mod not_found;
mod order;
mod orders;
mod sell;
mod selling;
mod sign_in;
mod sign_up;
mod ticket;
mod tickets;

pub use analytics::AnalyticsPage;
pub use edit::EditPage;
pub use not_found::NotFoundPage;
pub use order::OrderPage;
pub use orders::OrdersPage;
pub use sell::SellPage;
pub use selling::SellingPage;
pub use sign_in::SignInPage;
pub use sign_up::SignUpPage;
pub use ticket::TicketPage;
pub use tickets::TicketsPage;
