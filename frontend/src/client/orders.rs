use api::{NewOrder, Order, Ticket};
use uuid::Uuid;

use super::{Outcome, read, send, write};

/// Orders a ticket at the price that the buyer sees.
pub async fn place_order(ticket: &Ticket, key: &str) -> Outcome<Order> {
    let order = NewOrder {
        ticket_id: ticket.id.to_string().into(),
        expected_price: ticket.price.into(),
    };
    write("POST", "/api/orders", &order, Some(key)).await
}

/// The visitor's orders, oldest first.
pub async fn orders() -> Outcome<Vec<Order>> {
    read("/api/orders").await
}

/// One order.
pub async fn order(id: Uuid) -> Outcome<Order> {
    read(&format!("/api/orders/{id}")).await
}

/// Gives an order back.
pub async fn cancel_order(id: Uuid) -> Outcome<()> {
    send("DELETE", &format!("/api/orders/{id}"), None, None).await?;
    Ok(())
}
