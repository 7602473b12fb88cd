//! The pages, a folder each. None of them knows an address of the server's API.

mod analytics;
mod edit_ticket;
mod my_tickets;
mod new_ticket;
mod not_found;
mod order;
mod orders;
mod sign_in;
mod sign_up;
mod ticket;
mod tickets;

pub use analytics::AnalyticsPage;
pub use edit_ticket::EditTicketPage;
pub use my_tickets::MyTicketsPage;
pub use new_ticket::NewTicketPage;
pub use not_found::NotFoundPage;
pub use order::OrderPage;
pub use orders::OrdersPage;
pub use sign_in::SignInPage;
pub use sign_up::SignUpPage;
pub use ticket::TicketPage;
pub use tickets::TicketsPage;
