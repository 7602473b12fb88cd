use api::{NewOrder, Order, Ticket};
use state::next_cursor;
use uuid::Uuid;

use super::{Outcome, body, parsed, read, send};
use crate::browser::fetch::Call;

/// Orders a ticket as the buyer sees it: at this price, and as this version of it.
pub async fn place_order(ticket: &Ticket, key: &str) -> Outcome<Order> {
    let order = NewOrder {
        ticket_id: ticket.id.to_string().into(),
        expected_price: ticket.price.into(),
        expected_version: ticket.version.into(),
    };
    let call = Call {
        body: body(&order)?,
        ..Call::of("POST", "/api/orders").once(key)
    };
    parsed(&send(call).await?)
}

/// All of the visitor's orders, oldest first.
pub async fn orders() -> Outcome<Vec<Order>> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let reply = send(Call::of("GET", &format!("/api/orders?limit=200{cursor}"))).await?;
        all.extend(parsed::<Vec<Order>>(&reply)?);
        let Some(next) = reply.link.as_deref().and_then(next_cursor) else {
            return Ok(all);
        };
        cursor = format!("&cursor={}", state::encode(&next));
    }
}

/// One order.
pub async fn order(id: Uuid) -> Outcome<Order> {
    read(&format!("/api/orders/{id}")).await
}

/// Gives an order back.
pub async fn cancel_order(id: Uuid) -> Outcome<()> {
    send(Call::of("DELETE", &format!("/api/orders/{id}"))).await?;
    Ok(())
}
