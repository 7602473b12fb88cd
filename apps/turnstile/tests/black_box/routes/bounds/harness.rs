//! Compares the description with a route.

use jsonschema::Validator;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use testkit::{Call, Method, Response};

use crate::support::{Person, Site};

/// Keywords that limit a value.
const BOUNDS: [&str; 7] = [
    "minimum",
    "maximum",
    "multipleOf",
    "pattern",
    "maxLength",
    "enum",
    "format",
];

/// An operation by its method and its path in the description.
pub(super) type Operation = (&'static str, &'static str);

/// The expected outcome of a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    /// It is valid, and succeeds.
    Taken,
    /// It is valid, and refused because of the current state.
    Later(&'static str),
    /// It is invalid, and refused for that.
    Refused(&'static str),
}

/// A site, and the observed refusals of its routes.
pub(super) struct Bounds {
    site: Site,
    pub person: Person,
    ticket: String,
    pub document: Value,
    /// Operations with the members or parameters that were refused.
    pub refused: BTreeSet<(String, String, String)>,
}

impl Bounds {
    pub async fn new() -> Self {
        let site = Site::start().await;
        let person = site.person().await;
        let document = site.anyone().get("/api/openapi.json").await;
        Self {
            ticket: person.sell("Opening night", 20).await,
            document: document.expect_status(200).json,
            refused: BTreeSet::new(),
            person,
            site,
        }
    }

    /// Whether a value is valid by a schema of the document.
    fn is_valid(&self, schema: &Value, value: &Value) -> bool {
        let schema = json!({"allOf": [schema], "components": self.document["components"]});
        let validator: Validator = jsonschema::draft202012::options()
            .should_validate_formats(true)
            .build(&schema)
            .unwrap();
        validator.is_valid(value)
    }

    fn path(&self, path: &str) -> String {
        path.replace("{id}", &self.ticket)
    }

    /// A request. Requests to sign up or in use a new session from then on.
    fn call(&self, (method, path): Operation) -> Call {
        let client = if path.starts_with("/api/users/") {
            self.site.anyone()
        } else {
            self.person.client.clone()
        };
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        client.call(method, &self.path(path))
    }

    fn judge(&mut self, asked: (Operation, &str), value: &Value, answer: &Response, fate: Fate) {
        let ((method, path), name) = asked;
        let operation = &self.document["paths"][path][method];
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let schema = parameters
            .filter(|parameter| parameter["name"] == name)
            .map(|parameter| &parameter["schema"])
            .next()
            .unwrap_or(&operation["requestBody"]["content"]["application/json"]["schema"]);
        assert!(schema.is_object(), "{method} {path} has no {name}");
        let says_valid = self.is_valid(schema, value);
        let (valid, message) = match fate {
            Fate::Taken => (true, None),
            Fate::Later(message) => (true, Some(message)),
            Fate::Refused(message) => (false, Some(message)),
        };
        let what = format!("{method} {path}, {name} of {value}");
        assert_eq!(says_valid, valid, "{what}: {schema}");
        match message {
            None => assert!(answer.status < 300, "{what}: {}", answer.describe()),
            Some(message) => {
                let errors = answer.errors();
                let said = errors.iter().any(|error| error.message == message);
                assert!(said, "{what}: {}", answer.describe());
            }
        }
        if !valid {
            assert_eq!(answer.status, 400, "{what}");
            let refused = (method.to_owned(), path.to_owned(), name.to_owned());
            self.refused.insert(refused);
        }
    }

    /// A body, to check one member.
    pub async fn body(&mut self, operation: Operation, member: &str, body: Value, fate: Fate) {
        let call = self.call(operation);
        let answer = call.json(&body).await;
        self.judge((operation, member), &body, &answer, fate);
    }

    /// A parameter in the address.
    pub async fn query(&mut self, operation: Operation, name: &str, value: &str, fate: Fate) {
        let path = self.path(operation.1);
        let escaped = value.replace('+', "%2B");
        let answer = self.person.get(&format!("{path}?{name}={escaped}")).await;
        // In an address everything is text; a client parses a number if it is one.
        let number = value.parse::<i64>().map(Value::from);
        let is_text = matches!(name, "min_price" | "max_price" | "cursor" | "sort");
        let value = number.ok().filter(|_| !is_text);
        let value = value.unwrap_or_else(|| escaped.replace("%2B", "+").into());
        self.judge((operation, name), &value, &answer, fate);
    }

    /// A header, of a request with a valid body.
    pub async fn header(
        &mut self,
        (operation, body): (Operation, &Value),
        (name, value): (&str, &str),
        fate: Fate,
    ) {
        let call = self.call(operation);
        let answer = call.header(name, value).json(body).await;
        self.judge((operation, name), &value.into(), &answer, fate);
    }

    /// Every member and parameter with a constraint in the description, by operation.
    pub fn bounded(&self) -> BTreeSet<(String, String, String)> {
        let mut found = BTreeSet::new();
        for (path, item) in self.document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let mut note = |name: &str| {
                    found.insert((method.clone(), path.clone(), name.to_owned()));
                };
                let parameters = operation["parameters"].as_array().into_iter().flatten();
                for parameter in parameters.filter(|parameter| parameter["in"] != "path") {
                    if BOUNDS
                        .iter()
                        .any(|bound| !parameter["schema"][bound].is_null())
                    {
                        note(parameter["name"].as_str().unwrap());
                    }
                }
                let body = &operation["requestBody"]["content"]["application/json"]["schema"];
                let parts = body["allOf"].as_array().into_iter().flatten().chain([body]);
                for part in parts {
                    let named = part["$ref"]
                        .as_str()
                        .map(|name| name.trim_start_matches('#'));
                    let part = named.map_or(part, |name| self.document.pointer(name).unwrap());
                    let members = part["properties"].as_object().into_iter().flatten();
                    let required = part["required"].as_array().into_iter().flatten();
                    for (name, member) in members {
                        if BOUNDS.iter().any(|bound| !member[bound].is_null()) {
                            note(name);
                        }
                    }
                    for name in required {
                        note(name.as_str().unwrap());
                    }
                }
            }
        }
        found
    }
}
