//! The parts that all routes have in common, written once: the responses of the layers around a
//! handler, and the headers of responses and parameters.
//!
//! Works on the document's JSON: its Rust types have a field for each method and each kind of
//! response, and would need a `match` for every step.

use serde_json::{Map, Value, json};

use crate::idempotency;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// What parameters and headers mean that stand at several routes.
const MEANINGS: [(&str, &str); 4] = [
    (
        "Idempotency-Key",
        "Repeats safely: 1 to 255 visible ASCII characters, chosen by the caller",
    ),
    ("Prefer", "`respond-async`: don't wait for the read model"),
    (
        "Idempotency-Replayed",
        "`true` if this answer was given before",
    ),
    (
        "Link",
        "The next page, with `rel=\"next\"`, if there is one",
    ),
];

/// Completes every operation of a document.
pub(super) fn complete(document: &mut Value) {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    for item in paths.into_iter().flat_map(Map::values_mut) {
        for method in METHODS {
            if let Some(operation) = item.get_mut(method).and_then(Value::as_object_mut) {
                complete_operation(method, operation);
            }
        }
    }
}

fn complete_operation(method: &str, operation: &mut Map<String, Value>) {
    let (has_body, has_key, prefers) = (
        operation.contains_key("requestBody"),
        takes(operation, "Idempotency-Key"),
        takes(operation, "Prefer"),
    );
    let parameters = operation
        .get_mut("parameters")
        .and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        complete_parameter(parameter);
    }
    let responses = operation.entry("responses").or_insert_with(|| json!({}));
    let Some(responses) = responses.as_object_mut() else {
        return;
    };
    let mut add = |status: &str, description: &str| {
        let missing = || json!({"description": description});
        responses.entry(status).or_insert_with(missing);
    };
    if has_body {
        add("413", "The body is too long");
    }
    if method != "get" {
        add("403", "Another site made the browser send this");
    }
    if has_key {
        add("400", "The `Idempotency-Key` is malformed");
        add(
            "409",
            "The first request with this `Idempotency-Key` is still at work, or others kept \
             changing the same thing; nothing was changed",
        );
        add("422", "The `Idempotency-Key` came with another request");
    }
    add("500", "A defect of the server");
    add(
        "503",
        "The log or the read model can't be reached, or the request took too long",
    );
    let is_conditional = responses.contains_key("304");
    for (status, response) in responses.iter_mut() {
        if status.starts_with(['4', '5']) && response.get("content").is_none() {
            response["content"] = errors();
        }
        let headers = response.get_mut("headers").and_then(Value::as_object_mut);
        for (name, header) in headers.into_iter().flatten() {
            explain(name, header);
        }
        let done = status.starts_with('2');
        if matches!(status.as_str(), "409" | "429" | "503") {
            let seconds = json!({"type": "integer", "minimum": 1});
            header(response, "Retry-After", "Seconds to wait", &seconds);
        }
        let text = json!({"type": "string"});
        if is_conditional && (done || status == "304") {
            header(response, "ETag", "Tag of these bytes", &text);
        }
        if prefers && done {
            let what = "`respond-async`, if the answer did not wait for the read model";
            header(response, "Preference-Applied", what, &text);
        }
    }
    if is_conditional {
        let parameters = operation.entry("parameters").or_insert_with(|| json!([]));
        if let Some(parameters) = parameters.as_array_mut() {
            parameters.push(json!({
                "name": "If-None-Match",
                "in": "header",
                "required": false,
                "description": "Tags of what the caller has; answered 304 if it is one of them",
                "schema": {"type": "string"},
            }));
        }
    }
}

/// An unset parameter is absent, and never null.
fn complete_parameter(parameter: &mut Value) {
    let name = parameter["name"].as_str().unwrap_or_default().to_owned();
    explain(&name, parameter);
    let Some(schema) = parameter.get_mut("schema").and_then(Value::as_object_mut) else {
        return;
    };
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|one| one != "null");
        if let [one] = &types[..] {
            let one = one.clone();
            schema.insert("type".to_owned(), one);
        }
    }
    if name == "Idempotency-Key" {
        schema.insert("pattern".to_owned(), idempotency::key_pattern().into());
    }
}

/// Whether an operation accepts this header.
fn takes(operation: &Map<String, Value>, name: &str) -> bool {
    let parameters = operation.get("parameters").and_then(Value::as_array);
    parameters.is_some_and(|all| all.iter().any(|parameter| parameter["name"] == name))
}

/// Says what a parameter or a header means, unless its route does.
fn explain(name: &str, described: &mut Value) {
    let meaning = MEANINGS.iter().find(|(known, _)| *known == name);
    if let (Some((_, meaning)), None) = (meaning, described.get("description")) {
        described["description"] = (*meaning).into();
    }
}

/// The body of every answer that is an error.
fn errors() -> Value {
    json!({"application/json": {"schema": {"$ref": "#/components/schemas/Errors"}}})
}

/// Adds a header to a response, unless the response already defines it.
fn header(response: &mut Value, name: &str, description: &str, schema: &Value) {
    let header = || json!({"description": description, "schema": schema});
    let headers = response.as_object_mut().map(|response| {
        let headers = response.entry("headers").or_insert_with(|| json!({}));
        headers.as_object_mut()
    });
    if let Some(headers) = headers.flatten() {
        headers.entry(name).or_insert_with(header);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(method: &str, operation: &Value) -> Value {
        let mut document = json!({"paths": {"/a": {method: operation}}});
        complete(&mut document);
        document["paths"]["/a"][method].take()
    }

    fn statuses(operation: &Value) -> Vec<&str> {
        let responses = operation["responses"].as_object().unwrap();
        responses.keys().map(String::as_str).collect()
    }

    #[test]
    fn every_operation_documents_failures_and_retry_after() {
        let read = completed("get", &json!({"responses": {"200": {"description": "x"}}}));
        assert_eq!(statuses(&read), ["200", "500", "503"]);
        assert!(read["responses"]["503"]["headers"]["Retry-After"].is_object());
        assert!(read["responses"]["200"]["headers"].is_null());
    }

    #[test]
    fn operations_with_keys_or_bodies_document_their_errors() {
        let command = json!({
            "parameters": [{"name": "Idempotency-Key"}, {"name": "Prefer"}],
            "requestBody": {},
            "responses": {"201": {"description": "x"}, "409": {"description": "as it is"}},
        });
        let command = completed("post", &command);
        let expected = ["201", "400", "403", "409", "413", "422", "500", "503"];
        assert_eq!(statuses(&command), expected);
        let conflict = &command["responses"]["409"];
        assert_eq!(conflict["description"], "as it is");
        assert!(conflict["headers"]["Retry-After"].is_object());
        let created = &command["responses"]["201"]["headers"];
        assert!(created["Preference-Applied"].is_object());
    }

    #[test]
    fn cacheable_operations_document_tags() {
        let read = json!({"responses": {
            "200": {"description": "x"}, "304": {"description": "y"}, "404": {"description": "z"},
        }});
        let read = completed("get", &read);
        for (status, tagged) in [("200", true), ("304", true), ("404", false)] {
            let tag = &read["responses"][status]["headers"]["ETag"];
            assert_eq!(tag.is_object(), tagged, "{status}");
        }
        assert_eq!(read["parameters"][0]["name"], "If-None-Match");
    }
}
