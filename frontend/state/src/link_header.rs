//! Where the next page is.

use crate::percent::pairs;

/// The cursor of the next page, from a `Link` header; none on the last page.
pub fn next_cursor(link: &str) -> Option<String> {
    link.split(',').find_map(|entry| {
        let (address, parameters) = entry.split_once('>')?;
        let is_next = parameters
            .split(';')
            .any(|p| p.trim().replace('"', "").eq_ignore_ascii_case("rel=next"));
        let (_, query) = address.split_once('?').filter(|_| is_next)?;
        pairs(query)
            .find(|(name, _)| name == "cursor")
            .map(|(_, cursor)| cursor)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_of_the_next_page_is_found() {
        let link = "</api/tickets?limit=2&cursor=abc-_>; rel=\"next\"";
        assert_eq!(next_cursor(link).as_deref(), Some("abc-_"));
        let both = "</a?cursor=p>; rel=prev, </a?cursor=n>; rel=next";
        assert_eq!(next_cursor(both).as_deref(), Some("n"));
    }

    #[test]
    fn the_last_page_has_none() {
        for link in [
            "",
            "</a?cursor=p>; rel=\"prev\"",
            "nonsense",
            "</a>; rel=next",
        ] {
            assert_eq!(next_cursor(link), None, "{link}");
        }
    }
}
