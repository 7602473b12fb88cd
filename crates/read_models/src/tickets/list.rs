//! One page of the tickets for sale.

use api::TicketSort;
use domain::search::folded;
use projections::{
    ReadError,
    bson_values::int,
    cursor,
    mongodb::bson::{Document, doc},
};

use super::{MAX_PAGE, document::TicketDoc};

/// The number of tickets on a page, by default.
const DEFAULT_PAGE: u32 = 100;

/// A query of the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TicketQuery {
    /// Words that the title contains, in any order; [`folded`] defines which spellings match.
    pub q: Option<String>,
    /// The lowest price, in cents.
    pub min_price: Option<u64>,
    /// The highest price, in cents.
    pub max_price: Option<u64>,
    /// The order. Among equal prices the newest is first when sorted by [`TicketSort::PriceUp`],
    /// and last when sorted by [`TicketSort::PriceDown`].
    pub sort: TicketSort,
    /// Maximum number of tickets; 100 by default, and [`MAX_PAGE`] at most.
    pub limit: Option<u32>,
    /// Where to continue: [`projections::CachedJson::next`] of the previous page.
    pub cursor: Option<String>,
}

/// A query in its normal form: queries for the same page have the same key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PageKey {
    /// Sorted, because their order makes no difference.
    words: Vec<String>,
    min_price: u64,
    max_price: Option<u64>,
    sort: TicketSort,
    limit: u32,
    /// Price and sequence of the last ticket on the previous page.
    after: Option<(u64, u64)>,
}

impl PageKey {
    pub fn new(query: &TicketQuery) -> Result<Self, ReadError> {
        let list = list_name(query.sort);
        let after = match (&query.cursor, query.sort) {
            (None, _) => None,
            (Some(cursor), TicketSort::Newest) => {
                let [listed] = cursor::decode(list, cursor)?;
                Some((0, listed))
            }
            (Some(cursor), TicketSort::PriceUp | TicketSort::PriceDown) => {
                let [price, listed] = cursor::decode(list, cursor)?;
                Some((price, listed))
            }
        };
        Ok(Self {
            words: search_words(query.q.as_deref().unwrap_or_default()),
            min_price: query.min_price.unwrap_or(0),
            max_price: query.max_price,
            sort: query.sort,
            limit: query.limit.unwrap_or(DEFAULT_PAGE).clamp(1, MAX_PAGE),
            after,
        })
    }

    /// The memory that it owns, in bytes.
    pub fn bytes(&self) -> usize {
        let words = self.words.iter();
        words.map(|word| word.len() + size_of::<String>()).sum()
    }

    pub fn limit(&self) -> u32 {
        self.limit
    }

    pub fn sort(&self) -> Document {
        match self.sort {
            TicketSort::Newest => doc! { "listed": -1 },
            TicketSort::PriceUp => doc! { "price": 1, "listed": -1 },
            TicketSort::PriceDown => doc! { "price": -1, "listed": 1 },
        }
    }

    pub fn filter(&self) -> Document {
        let mut conditions = vec![doc! { "status": "open" }];
        if self.min_price > 0 {
            conditions.push(doc! { "price": { "$gte": int(self.min_price) } });
        }
        if let Some(max_price) = self.max_price {
            conditions.push(doc! { "price": { "$lte": int(max_price) } });
        }
        for word in &self.words {
            conditions.push(doc! { "search": { "$regex": escape(word) } });
        }
        if let Some((price, listed)) = self.after {
            let (price, listed) = (int(price), int(listed));
            match self.sort {
                TicketSort::Newest => conditions.push(doc! { "listed": { "$lt": listed } }),
                // The first condition limits the range of the index that is read, which MongoDB
                // doesn't derive from the second.
                TicketSort::PriceUp => conditions.extend([
                    doc! { "price": { "$gte": price } },
                    doc! { "$or": [
                        { "price": { "$gt": price } },
                        { "listed": { "$lt": listed } },
                    ] },
                ]),
                TicketSort::PriceDown => conditions.extend([
                    doc! { "price": { "$lte": price } },
                    doc! { "$or": [
                        { "price": { "$lt": price } },
                        { "listed": { "$gt": listed } },
                    ] },
                ]),
            }
        }
        doc! { "$and": conditions }
    }

    /// The cursor of the page after this one.
    pub fn after(&self, last: &TicketDoc) -> String {
        let name = list_name(self.sort);
        match self.sort {
            TicketSort::Newest => cursor::encode(name, &[last.listed()]),
            TicketSort::PriceUp | TicketSort::PriceDown => {
                cursor::encode(name, &[last.price(), last.listed()])
            }
        }
    }
}

const fn list_name(sort: TicketSort) -> &'static str {
    match sort {
        TicketSort::Newest => "newest",
        TicketSort::PriceUp => "price",
        TicketSort::PriceDown => "-price",
    }
}

/// The words in their normal form. The text is cut to a length that no title reaches: a longer one
/// finds nothing either, and must not fill the page cache. Each word is searched in each title on
/// sale; beyond a number of words, the rest is searched as one.
fn search_words(q: &str) -> Vec<String> {
    /// Folding may turn one character into several.
    const LIMIT: usize = 3 * domain::MAX_TITLE_CHARS + 1;
    const MOST_WORDS: usize = 10;
    let text: String = folded(q).chars().take(LIMIT).collect();
    let words = text.trim_end().splitn(MOST_WORDS, ' ');
    let mut words: Vec<_> = words
        .filter(|word| !word.is_empty())
        .map(ToOwned::to_owned)
        .collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// A regular expression that matches this text and nothing else.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            // A pattern can't contain it, and no title does.
            '\0' => escaped.push_str("(?!)"),
            _ if c.is_ascii_punctuation() => escaped.extend(['\\', c]),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_that_mean_the_same_have_one_key() {
        let plain = PageKey::new(&TicketQuery::default()).unwrap();
        let spelled = PageKey::new(&TicketQuery {
            q: Some("  ".into()),
            min_price: Some(0),
            limit: Some(100),
            ..TicketQuery::default()
        });
        assert_eq!(plain, spelled.unwrap());
    }

    #[test]
    fn the_order_of_words_makes_no_other_page() {
        let key = |q: &str| {
            let query = TicketQuery {
                q: Some(q.to_owned()),
                ..TicketQuery::default()
            };
            PageKey::new(&query).unwrap()
        };
        assert_eq!(key("Köln  Beyoncé"), key("beyonce koln BEYONCE"));
        assert_ne!(key("koln"), key("koln beyonce"));
        let many = "a ".repeat(300);
        assert!(key(&many).words.len() <= 10);
    }

    #[test]
    fn a_page_is_never_empty_nor_larger_than_allowed() {
        for (asked, given) in [(0, 1), (1, 1), (200, 200), (u32::MAX, MAX_PAGE)] {
            let query = TicketQuery {
                limit: Some(asked),
                ..TicketQuery::default()
            };
            assert_eq!(PageKey::new(&query).unwrap().limit(), given);
        }
    }

    #[test]
    fn a_search_text_is_no_pattern() {
        assert_eq!(escape("a.*b (c)"), r"a\.\*b \(c\)");
        assert_eq!(escape("ü\0"), "ü(?!)");
    }

    #[test]
    fn a_cursor_of_another_order_is_refused() {
        let query = TicketQuery {
            sort: TicketSort::PriceUp,
            cursor: Some(cursor::encode("newest", &[1])),
            ..TicketQuery::default()
        };
        assert!(matches!(PageKey::new(&query), Err(ReadError::BadCursor)));
    }
}
