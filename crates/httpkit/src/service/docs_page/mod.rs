//! The API's documentation as a page, rendered from the OpenAPI document.
//!
//! The usual viewers are megabytes of script from other sites; this page has none, so it can forbid
//! all scripts, and works wherever the API does.

mod schema;

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt::{self, Write as _},
};

use actix_web::http::header::HeaderValue;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use html_escape::encode_quoted_attribute as escaped;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("style.css");
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The page, and its content security policy.
pub(super) struct Page {
    pub html: Bytes,
    pub policy: HeaderValue,
}

impl Page {
    /// The page of an OpenAPI document.
    pub(super) fn of(document: &Value) -> Self {
        let mut html = String::new();
        // Writing to a string can't fail.
        let _ = page(&mut html, document);
        let style = STANDARD.encode(Sha256::digest(STYLE));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'"
        );
        Self {
            html: html.into(),
            policy: HeaderValue::from_str(&policy)
                .unwrap_or(HeaderValue::from_static("default-src 'none'")),
        }
    }
}

/// A text member, or nothing.
fn text<'v>(value: &'v Value, member: &str) -> Cow<'v, str> {
    escaped(value[member].as_str().unwrap_or(""))
}

/// One method of one path.
struct Operation<'v> {
    method: &'static str,
    path: &'v str,
    says: &'v Value,
}

fn page(html: &mut String, document: &Value) -> fmt::Result {
    let title = text(&document["info"], "title");
    let groups = groups(document);
    write!(
        html,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title}: API</title><style>{STYLE}</style></head><body><header>\
         <h1>{title}: API <span class=\"soft\">{}</span></h1><p>{}</p>\
         <p><a href=\"/api/openapi.json\">OpenAPI document</a></p><nav aria-label=\"Contents\">",
        text(&document["info"], "version"),
        text(&document["info"], "description"),
    )?;
    for name in groups.keys() {
        write!(html, "<a href=\"#{0}\">{0}</a>", escaped(name))?;
    }
    html.push_str("<a href=\"#schemas\">schemas</a></nav></header><main>");
    for (name, operations) in &groups {
        write!(html, "<h2 id=\"{0}\">{0}</h2>", escaped(name))?;
        for operation in operations {
            operation.write(html)?;
        }
    }
    html.push_str("<h2 id=\"schemas\">Schemas</h2>");
    for (name, says) in members(&document["components"]["schemas"]) {
        schema::write_section(html, name, says)?;
    }
    html.push_str("</main></body></html>");
    Ok(())
}

/// Operations by their first tag.
fn groups(document: &Value) -> BTreeMap<&str, Vec<Operation<'_>>> {
    let mut groups = BTreeMap::<_, Vec<_>>::new();
    for (path, item) in members(&document["paths"]) {
        for method in METHODS {
            let Some(says) = item.get(method) else {
                continue;
            };
            let group = says["tags"][0].as_str().unwrap_or("other");
            groups
                .entry(group)
                .or_default()
                .push(Operation { method, path, says });
        }
    }
    groups
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), value))
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

impl Operation<'_> {
    fn write(&self, html: &mut String) -> fmt::Result {
        let Self { method, path, says } = self;
        write!(
            html,
            "<article><h3><span class=\"method {method}\">{}</span> <code>{}</code></h3><p>{}</p>",
            method.to_uppercase(),
            escaped(path),
            text(says, "summary")
        )?;
        if says["description"].is_string() {
            write!(html, "<p class=\"soft\">{}</p>", text(says, "description"))?;
        }
        self.write_parameters(html)?;
        if let Some((kind, body)) = content(&says["requestBody"]) {
            write!(
                html,
                "<h4>Body</h4><p>{} <span class=\"soft\">{}</span></p>",
                schema::Type(body),
                escaped(kind)
            )?;
        }
        self.write_answers(html)?;
        html.push_str("</article>");
        Ok(())
    }

    fn write_parameters(&self, html: &mut String) -> fmt::Result {
        let mut parameters = items(&self.says["parameters"]).peekable();
        if parameters.peek().is_none() {
            return Ok(());
        }
        html.push_str("<h4>Parameters</h4><div class=\"wide\"><table>");
        for parameter in parameters {
            let required = parameter["required"].as_bool().unwrap_or(false);
            write!(
                html,
                "<tr><th scope=\"row\"><code>{}</code></th><td class=\"soft\">{}, {}{}</td><td>{}</td></tr>",
                text(parameter, "name"),
                text(parameter, "in"),
                schema::Type(&parameter["schema"]),
                if required { "" } else { ", optional" },
                text(parameter, "description"),
            )?;
        }
        html.push_str("</table></div>");
        Ok(())
    }

    fn write_answers(&self, html: &mut String) -> fmt::Result {
        html.push_str("<h4>Answers</h4><div class=\"wide\"><table>");
        for (status, answer) in members(&self.says["responses"]) {
            write!(
                html,
                "<tr><th scope=\"row\">{}</th><td>{}</td><td>",
                escaped(status),
                text(answer, "description")
            )?;
            if let Some((_, body)) = content(answer) {
                write!(html, "{}", schema::Type(body))?;
            }
            html.push_str("</td></tr>");
        }
        html.push_str("</table></div>");
        Ok(())
    }
}

/// The first content type of a body or response, and its schema.
fn content(value: &Value) -> Option<(&str, &Value)> {
    let (kind, content) = members(&value["content"]).next()?;
    Some((kind, &content["schema"]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn page(document: &Value) -> String {
        String::from_utf8(Page::of(document).html.to_vec()).unwrap()
    }

    fn document() -> Value {
        json!({
            "info": { "title": "Sample", "version": "1" },
            "paths": { "/api/orders/{id}": { "delete": {
                "tags": ["orders"],
                "summary": "Gives an <order> back",
                "parameters": [{ "name": "id", "in": "path", "required": true,
                    "schema": { "type": "string", "format": "uuid" } }],
                "requestBody": { "content": { "application/json": {
                    "schema": { "$ref": "#/components/schemas/Reason" } } } },
                "responses": { "204": { "description": "It is free again" } },
            } } },
            "components": { "schemas": { "Reason": {
                "type": "object", "required": ["text"],
                "properties": { "text": { "type": "string", "description": "In words" },
                    "codes": { "type": "array", "items": { "type": "integer" } } },
            } } },
        })
    }

    #[test]
    fn every_operation_is_shown_with_parameters_body_and_responses() {
        let page = page(&document());
        for part in [
            "<h2 id=\"orders\">",
            "DELETE</span> <code>/api/orders/{id}</code>",
            "<code>id</code></th><td class=\"soft\">path, string (uuid)</td>",
            "<a href=\"#schema-Reason\">Reason</a>",
            "<th scope=\"row\">204</th><td>It is free again</td>",
            "<section class=\"schema\" id=\"schema-Reason\">",
            "<code>text</code></th><td class=\"soft\">string</td><td>In words</td>",
            "array of integer, optional",
        ] {
            assert!(page.contains(part), "{part} in {page}");
        }
    }

    #[test]
    fn text_of_the_document_is_escaped() {
        let mut document = document();
        document["info"]["title"] = json!("<script>alert('x')</script>");
        let page = page(&document);
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains("Gives an &lt;order&gt; back"), "{page}");
    }

    #[test]
    fn the_policy_allows_only_the_style_of_the_page() {
        let page = Page::of(&document());
        let policy = page.policy.to_str().unwrap();
        let hash = STANDARD.encode(Sha256::digest(STYLE));
        assert!(policy.contains(&format!("style-src 'sha256-{hash}'")));
        assert!(policy.starts_with("default-src 'none'"));
    }
}
