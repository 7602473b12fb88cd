//! Headers whose values are lists.

use actix_web::http::header::{AsHeaderName, HeaderMap};

/// The entries of a list that may be split over several headers, trimmed and without empty ones.
pub(crate) fn entries(headers: &HeaderMap, name: impl AsHeaderName) -> impl Iterator<Item = &str> {
    headers
        .get_all(name)
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(','))
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
}
