//! The responses of this service.

use actix_web::{HttpRequest, HttpResponse};
use api::{Amount, TicketStatus};
use domain::ticket::{Availability, Listing, TicketError};
use eventstore::CommandError;
use httpkit::{AppError, error, etag::Rendered};
use projections::CachedJson;

/// A ticket in the API's form.
pub(crate) fn ticket(listing: &Listing) -> api::Ticket {
    let (status, order_id) = match listing.availability {
        Availability::ForSale => (TicketStatus::Open, None),
        Availability::Held(order) => (TicketStatus::Reserved, Some(order.0)),
        Availability::Sold(order) => (TicketStatus::Sold, Some(order.0)),
        Availability::Withdrawn => (TicketStatus::Withdrawn, None),
    };
    api::Ticket {
        id: listing.id.0,
        title: listing.title.to_string(),
        price: Amount::of_prices(listing.price.cents()),
        user_id: listing.seller.0,
        version: listing.version,
        order_id,
        status,
    }
}

/// The read model's response, or 304 if the caller has it.
pub(crate) fn rendered(req: &HttpRequest, json: &CachedJson) -> HttpResponse {
    Rendered::with_digest(json.bytes.clone(), json.digest).respond(req)
}

/// The response to a ticket command without effect.
pub(crate) fn refused(refused: CommandError<TicketError>) -> AppError {
    match refused {
        CommandError::Failed(failure) => runtime::failed(failure),
        CommandError::Refused(TicketError::NotFound) => error::not_found(),
        CommandError::Refused(TicketError::NotOwner) => error::unauthorized(),
        CommandError::Refused(TicketError::Changed(difference)) => {
            error::precondition_failed(runtime::differences(&difference))
        }
        CommandError::Refused(
            refusal @ (TicketError::Reserved
            | TicketError::AlreadyListed
            | TicketError::HeldByOrder
            | TicketError::Sold
            | TicketError::Withdrawn),
        ) => error::bad_request(refusal.to_string()),
    }
}
