//! Describes the shapes of bodies, in words.

use std::fmt::{self, Display, Write as _};

use html_escape::encode_quoted_attribute as escaped;
use serde_json::Value;

use super::{items, members, text};

/// A schema in a few words; named shapes are links.
pub(super) struct Type<'v>(pub &'v Value);

impl Display for Type<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schema = self.0;
        if let Some(name) = schema["$ref"].as_str().and_then(|to| to.rsplit('/').next()) {
            return write!(f, "<a href=\"#schema-{0}\">{0}</a>", escaped(name));
        }
        for choice in ["oneOf", "anyOf", "allOf"] {
            if schema[choice].is_array() {
                return list(f, items(&schema[choice]).map(Type));
            }
        }
        if schema["enum"].is_array() {
            return list(f, items(&schema["enum"]).map(Literal));
        }
        match &schema["type"] {
            Value::Array(kinds) => list(
                f,
                kinds
                    .iter()
                    .map(|kind| escaped(kind.as_str().unwrap_or(""))),
            ),
            Value::String(kind) if kind == "array" => {
                write!(f, "array of {}", Type(&schema["items"]))
            }
            Value::String(kind) => match schema["format"].as_str() {
                Some(format) => write!(f, "{} ({})", escaped(kind), escaped(format)),
                None => write!(f, "{}", escaped(kind)),
            },
            _ => f.write_str("anything"),
        }
    }
}

/// A value as JSON.
struct Literal<'v>(&'v Value);

impl Display for Literal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<code>{}</code>", escaped(&self.0.to_string()))
    }
}

fn list<T: Display>(f: &mut fmt::Formatter<'_>, all: impl Iterator<Item = T>) -> fmt::Result {
    for (index, one) in all.enumerate() {
        let separator = if index == 0 { "" } else { " or " };
        write!(f, "{separator}{one}")?;
    }
    Ok(())
}

/// The section on a named shape.
pub(super) fn write_section(html: &mut String, name: &str, schema: &Value) -> fmt::Result {
    write!(
        html,
        "<section class=\"schema\" id=\"schema-{0}\"><h3>{0}</h3><p>{1}</p>",
        escaped(name),
        text(schema, "description")
    )?;
    let mut properties = members(&schema["properties"]).peekable();
    if properties.peek().is_none() {
        write!(html, "<p>{}</p></section>", Type(schema))?;
        return Ok(());
    }
    html.push_str("<div class=\"wide\"><table>");
    for (property, says) in properties {
        let required = items(&schema["required"]).any(|name| name == property);
        write!(
            html,
            "<tr><th scope=\"row\"><code>{}</code></th><td class=\"soft\">{}{}</td><td>{}</td></tr>",
            escaped(property),
            Type(says),
            if required { "" } else { ", optional" },
            text(says, "description"),
        )?;
    }
    html.push_str("</table></div></section>");
    Ok(())
}
