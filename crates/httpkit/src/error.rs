//! Every response that isn't a success, and its constructor.
//!
//! | problem | use | status |
//! |---|---|---|
//! | the body as a whole, or a rule that the state refuses | [`bad_request`] | 400 |
//! | one field | [`field`] | 400 |
//! | several fields | [`invalid_fields`] | 400 |
//! | an order of the caller's own conflicts | [`own_order`] | 400 |
//! | no session, or the caller isn't the owner | [`unauthorized`] | 401 |
//! | the payment provider declined | [`payment_required`] | 402 |
//! | a request that another site made a browser send | [`forbidden`] | 403 |
//! | not found | [`not_found`] | 404 |
//! | too many conflicts, or the first request is still in progress | [`conflict`] | 409 |
//! | `If-Match` names another version | [`precondition_failed`] | 412 |
//! | the body is too long | [`too_large`] | 413 |
//! | an `Idempotency-Key` came with another request | [`unprocessable`] | 422 |
//! | a limit was reached | [`too_many_requests`], [`rate_limited`] | 429 |
//! | a store or provider is down: *failed*, not refused | [`unavailable`] | 503 |
//! | no capacity at the moment | [`busy`] | 503 |
//! | a defect of this program | [`internal`] | 500 |
//!
//! All of them render as [`api::Errors`]. The response contains only the arguments of the
//! constructor; the source of a failure goes to the log, with the request's ID, and never to the
//! client.

use std::{error::Error, fmt};

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{HeaderValue, LOCATION, RETRY_AFTER},
    },
};
use api::{ErrorItem, Errors};
use uuid::Uuid;

/// The result of a handler.
pub type HandlerResult<T = HttpResponse> = Result<T, AppError>;

/// The source of a failure.
pub type Source = Box<dyn Error + Send + Sync>;

/// A response that isn't a success. Created by this module's functions.
#[derive(Debug)]
pub struct AppError {
    status: StatusCode,
    errors: Vec<ErrorItem>,
    retry_after: Option<u64>,
    location: Option<HeaderValue>,
    source: Option<Source>,
}

impl AppError {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self::of(status, vec![item(None, message.into())])
    }

    fn of(status: StatusCode, errors: Vec<ErrorItem>) -> Self {
        Self {
            status,
            errors,
            retry_after: None,
            location: None,
            source: None,
        }
    }

    /// With a `Retry-After` of this number of seconds, at least one.
    fn after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds.max(1));
        self
    }

    /// Adds the source, for the log.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The HTTP status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The items of the response.
    pub fn errors(&self) -> &[ErrorItem] {
        &self.errors
    }

    /// The source: for the log only.
    pub fn cause(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.source.as_deref()
    }
}

fn item(field: Option<String>, message: String) -> ErrorItem {
    ErrorItem {
        message,
        field,
        order_id: None,
    }
}

/// 400 about the request as a whole.
pub fn bad_request(message: impl Into<String>) -> AppError {
    AppError::new(StatusCode::BAD_REQUEST, message)
}

/// 400 about one field.
pub fn field(field: impl Into<String>, message: impl Into<String>) -> AppError {
    invalid_fields(vec![item(Some(field.into()), message.into())])
}

/// 400 with one item per invalid field. The list must not be empty.
pub fn invalid_fields(errors: Vec<ErrorItem>) -> AppError {
    debug_assert!(!errors.is_empty(), "an error says what is wrong");
    AppError::of(StatusCode::BAD_REQUEST, errors)
}

/// 400 that leads to the caller's own order that conflicts: its ID is in the item, its address in
/// `Location`.
pub fn own_order(message: impl Into<String>, order: Uuid) -> AppError {
    let error = ErrorItem {
        order_id: Some(order),
        ..item(None, message.into())
    };
    AppError {
        location: HeaderValue::from_str(&format!("/api/orders/{order}")).ok(),
        ..AppError::of(StatusCode::BAD_REQUEST, vec![error])
    }
}

/// 412: `If-Match` names another version. The list must not be empty.
pub fn precondition_failed(errors: Vec<ErrorItem>) -> AppError {
    debug_assert!(!errors.is_empty(), "an error says what is wrong");
    AppError::of(StatusCode::PRECONDITION_FAILED, errors)
}

/// 401 "Not authorized": there is no session, or the resource belongs to another user.
pub fn unauthorized() -> AppError {
    AppError::new(StatusCode::UNAUTHORIZED, "Not authorized")
}

/// 402 with the provider's reason.
pub fn payment_required(message: impl Into<String>) -> AppError {
    AppError::new(StatusCode::PAYMENT_REQUIRED, message)
}

/// 403: another site made the browser send this.
pub fn forbidden(message: impl Into<String>) -> AppError {
    AppError::new(StatusCode::FORBIDDEN, message)
}

/// 404 "Not Found".
pub fn not_found() -> AppError {
    AppError::new(StatusCode::NOT_FOUND, "Not Found")
}

/// 409: try again, nothing was changed.
pub fn conflict(message: impl Into<String>) -> AppError {
    AppError::new(StatusCode::CONFLICT, message).after(1)
}

/// 413 for a body of more than `limit` bytes.
pub fn too_large(limit: usize) -> AppError {
    AppError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("The body is longer than {limit} bytes"),
    )
}

/// 422: understood, but contradictory.
pub fn unprocessable(message: impl Into<String>) -> AppError {
    AppError::new(StatusCode::UNPROCESSABLE_ENTITY, message)
}

/// 429, with the seconds after which to try again.
pub fn too_many_requests(retry_after: u64) -> AppError {
    rate_limited("Too many attempts, please try again later", retry_after)
}

/// 429 with a given message, with the seconds after which to try again.
pub fn rate_limited(message: impl Into<String>, retry_after: u64) -> AppError {
    AppError::new(StatusCode::TOO_MANY_REQUESTS, message).after(retry_after)
}

/// 503: `what` (visible to the client: name it as a user would) is unavailable; try again after
/// `retry_after` seconds.
pub fn unavailable(what: &str, retry_after: u64) -> AppError {
    busy(
        format!("{what} is not available, please try again"),
        retry_after,
    )
}

/// 503 with a given message: there is no capacity for this now; try again after `retry_after`
/// seconds.
pub fn busy(message: impl Into<String>, retry_after: u64) -> AppError {
    AppError::new(StatusCode::SERVICE_UNAVAILABLE, message).after(retry_after)
}

/// 500 with a generic message; the source is logged.
pub fn internal(source: impl Into<Source>) -> AppError {
    AppError::new(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong").with_source(source)
}

/// The source, for the log; the messages if there is none.
impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(source) = &self.source {
            write!(f, "{source}")?;
            let mut below = source.source();
            while let Some(cause) = below {
                write!(f, ": {cause}")?;
                below = cause.source();
            }
            return Ok(());
        }
        for (index, error) in self.errors.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{}", error.message)?;
        }
        Ok(())
    }
}

impl Error for AppError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &dyn Error)
    }
}

impl ResponseError for AppError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = envelope(self.status, self.errors.clone());
        if let Some(seconds) = self.retry_after {
            answer
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(location) = &self.location {
            answer.headers_mut().insert(LOCATION, location.clone());
        }
        answer
    }
}

/// The envelope with these items.
fn envelope(status: StatusCode, errors: Vec<ErrorItem>) -> HttpResponse {
    HttpResponse::build(status).json(Errors { errors })
}

/// The message for a response that actix created without one.
pub(crate) fn plain(status: StatusCode) -> AppError {
    let message = match status {
        StatusCode::NOT_FOUND => "Not Found",
        StatusCode::METHOD_NOT_ALLOWED => "Method Not Allowed",
        StatusCode::REQUEST_TIMEOUT => "The request took too long to arrive",
        StatusCode::PAYLOAD_TOO_LARGE => "The body is too long",
        status if status.is_server_error() => "Something went wrong",
        status => status.canonical_reason().unwrap_or("Bad Request"),
    };
    AppError::new(status, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::to_bytes;

    async fn rendered(error: &AppError) -> (u16, Option<String>, String) {
        let answer = error.error_response();
        let retry_after = answer
            .headers()
            .get(RETRY_AFTER)
            .map(|value| value.to_str().unwrap().to_owned());
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body()).await.unwrap();
        (
            status,
            retry_after,
            String::from_utf8(body.to_vec()).unwrap(),
        )
    }

    #[actix_web::test]
    async fn each_constructor_has_its_status_and_all_share_one_envelope() {
        for (error, status) in [
            (bad_request("x"), 400),
            (field("a", "x"), 400),
            (unauthorized(), 401),
            (payment_required("x"), 402),
            (forbidden("x"), 403),
            (not_found(), 404),
            (conflict("x"), 409),
            (own_order("x", Uuid::nil()), 400),
            (precondition_failed(vec![item(None, "x".to_owned())]), 412),
            (too_large(10), 413),
            (unprocessable("x"), 422),
            (too_many_requests(5), 429),
            (internal("x"), 500),
            (unavailable("x", 1), 503),
        ] {
            let (seen, _, body) = rendered(&error).await;
            assert_eq!(seen, status);
            let errors: Errors = serde_json::from_str(&body).unwrap();
            assert!(!errors.errors.is_empty(), "{body}");
        }
    }

    #[actix_web::test]
    async fn a_field_error_names_its_field_and_others_have_none() {
        let (.., body) = rendered(&field("email", "Email must be valid")).await;
        assert_eq!(
            body,
            r#"{"errors":[{"message":"Email must be valid","field":"email"}]}"#
        );
        let (.., body) = rendered(&not_found()).await;
        assert_eq!(body, r#"{"errors":[{"message":"Not Found"}]}"#);
    }

    #[actix_web::test]
    async fn the_source_of_a_failure_appears_only_in_the_log() {
        let error = internal("password of the database is hunter2");
        assert!(error.to_string().contains("hunter2"));
        let (.., body) = rendered(&error).await;
        assert!(!body.contains("hunter2"), "{body}");
        let error = unavailable("The ticket store", 2).with_source("10.0.0.7 refused");
        let (status, retry_after, body) = rendered(&error).await;
        assert_eq!((status, retry_after.as_deref()), (503, Some("2")));
        assert!(!body.contains("10.0.0.7"), "{body}");
    }
}
