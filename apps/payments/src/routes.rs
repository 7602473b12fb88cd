//! The routes under `/api/payments`.

use actix_web::{HttpRequest, HttpResponse, web};
use api::{NewPayment, PaymentCreated, Provider, WebConfig};
use domain::{OrderId, TicketId, UserId};
use event_streams::ORDERS;
use httpkit::{
    AppError, Body, Constraint, Fields, HandlerResult, RawBody, Routes, Session,
    error::{
        bad_request, field, internal, not_found, payment_required, rate_limited, unauthorized,
        unavailable,
    },
};
use serde_json::json;

use crate::{
    PaymentsService,
    pay::PayError,
    provider::{ProviderError, SIGNATURE_HEADER, Token, WebhookError},
};

const ORDER_REQUIRED: &str = "OrderId must be provided";
const TOKEN_REQUIRED: &str = "Token must be provided";

/// All of them.
pub(crate) fn all() -> Routes {
    httpkit::routes![pay, config, webhook]
}

/// Constraints of bodies beyond their types.
pub(crate) fn constraints() -> Vec<Constraint> {
    vec![
        Constraint::required("NewPayment", &["token", "orderId"]),
        Constraint::field("NewPayment", "token", Token::keywords()),
        Constraint::field("NewPayment", "orderId", json!({"format": "uuid"})),
        Constraint::body("post", WEBHOOK, json!({"type": "object"})),
    ]
}

const WEBHOOK: &str = "/api/payments/webhook";

/// Pay an order
#[utoipa::path(
    post,
    path = "/api/payments",
    tag = "payments",
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = NewPayment,
    responses(
        (status = 201, description = "Paid; every read of the order shows it", body = PaymentCreated, headers(("Idempotency-Replayed" = Option<String>))),
        (status = 400, description = "A field is wrong, or the order is cancelled"),
        (status = 401, description = "Nobody is signed in, or the order is another's"),
        (status = 402, description = "Declined; the order can still be paid"),
        (status = 404, description = "No such order"),
        (status = 429, description = "Too many cards were declined on this order lately"),
        (status = 503, description = "The provider can't be reached; nothing was charged"),
    )
)]
async fn pay(
    session: Session,
    body: Body<NewPayment>,
    req: HttpRequest,
    payments: web::Data<PaymentsService>,
) -> HandlerResult {
    let buyer = UserId(session.user_id());
    let (order_id, token) = read(body.value)?;
    payments
        .runtime
        .run_idempotent(&req, buyer.0, &body.raw, async |command_id| {
            let place = payments
                .orders
                .find(order_id.0)
                .await
                .map_err(runtime::read_failed)?;
            let place = place.ok_or_else(not_found)?;
            let metadata = payments.runtime.metadata(&req, command_id, &buyer);
            let paid = payments
                .checkout
                .pay(buyer, TicketId(place.ticket), order_id, &token, &metadata)
                .await;
            let paid = paid.map_err(refused)?;
            let answer = HttpResponse::Created().json(PaymentCreated { id: paid.id.0 });
            let commit = (paid.sequence, paid.commit_id);
            Ok(runtime::telling_of(answer, ORDERS, commit))
        })
        .await
}

fn read(body: NewPayment) -> Result<(OrderId, Token), AppError> {
    let mut fields = Fields::default();
    let token = fields.read("token", body.token, TOKEN_REQUIRED, |text| {
        match text.trim() {
            "" => Err(TOKEN_REQUIRED.to_owned()),
            text => Token::parse(text).map_err(|error| error.to_string()),
        }
    });
    let order_id = fields.read("orderId", body.order_id, ORDER_REQUIRED, |text| {
        text.trim().parse::<OrderId>().map_err(|_| ORDER_REQUIRED)
    });
    fields.finish()?;
    order_id
        .zip(token)
        .ok_or_else(|| field("orderId", ORDER_REQUIRED))
}

fn refused(error: PayError) -> AppError {
    match error {
        PayError::NotFound => not_found(),
        PayError::NotOwner => unauthorized(),
        PayError::Cancelled => bad_request(error.to_string()),
        PayError::Declined(reason) | PayError::Provider(ProviderError::Unpayable { reason }) => {
            payment_required(reason)
        }
        PayError::TooManyDeclines { until } => {
            rate_limited(error.to_string(), runtime::seconds_to(until))
        }
        PayError::Undecided => unavailable("The service", 1).with_source(error),
        PayError::Failed(failure) => runtime::failed(failure),
        PayError::Provider(ProviderError::BadToken { message }) => field("token", message),
        PayError::Provider(ProviderError::Unreachable { retry_after, .. }) => {
            unavailable("The payment provider", retry_after.as_secs()).with_source(error)
        }
        PayError::Provider(
            fault @ (ProviderError::Rejected { .. }
            | ProviderError::AlreadyCaptured
            | ProviderError::AlreadyVoided
            | ProviderError::NothingHeld),
        ) => internal(fault),
    }
}

/// What the web app has to know in order to offer a payment
#[utoipa::path(
    get,
    path = "/api/payments/config",
    tag = "payments",
    responses((status = 200, description = "Nothing secret", body = WebConfig))
)]
async fn config(payments: web::Data<PaymentsService>) -> HttpResponse {
    let config = &payments.runtime.config;
    HttpResponse::Ok().json(WebConfig {
        provider: if payments.mode.is_stripe() {
            Provider::Stripe
        } else {
            Provider::Sandbox
        },
        stripe_publishable_key: config.stripe.publishable_key.clone(),
        hold_seconds: config.order_hold.as_secs(),
        currency: config.stripe.currency.to_uppercase(),
    })
}

/// What the provider tells by itself. It is only a hint: the payment is looked at, and the
/// provider asked.
#[utoipa::path(
    post,
    path = "/api/payments/webhook",
    tag = "payments",
    params(("Stripe-Signature" = String, Header, description = "The provider's signature of the body")),
    request_body(content = serde_json::Value, content_type = "application/json", description = "An event, as the provider sends it"),
    responses(
        (status = 200, description = "Noted"),
        (status = 400, description = "Not signed by the provider"),
        (status = 404, description = "No webhook is configured"),
        (status = 409, description = "Others kept changing the payment"),
    )
)]
async fn webhook(
    body: RawBody,
    req: HttpRequest,
    payments: web::Data<PaymentsService>,
) -> HandlerResult {
    let signature = req
        .headers()
        .get(SIGNATURE_HEADER)
        .and_then(|value| value.to_str().ok());
    let event = payments
        .checkout
        .provider
        .webhook(signature, &body.0)
        .map_err(|error| match error {
            WebhookError::NotConfigured => not_found(),
            refused @ WebhookError::OtherMode => {
                bad_request("The webhook is of the other mode: live or test").with_source(refused)
            }
            refused @ (WebhookError::Forged(_) | WebhookError::Malformed) => {
                bad_request("The signature is not the provider's").with_source(refused)
            }
        })?;
    if let Some(event) = event {
        payments.told(&event).await?;
    }
    Ok(HttpResponse::Ok().json(serde_json::json!({})))
}
