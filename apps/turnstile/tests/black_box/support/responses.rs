//! The routes of commands, and checks of responses.

use serde_json::Value;
use testkit::{Method, Response};
use uuid::Uuid;

/// Every command with a body; one of them changes this ticket.
pub fn commands(ticket: &str) -> Vec<(Method, String)> {
    let mut commands: Vec<_> = [
        "/api/users/signup",
        "/api/users/signin",
        "/api/tickets",
        "/api/orders",
        "/api/payments",
    ]
    .map(|path| (Method::POST, path.to_owned()))
    .into();
    commands.push((Method::PUT, format!("/api/tickets/{ticket}")));
    commands
}

/// Checks that the object has these fields with these values; it may have others.
#[track_caller]
pub fn assert_has(object: &Value, expected: &Value) {
    let Value::Object(expected) = expected else {
        panic!("expect an object");
    };
    for (name, value) in expected {
        assert_eq!(&object[name], value, "field {name} of {object:#}");
    }
}

/// Whether it is the text of a UUID.
pub fn is_uuid(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| Uuid::parse_str(text).is_ok())
}

/// The responses of concurrent tasks.
pub async fn as_answers(tasks: Vec<tokio::task::JoinHandle<Response>>) -> Vec<Response> {
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

/// The status codes, sorted.
pub fn statuses(answers: &[Response]) -> Vec<u16> {
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    statuses
}
