//! The responses of this service.

use api::{Amount, CancelReason, OrderStatus};
use domain::ticket_orders::{self, Order, TicketOrdersError};
use httpkit::{
    AppError,
    error::{bad_request, field, invalid_fields, not_found, own_order, rate_limited, unauthorized},
};

use crate::commands::OrderError;

/// An order in the API's form.
pub(crate) fn order(order: &Order) -> api::Order {
    api::Order {
        id: order.id.0,
        user_id: order.buyer.0,
        status: match order.status {
            ticket_orders::OrderStatus::Created => OrderStatus::Created,
            ticket_orders::OrderStatus::AwaitingPayment => OrderStatus::AwaitingPayment,
            ticket_orders::OrderStatus::Complete => OrderStatus::Complete,
            ticket_orders::OrderStatus::Cancelled => OrderStatus::Cancelled,
        },
        created_at: order.placed_at,
        expires_at: order.expires_at,
        ticket: api::OrderedTicket {
            id: order.ticket.id.0,
            title: order.ticket.title.to_string(),
            price: Amount::of_prices(order.ticket.price.cents()),
            currency: order.ticket.currency.as_str().to_uppercase(),
            version: order.ticket.version,
        },
        cancel_reason: order.cancelled.map(|reason| match reason {
            ticket_orders::CancelReason::Buyer => CancelReason::Buyer,
            ticket_orders::CancelReason::Expired => CancelReason::Expired,
            ticket_orders::CancelReason::PaymentLost => CancelReason::PaymentLost,
        }),
        version: order.version,
    }
}

/// The response to an order command without effect.
pub(crate) fn refused(error: OrderError) -> AppError {
    match error {
        OrderError::Failed(failure) => runtime::failed(failure),
        OrderError::Refused(TicketOrdersError::NotFound) => not_found(),
        OrderError::Refused(TicketOrdersError::NotOwner) => unauthorized(),
        OrderError::Refused(
            ref own @ (TicketOrdersError::AlreadyHeld(order)
            | TicketOrdersError::AlreadyBought(order)),
        ) => own_order(own.to_string(), order.0),
        OrderError::Refused(TicketOrdersError::Changed(difference)) => {
            invalid_fields(runtime::differences(&difference))
        }
        OrderError::Refused(changed @ TicketOrdersError::PriceChanged { .. }) => {
            field("expectedPrice", changed.to_string())
        }
        OrderError::Refused(often @ TicketOrdersError::TooManyOrders { until }) => {
            let seconds = runtime::seconds_to(until);
            rate_limited(often.to_string(), seconds)
        }
        OrderError::Refused(
            refusal @ (TicketOrdersError::AlreadyReserved
            | TicketOrdersError::OwnTicket
            | TicketOrdersError::Withdrawn
            | TicketOrdersError::AlreadyPaid
            | TicketOrdersError::NotDue),
        ) => bad_request(refusal.to_string()),
    }
}
