//! Lists in pages: the number of items, where to continue, and the `Link` to the next page.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{HeaderValue, LINK},
};
use httpkit::{AppError, Constraint, Fields};
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;

/// The largest number of items on a page.
pub const MAX_PAGE: u32 = read_models::tickets::MAX_PAGE;
/// The number of items on a page, by default.
pub const DEFAULT_PAGE: u32 = 100;

/// The requested page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Maximum number of items.
    pub limit: u32,
    /// Where the previous page ended.
    pub cursor: Option<String>,
}

/// Which page, as text, so that a parameter that is wrong is named.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParameters {
    /// How many, 1 to 200; 100 unless given.
    limit: Option<String>,
    /// Where the page before ended; from its `Link` header.
    cursor: Option<String>,
}

impl PageParameters {
    /// Reads both parameters.
    ///
    /// # Errors
    /// 400 for a limit that isn't a number from 1 to [`MAX_PAGE`].
    pub fn page(self) -> Result<PageRequest, AppError> {
        let mut fields = Fields::default();
        let limit = limit(&mut fields, self.limit.as_deref());
        fields.finish()?;
        Ok(PageRequest {
            limit: limit.unwrap_or(DEFAULT_PAGE),
            cursor: self.cursor.filter(|cursor| !cursor.is_empty()),
        })
    }
}

/// The constraints of a list's parameters in the description of the API.
pub fn constraints(operation: (&'static str, &'static str)) -> [Constraint; 2] {
    let limit = json!({"type": "integer", "minimum": 1, "maximum": MAX_PAGE});
    // An opaque position in the list; as in every parameter, an empty value counts as absent.
    let cursor = json!({"pattern": "^[A-Za-z0-9_-]*$"});
    [
        Constraint::parameter(operation, "limit", limit),
        Constraint::parameter(operation, "cursor", cursor),
    ]
}

/// Reads a limit; notes an invalid one.
pub fn limit(fields: &mut Fields, text: Option<&str>) -> Option<u32> {
    let text = text.filter(|text| !text.is_empty())?;
    let limit = text.parse().ok();
    let limit = limit.filter(|limit| (1..=MAX_PAGE).contains(limit));
    if limit.is_none() {
        fields.refuse(
            "limit",
            format!("Limit must be a number from 1 to {MAX_PAGE}"),
        );
    }
    limit
}

/// Adds the address of the next page, if there is one.
pub fn link_next(req: &HttpRequest, answer: &mut HttpResponse, cursor: Option<&str>) {
    let Some(cursor) = cursor else { return };
    let link = format!("<{}>; rel=\"next\"", next_page(req, cursor));
    if let Ok(link) = HeaderValue::from_str(&link) {
        answer.headers_mut().insert(LINK, link);
    }
}

/// This request's address with another cursor.
fn next_page(req: &HttpRequest, cursor: &str) -> String {
    let kept = req
        .query_string()
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
    let query: Vec<&str> = kept.collect();
    let separator = if query.is_empty() { "" } else { "&" };
    // The cursor is base64url, which needs no escaping; the rest is already escaped.
    format!(
        "{}?{}{separator}cursor={cursor}",
        req.path(),
        query.join("&")
    )
}
