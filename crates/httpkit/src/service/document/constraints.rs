//! Constraints of values beyond their types.
//!
//! A service defines them with the constants that its checks use, and not with the types: those are
//! shared with the web app, which doesn't need the domain's rules. Applied to the document's JSON,
//! as in `common`.

use serde_json::{Value, json};

/// Constraints of a value beyond its type: keywords of JSON Schema.
#[derive(Clone, Debug)]
pub struct Constraint {
    place: Place,
    keywords: Value,
}

#[derive(Clone, Debug)]
enum Place {
    Schema(&'static str),
    Field(&'static str, &'static str),
    Body(&'static str, &'static str),
    Parameter(&'static str, &'static str, &'static str),
}

impl Constraint {
    /// These members are required in every body of this type.
    pub fn required(schema: &'static str, members: &[&str]) -> Self {
        Self {
            place: Place::Schema(schema),
            keywords: json!({ "required": members }),
        }
    }

    /// A member of a type, in every body.
    pub fn field(schema: &'static str, member: &'static str, keywords: Value) -> Self {
        Self {
            place: Place::Field(schema, member),
            keywords,
        }
    }

    /// The body of one operation, in addition to its type.
    pub fn body(method: &'static str, path: &'static str, keywords: Value) -> Self {
        Self {
            place: Place::Body(method, path),
            keywords,
        }
    }

    /// A parameter of one operation.
    pub fn parameter(
        (method, path): (&'static str, &'static str),
        name: &'static str,
        keywords: Value,
    ) -> Self {
        Self {
            place: Place::Parameter(method, path, name),
            keywords,
        }
    }

    /// Adds it to a document.
    ///
    /// # Errors
    /// When the document has no such place: it was renamed.
    pub(super) fn apply(&self, document: &mut Value) -> Result<(), String> {
        let missing = || format!("the API's description has no {:?}", self.place);
        let found = self.find(document).ok_or_else(missing)?;
        if let Place::Body(..) = self.place {
            *found = json!({ "allOf": [found.take(), self.keywords] });
            return Ok(());
        }
        let (Some(found), Some(keywords)) = (found.as_object_mut(), self.keywords.as_object())
        else {
            return Err(missing());
        };
        for (keyword, value) in keywords {
            found.insert(keyword.clone(), value.clone());
        }
        Ok(())
    }

    fn find<'d>(&self, document: &'d mut Value) -> Option<&'d mut Value> {
        let schemas = "/components/schemas";
        match self.place {
            Place::Schema(schema) => document.pointer_mut(&format!("{schemas}/{schema}")),
            Place::Field(schema, member) => {
                document.pointer_mut(&format!("{schemas}/{schema}/properties/{member}"))
            }
            Place::Body(method, path) => operation(document, method, path)?
                .pointer_mut("/requestBody/content/application~1json/schema"),
            Place::Parameter(method, path, name) => {
                let parameters = operation(document, method, path)?.get_mut("parameters")?;
                let mut all = parameters.as_array_mut()?.iter_mut();
                all.find(|parameter| parameter["name"] == name)?
                    .get_mut("schema")
            }
        }
    }
}

fn operation<'d>(document: &'d mut Value, method: &str, path: &str) -> Option<&'d mut Value> {
    document.get_mut("paths")?.get_mut(path)?.get_mut(method)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Value {
        let schema = json!({"$ref": "#/components/schemas/New"});
        json!({
            "paths": {"/a": {"post": {
                "parameters": [{"name": "limit", "schema": {"type": "string"}}],
                "requestBody": {"content": {"application/json": {"schema": schema}}},
            }}},
            "components": {"schemas": {"New": {"properties": {"title": {"type": "string"}}}}},
        })
    }

    #[test]
    fn each_place_gets_its_constraint() {
        let mut document = document();
        for constraint in [
            Constraint::required("New", &["title"]),
            Constraint::field("New", "title", json!({"maxLength": 5})),
            Constraint::body("post", "/a", json!({"minProperties": 1})),
            Constraint::parameter(("post", "/a"), "limit", json!({"type": "integer"})),
        ] {
            constraint.apply(&mut document).unwrap();
        }
        let new = &document["components"]["schemas"]["New"];
        assert_eq!(new["required"], json!(["title"]));
        let title = json!({"type": "string", "maxLength": 5});
        assert_eq!(new["properties"]["title"], title);
        let post = &document["paths"]["/a"]["post"];
        let body = &post["requestBody"]["content"]["application/json"]["schema"];
        assert_eq!(body["allOf"][0]["$ref"], "#/components/schemas/New");
        assert_eq!(body["allOf"][1], json!({"minProperties": 1}));
        assert_eq!(post["parameters"][0]["schema"], json!({"type": "integer"}));
    }

    #[test]
    fn a_constraint_for_an_unknown_place_is_an_error() {
        for constraint in [
            Constraint::required("Old", &["title"]),
            Constraint::field("New", "name", json!({})),
            Constraint::body("put", "/a", json!({})),
            Constraint::parameter(("post", "/a"), "cursor", json!({})),
        ] {
            constraint.apply(&mut document()).unwrap_err();
        }
    }
}
