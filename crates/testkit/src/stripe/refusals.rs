//! Stripe's error responses.

use serde_json::json;

use super::http::Response;

/// The response to a request without a route.
pub(super) fn unknown_url() -> Response {
    refused(
        404,
        "invalid_request_error",
        "",
        "Unrecognized request URL",
        "",
    )
}

/// The response of a failing server.
pub(super) fn failure(status: u16) -> Response {
    let kind = if status == 429 {
        "rate_limit_error"
    } else {
        "api_error"
    };
    refused(
        status,
        kind,
        "",
        "Something went wrong on Stripe's end.",
        "",
    )
}

pub(super) fn refused(status: u16, kind: &str, code: &str, message: &str, param: &str) -> Response {
    let mut error = json!({ "type": kind, "message": message });
    for (name, value) in [("code", code), ("param", param)] {
        if !value.is_empty() {
            error[name] = json!(value);
        }
    }
    Response::new(status, json!({ "error": error }).to_string())
}

pub(super) fn missing(id: &str) -> Response {
    let message = format!("No such payment_intent: '{id}'");
    refused(
        404,
        "invalid_request_error",
        "resource_missing",
        &message,
        "intent",
    )
}

pub(super) fn unexpected(verb: &str, status: &str) -> Response {
    let message =
        format!("You cannot {verb} this PaymentIntent because it has a status of {status}.");
    refused(
        400,
        "invalid_request_error",
        "payment_intent_unexpected_state",
        &message,
        "",
    )
}
