//! The commands on tickets, independent of HTTP.

use domain::{
    Price, TicketId, Title, UserId,
    ticket::{Availability, Listing, Ticket, TicketCommand, TicketError},
    ticket_orders::TicketOrders,
};
use eventstore::{CommandError, CommandOutcome, Expectation, Metadata, Store};
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// Lists and revises tickets.
#[derive(Clone)]
pub(crate) struct Commands {
    pub tickets: Store<Ticket>,
    pub orders: Store<TicketOrders>,
}

/// A ticket right after a command, and its place in the log.
pub(crate) struct Changed {
    pub listing: Listing,
    pub sequence: u64,
    pub commit_id: Option<Uuid>,
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
                .execute(&id.to_string(), command, metadata, Expectation::LikelyNew)
                .await?,
        )
    }

    /// Changes title and price, if the ticket has the expected version. Whether an order holds the
    /// ticket is read from the orders' own log: the ticket follows an order only a moment after it
    /// was placed.
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
                .execute(&id.to_string(), command, metadata, Expectation::Unknown)
                .await?,
        )
    }
}

/// Time limit for the decision on a withdrawal.
const DECIDED_WITHIN: Duration = Duration::from_secs(4);
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// The outcome of a withdrawal.
pub(crate) enum Withdrawal {
    /// The ticket is off the market.
    Done(Changed),
    /// The orders haven't decided in time. Repeating the withdrawal is safe.
    Undecided,
}

impl Commands {
    /// Takes a ticket off the market, and waits for the decision.
    ///
    /// The ticket asks and its orders decide, so that a concurrent order and withdrawal can't both
    /// be granted. A request states how many events of the orders it has seen and has no effect if
    /// there are more: then it is repeated with the current number.
    pub async fn withdraw(
        &self,
        by: UserId,
        id: TicketId,
        metadata: &Metadata,
    ) -> Result<Withdrawal, CommandError<TicketError>> {
        let key = id.to_string();
        let until = Instant::now() + DECIDED_WITHIN;
        let mut pause = FIRST_PAUSE;
        loop {
            let orders = self.orders.load(&key).await?;
            let command = TicketCommand::Withdraw {
                by,
                // A closed sale has none, and the ticket follows within a moment.
                has_live_order: orders.state().live().is_some(),
                orders_seen: orders.version(),
            };
            let asked = Metadata {
                command_id: Uuid::new_v5(
                    &metadata.command_id,
                    format!("withdraw:{}", orders.version()).as_bytes(),
                ),
                ..metadata.clone()
            };
            let ticket = if orders.state().is_closed() {
                self.seen(&key, by).await?
            } else {
                let executed = self
                    .tickets
                    .execute(&key, command, &asked, Expectation::Unknown);
                changed(&executed.await?)?
            };
            if ticket.listing.availability == Availability::Withdrawn {
                return Ok(Withdrawal::Done(ticket));
            }
            if Instant::now() + pause > until {
                return Ok(Withdrawal::Undecided);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// The seller's ticket in its current state.
    async fn seen(&self, key: &str, by: UserId) -> Result<Changed, CommandError<TicketError>> {
        let ticket = self.tickets.load(key).await?;
        let listing = ticket.state().listing().cloned();
        let listing = listing.ok_or(CommandError::Refused(TicketError::NotFound))?;
        if listing.seller != by {
            return Err(CommandError::Refused(TicketError::NotOwner));
        }
        Ok(Changed {
            listing,
            sequence: ticket.last_sequence(),
            commit_id: ticket.last_commit(),
        })
    }
}

fn changed(executed: &CommandOutcome<Ticket>) -> Result<Changed, CommandError<TicketError>> {
    let listing = executed.state.listing().cloned();
    Ok(Changed {
        listing: listing.ok_or(CommandError::Refused(TicketError::NotFound))?,
        sequence: executed.sequence,
        commit_id: executed.commit_id,
    })
}
