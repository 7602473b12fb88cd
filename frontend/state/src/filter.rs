//! What a visitor looks for.

use api::{Amount, Ticket, TicketSort};

use crate::percent::{pairs, query};
use crate::{MarketCurrency, Plain, PriceError, finds, price_input};

/// The search of the ticket list, as it stands in the address. Prices are kept as they were
/// typed: what isn't a price yet filters nothing, and isn't lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TicketFilter {
    /// Words of the title.
    pub q: String,
    /// Lowest price.
    pub min: String,
    /// Highest price.
    pub max: String,
    /// Order.
    pub sort: TicketSort,
}

impl TicketFilter {
    /// Reads it from the query of an address. Unknown things are ignored.
    pub fn from_query(text: &str) -> Self {
        let mut filter = Self::default();
        for (name, value) in pairs(text) {
            match name.as_str() {
                "q" => filter.q = value,
                "min" => filter.min = value,
                "max" => filter.max = value,
                "sort" => filter.sort = sort_of(&value),
                _ => {}
            }
        }
        filter
    }

    /// The query that reads back as this filter, with its `?`; empty for no filter.
    pub fn to_query(&self) -> String {
        let sort = match self.sort {
            TicketSort::Newest => "",
            other => sort_name(other),
        };
        query(&[
            ("q", &self.q),
            ("min", &self.min),
            ("max", &self.max),
            ("sort", sort),
        ])
    }

    /// The query of the API for a page of what this filter lets through.
    pub fn api_query(&self, limit: usize, cursor: Option<&str>) -> String {
        let price = |text: &str| {
            bound(text)
                .map(|price| price.to_string())
                .unwrap_or_default()
        };
        query(&[
            ("q", self.q.trim()),
            ("min_price", &price(&self.min)),
            ("max_price", &price(&self.max)),
            ("sort", sort_name(self.sort)),
            ("limit", &limit.to_string()),
            ("cursor", cursor.unwrap_or_default()),
        ])
    }

    /// Whether it lets everything through.
    pub fn is_empty(&self) -> bool {
        self.q.trim().is_empty() && bound(&self.min).is_none() && bound(&self.max).is_none()
    }

    /// Whether the server would list this ticket for this filter.
    pub fn matches(&self, ticket: &Ticket, plain: Plain) -> bool {
        finds(&self.q, &ticket.title, plain)
            && bound(&self.min).is_none_or(|min| ticket.price >= min)
            && bound(&self.max).is_none_or(|max| ticket.price <= max)
    }

    /// What is wrong with the price range, in words; and whether with its lower and upper end.
    pub fn problem(&self) -> Option<(String, [bool; 2])> {
        let of = |text: &str| read(text).err().filter(|why| *why != PriceError::Missing);
        let problems = [of(&self.min), of(&self.max)];
        let ends = problems.each_ref().map(Option::is_some);
        if let Some(why) = problems.into_iter().flatten().next() {
            return Some((format!("A price {why}"), ends));
        }
        match (bound(&self.min), bound(&self.max)) {
            (Some(min), Some(max)) if min > max => Some((
                "The lowest price is above the highest price".to_owned(),
                [true, true],
            )),
            _ => None,
        }
    }
}

/// One end of the range. Which currency it is in is said nowhere, so any dollar sign will do.
fn read(text: &str) -> Result<Amount, PriceError> {
    let price = price_input(text, &MarketCurrency::default())?;
    if price.cents < 0 {
        return Err(PriceError::NotANumber);
    }
    Ok(price)
}

/// The price of one end of the range; none while it isn't one.
fn bound(text: &str) -> Option<Amount> {
    read(text).ok()
}

/// The name of an order, in addresses and on options.
pub(crate) const fn sort_name(sort: TicketSort) -> &'static str {
    match sort {
        TicketSort::Newest => "newest",
        TicketSort::PriceUp => "price",
        TicketSort::PriceDown => "-price",
    }
}

/// The order of a name; newest first for names that aren't one.
fn sort_of(name: &str) -> TicketSort {
    match name {
        "price" => TicketSort::PriceUp,
        "-price" => TicketSort::PriceDown,
        _ => TicketSort::Newest,
    }
}

impl TicketFilter {
    /// The name of this filter's order.
    pub const fn sort_name(&self) -> &'static str {
        sort_name(self.sort)
    }

    /// The same filter with the order of this name.
    #[must_use]
    pub fn sorted_by(mut self, name: &str) -> Self {
        self.sort = sort_of(name);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::tests::plain;
    use crate::listing::tests::ticket;

    fn filter(q: &str, min: &str, max: &str) -> TicketFilter {
        TicketFilter {
            q: q.into(),
            min: min.into(),
            max: max.into(),
            sort: TicketSort::PriceDown,
        }
    }

    #[test]
    fn a_filter_round_trips_through_its_address() {
        for filter in [
            TicketFilter::default(),
            filter("rock & roll", "10", "19.99"),
            filter("100%", "", "abc"),
        ] {
            assert_eq!(TicketFilter::from_query(&filter.to_query()), filter);
        }
        assert_eq!(TicketFilter::default().to_query(), "");
    }

    #[test]
    fn an_incomplete_price_is_kept_and_not_sent() {
        let filter = filter("", "abc", "20");
        assert_eq!(
            filter.api_query(24, None),
            "?max_price=20.00&sort=-price&limit=24"
        );
        assert!(self::filter("1.000", "", "").problem().is_none());
        let ambiguous = self::filter("", "1.000", "").problem();
        assert!(ambiguous.is_some_and(|(words, _)| words.contains("could be")));
        let blamed = |filter: &TicketFilter| filter.problem().map(|(_, ends)| ends);
        assert_eq!(blamed(&filter), Some([true, false]));
        assert_eq!(blamed(&self::filter("", "30", "20")), Some([true, true]));
        assert_eq!(self::filter("", "20", "").problem(), None);
    }

    #[test]
    fn the_filter_matches_like_the_server() {
        let jazz = ticket(1, "Jazz Night", 2_000);
        assert!(filter("jAZZ", "20", "20.00").matches(&jazz, plain));
        assert!(filter("night jazz", "", "").matches(&jazz, plain));
        assert!(!filter("rock", "", "").matches(&jazz, plain));
        assert!(!filter("", "20.01", "").matches(&jazz, plain));
        assert!(!filter("", "", "19.99").matches(&jazz, plain));
    }
}
