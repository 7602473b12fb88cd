//! The commands on orders, independent of HTTP.

use chrono::{DateTime, Utc};
use domain::{
    Currency, OrderId, Price, TicketId, UserId,
    ticket::{ListingDifference, Ticket},
    ticket_orders::{Order, OrderedTicket, TicketOrders, TicketOrdersCommand, TicketOrdersError},
};
use eventstore::{CommandError, CommandOutcome, Expectation, Metadata, Store};
use std::time::Duration;
use uuid::Uuid;

/// Places and cancels orders.
#[derive(Clone)]
pub(crate) struct Commands {
    pub orders: Store<TicketOrders>,
    pub tickets: Store<Ticket>,
    pub hold: Duration,
    /// The currency in which prices are shown now.
    pub currency: Currency,
}

/// The state of the ticket that a buyer was shown, from the request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Expected {
    /// Its price.
    pub price: Option<Price>,
    /// Its version.
    pub version: Option<u64>,
}

/// An order right after a command, and its place in the log.
pub(crate) struct Changed {
    pub order: Order,
    pub sequence: u64,
    pub commit_id: Option<Uuid>,
}

/// Why an order command had no effect.
pub(crate) type OrderError = CommandError<TicketOrdersError>;

impl Commands {
    /// Holds a ticket for a buyer.
    ///
    /// The ticket is read from its own log, not from a read model that may lag: a ticket that was
    /// just listed can be ordered, and its price is current.
    pub async fn place(
        &self,
        buyer: UserId,
        ticket_id: TicketId,
        expected: Expected,
        metadata: &Metadata,
    ) -> Result<Changed, OrderError> {
        let id = ticket_id.to_string();
        let ticket = self.tickets.load(&id).await?;
        let Some(listing) = ticket.state().listing() else {
            return Err(OrderError::Refused(TicketOrdersError::NotFound));
        };
        let order_id = OrderId(Uuid::new_v5(
            &metadata.command_id,
            format!("order:{ticket_id}").as_bytes(),
        ));
        let difference = expected
            .version
            .map_or_else(ListingDifference::default, |shown| {
                listing.changed_since(shown)
            });
        let command = TicketOrdersCommand::Place {
            order_id,
            buyer,
            ticket: OrderedTicket {
                id: ticket_id,
                title: listing.title.clone(),
                price: listing.price,
                currency: self.currency,
                version: listing.version,
            },
            seller: listing.seller,
            expected_price: expected.price,
            difference,
            at: metadata.time,
            expires_at: expiry(metadata.time, self.hold),
        };
        // Most tickets are ordered once. If this one was ordered before, the append conflicts and
        // the orders are read after all.
        let executed = self
            .orders
            .execute(&id, command, metadata, Expectation::LikelyNew)
            .await?;
        changed(&executed, order_id)
    }

    /// Cancels an order for its buyer.
    pub async fn cancel(
        &self,
        by: UserId,
        ticket_id: TicketId,
        order_id: OrderId,
        metadata: &Metadata,
    ) -> Result<Changed, OrderError> {
        let command = TicketOrdersCommand::Cancel { order_id, by };
        let executed = self.execute(ticket_id, command, metadata).await?;
        changed(&executed, order_id)
    }

    /// Cancels an order whose time is over; one that is paid or cancelled stays as it is.
    pub async fn expire(
        &self,
        ticket_id: TicketId,
        order_id: OrderId,
        metadata: &Metadata,
    ) -> Result<(), OrderError> {
        let command = TicketOrdersCommand::Expire {
            order_id,
            at: metadata.time,
        };
        self.execute(ticket_id, command, metadata).await?;
        Ok(())
    }

    async fn execute(
        &self,
        ticket: TicketId,
        command: TicketOrdersCommand,
        metadata: &Metadata,
    ) -> Result<CommandOutcome<TicketOrders>, OrderError> {
        let id = ticket.to_string();
        self.orders
            .execute(&id, command, metadata, Expectation::Unknown)
            .await
    }
}

fn changed(
    executed: &CommandOutcome<TicketOrders>,
    order_id: OrderId,
) -> Result<Changed, OrderError> {
    let order = executed.state.order(order_id).cloned();
    Ok(Changed {
        order: order.ok_or(OrderError::Refused(TicketOrdersError::NotFound))?,
        sequence: executed.sequence,
        commit_id: executed.commit_id,
    })
}

fn expiry(now: DateTime<Utc>, hold: Duration) -> DateTime<Utc> {
    // A hold beyond the range of the calendar never ends.
    chrono::Duration::from_std(hold)
        .ok()
        .and_then(|hold| now.checked_add_signed(hold))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}
