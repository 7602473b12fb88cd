//! What can be done with tickets, apart from how it is asked for.

use domain::{
    Price, TicketId, Title, UserId,
    ticket::{Listing, Ticket, TicketCommand, TicketError},
    ticket_orders::TicketOrders,
};
use eventstore::{CommandError, Executed, Hint, Metadata, Store};
use uuid::Uuid;

/// Lists and revises tickets.
#[derive(Clone)]
pub(crate) struct Commands {
    pub tickets: Store<Ticket>,
    pub orders: Store<TicketOrders>,
}

/// A ticket right after a command, and where the log has it.
pub(crate) struct Changed {
    pub listing: Listing,
    pub sequence: u64,
}

impl Commands {
    /// Offers a ticket.
    pub async fn list(
        &self,
        seller: UserId,
        title: Title,
        price: Price,
        metadata: &Metadata,
    ) -> Result<Changed, CommandError<TicketError>> {
        let id = TicketId(Uuid::new_v5(&metadata.command_id, b"ticket"));
        let command = TicketCommand::List {
            id,
            seller,
            title,
            price,
        };
        changed(
            &self
                .tickets
                .execute(&id.to_string(), command, metadata, Hint::New)
                .await?,
        )
    }

    /// Changes title and price, if the ticket is at the version that is expected. Whether an order holds the ticket is read from the orders' own
    /// log: the ticket itself hears of an order only a moment after it was placed.
    pub async fn revise(
        &self,
        by: UserId,
        id: TicketId,
        (title, price): (Title, Price),
        expected: Option<u64>,
        metadata: &Metadata,
    ) -> Result<Changed, CommandError<TicketError>> {
        let orders = self.orders.load(&id.to_string()).await?;
        let has_live_order = orders.state().live().is_some();
        let command = TicketCommand::Revise {
            by,
            title,
            price,
            expected,
            has_live_order,
            orders_seen: orders.version(),
        };
        changed(
            &self
                .tickets
                .execute(&id.to_string(), command, metadata, Hint::None)
                .await?,
        )
    }
}

fn changed(executed: &Executed<Ticket>) -> Result<Changed, CommandError<TicketError>> {
    let sequence = executed.sequence;
    let listing = executed.state.listing().cloned();
    let listing = listing.ok_or(CommandError::Refused(TicketError::NotFound))?;
    Ok(Changed { listing, sequence })
}
