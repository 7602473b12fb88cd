//! `If-Match`: the version of a ticket that a change builds on.

use actix_web::{HttpRequest, http::header::IF_MATCH};
use domain::TicketId;
use httpkit::{AppError, error::bad_request, etag};

use serde_json::{Value, json};

use crate::TicketsService;

/// No ticket reaches this version, so it never matches.
const NO_VERSION: u64 = u64::MAX;

/// What a caller may name.
#[derive(Debug, PartialEq, Eq)]
enum Named<'a> {
    /// Any version.
    Any,
    /// A version, in quotes.
    Version(u64),
    /// The `ETag` of a response, without its quotes, in its plain form.
    Tag(&'a str),
}

/// Returns the version that a change expects, if the header states one. The ticket itself compares
/// it, when the change is decided: a comparison here would be outdated by then.
///
/// # Errors
/// 400 for anything but one quoted tag, or `*`; 503 when an `ETag` can't be looked up.
pub(super) async fn expected_version(
    req: &HttpRequest,
    tickets: &TicketsService,
    id: TicketId,
) -> Result<Option<u64>, AppError> {
    let Some(header) = req.headers().get(IF_MATCH) else {
        return Ok(None);
    };
    let named = header.to_str().ok().and_then(parse);
    match named.ok_or_else(|| bad_request("If-Match must be an ETag, a version in quotes, or *"))? {
        Named::Any => Ok(None),
        Named::Version(version) => Ok(Some(version)),
        Named::Tag(tag) => {
            let found = tickets
                .view
                .find(id.0)
                .await
                .map_err(runtime::read_failed)?;
            let shown =
                found.filter(|found| etag::opaque(&etag::of_digest(found.digest)) == Some(tag));
            let shown = shown.and_then(|it| serde_json::from_slice::<api::Ticket>(&it.bytes).ok());
            Ok(Some(shown.map_or(NO_VERSION, |ticket| ticket.version)))
        }
    }
}

/// Constraints of the header in the API's description.
pub(super) fn keywords() -> Value {
    json!({ "pattern": r#"^(\*|"[!#-~]+")$"# })
}

/// A strong tag: `If-Match` compares no others (RFC 9110 §13.1.1).
fn parse(header: &str) -> Option<Named<'_>> {
    let header = header.trim();
    if header == "*" {
        return Some(Named::Any);
    }
    let tag = header.strip_prefix('"')?.strip_suffix('"')?;
    if tag.is_empty() || tag.contains('"') {
        return None;
    }
    let is_version = tag.len() < 20 && tag.bytes().all(|byte| byte.is_ascii_digit());
    Some(if is_version {
        Named::Version(tag.parse().ok()?)
    } else {
        Named::Tag(etag::plain(tag))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_accepts_a_version_a_tag_or_a_star() {
        assert_eq!(parse("*"), Some(Named::Any));
        assert_eq!(parse("\"17\""), Some(Named::Version(17)));
        assert_eq!(parse(" \"a1b2\" "), Some(Named::Tag("a1b2")));
        // That of the same response, compressed.
        assert_eq!(parse("\"a1b2-gzip\""), Some(Named::Tag("a1b2")));
        let tag = "12345678901234567890123456789012";
        assert_eq!(parse(&format!("\"{tag}\"")), Some(Named::Tag(tag)));
    }

    #[test]
    fn anything_but_a_strong_tag_is_refused() {
        for bad in ["", "17", "\"", "\"\"", "W/\"17\"", "\"a\", \"b\""] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
