//! `POST /api/orders`.

use actix_web::{HttpRequest, HttpResponse, web};
use api::{Amount, Field, NewOrder};
use domain::{Price, TicketId, UserId};
use event_streams::ORDERS;
use httpkit::{AppError, Body, Fields, HandlerResult, Session};

use crate::{OrdersService, commands::Expected, response};

const TICKET_REQUIRED: &str = "TicketId must be provided";
const PRICE_EXPECTED: &str = "ExpectedPrice must be a price";
const VERSION_EXPECTED: &str = "ExpectedVersion must be a version, such as 0";

/// Hold a ticket
#[utoipa::path(
    post,
    path = "/api/orders",
    tag = "orders",
    params(
        ("Idempotency-Key" = Option<String>, Header),
        ("Prefer" = Option<String>, Header),
    ),
    request_body = NewOrder,
    responses(
        (status = 201, description = "The order; pay it before `expiresAt`", body = api::Order, headers(("Idempotency-Replayed" = Option<String>))),
        (status = 400, description = "A field is wrong, the ticket is reserved, the caller's own or withdrawn, or it isn't what was shown. An own order that has the ticket is named in `orderId` and `Location`", headers(("Location" = Option<String>, description = "The caller's own order that has the ticket"))),
        (status = 401, description = "Nobody is signed in"),
        (status = 404, description = "No such ticket"),
        (status = 429, description = "The caller ordered this ticket too often lately"),
    )
)]
pub(super) async fn place(
    session: Session,
    body: Body<NewOrder>,
    req: HttpRequest,
    orders: web::Data<OrdersService>,
) -> HandlerResult {
    let buyer = UserId(session.user_id());
    let (ticket_id, expected) = read(body.value)?;
    orders
        .runtime
        .run_idempotent(&req, buyer.0, &body.raw, async |command_id| {
            let metadata = orders.runtime.metadata(&req, command_id, &buyer);
            let placed = orders
                .commands
                .place(buyer, ticket_id, expected, &metadata)
                .await;
            let placed = placed.map_err(response::refused)?;
            orders
                .runtime
                .await_read_model(
                    &req,
                    orders.view.runner().progress(),
                    (ORDERS, placed.sequence),
                )
                .await;
            let answer = HttpResponse::Created().json(response::order(&placed.order));
            let commit = (placed.sequence, placed.commit_id);
            Ok(runtime::telling_of(answer, ORDERS, commit))
        })
        .await
}

fn read(body: NewOrder) -> Result<(TicketId, Expected), AppError> {
    let mut fields = Fields::default();
    let ticket_id = fields.read("ticketId", body.ticket_id, TICKET_REQUIRED, |text| {
        text.trim().parse::<TicketId>().map_err(|_| TICKET_REQUIRED)
    });
    let price = match body.expected_price {
        Field::Missing => None,
        given => fields.read("expectedPrice", given, PRICE_EXPECTED, |amount: Amount| {
            u64::try_from(amount.cents)
                .ok()
                .and_then(|cents| Price::from_cents(cents).ok())
                .ok_or(PRICE_EXPECTED)
        }),
    };
    let version = match body.expected_version {
        Field::Missing => None,
        given => fields.read(
            "expectedVersion",
            given,
            VERSION_EXPECTED,
            |version: u64| Ok::<_, &str>(version),
        ),
    };
    fields.finish()?;
    // It exists: without it, the checks above would have failed.
    let ticket_id = ticket_id.ok_or_else(|| httpkit::error::field("ticketId", TICKET_REQUIRED))?;
    Ok((ticket_id, Expected { price, version }))
}
