//! Changing an offer that may change elsewhere meanwhile.

use api::{Amount, Ticket};

use crate::{MarketCurrency, price_input, price_text};

/// The offer that a form was filled from: what is saved is a change of that, and of nothing newer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditBase {
    /// Its version.
    pub version: u64,
    /// Its title.
    pub title: String,
    /// Its price.
    pub price: Amount,
}

/// What a form does about an offer that changed elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Followed {
    /// The new title, for a field that wasn't touched.
    pub title: Option<String>,
    /// The new price, for a field that wasn't touched.
    pub price: Option<String>,
    /// The title was changed elsewhere, and here to something else.
    pub title_clashes: bool,
    /// So was the price.
    pub price_clashes: bool,
}

impl EditBase {
    /// An offer as it is now.
    pub fn of(ticket: &Ticket) -> Self {
        Self {
            version: ticket.version,
            title: ticket.title.clone(),
            price: ticket.price,
        }
    }

    /// As a text that [`Self::read`] reads: it is kept with what was typed, since an offer that
    /// changed before a reload would otherwise be taken for what was typed over.
    pub fn write(&self) -> String {
        format!("{} {} {}", self.version, self.price.cents, self.title)
    }

    /// Reads what [`Self::write`] wrote.
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ' ');
        Some(Self {
            version: parts.next()?.parse().ok()?,
            price: Amount::from_cents(parts.next()?.parse().ok()?),
            title: parts.next()?.to_owned(),
        })
    }

    /// What to do with a form that holds `title` and `price` now that the offer is as in `now`:
    /// a field that wasn't touched follows; one that was touched stays, and clashes if it was
    /// changed elsewhere to something else.
    pub fn follow(
        &self,
        title: &str,
        price: &str,
        now: &Ticket,
        currency: &MarketCurrency,
    ) -> Followed {
        let mut followed = Followed::default();
        if now.version <= self.version {
            return followed;
        }
        if now.title != self.title && title.trim() != now.title {
            if title.trim() == self.title {
                followed.title = Some(now.title.clone());
            } else {
                followed.title_clashes = true;
            }
        }
        let typed = price_input(price, currency);
        if now.price != self.price && typed != Ok(now.price) {
            if typed == Ok(self.price) {
                followed.price = Some(price_text(now.price));
            } else {
                followed.price_clashes = true;
            }
        }
        followed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listing::tests::ticket;

    fn later(title: &str, cents: i64) -> Ticket {
        Ticket {
            version: 1,
            ..ticket(1, title, cents)
        }
    }

    fn base() -> EditBase {
        EditBase::of(&ticket(1, "Opera", 2_000))
    }

    fn follow(title: &str, price: &str, now: &Ticket) -> Followed {
        base().follow(title, price, now, &MarketCurrency::default())
    }

    #[test]
    fn an_old_price_is_never_written_back() {
        // The title is being changed here, the price was changed elsewhere.
        let followed = follow("Opera, box 4", "20", &later("Opera", 3_000));
        assert_eq!(
            followed,
            Followed {
                price: Some("30".into()),
                ..Followed::default()
            }
        );
    }

    #[test]
    fn changes_on_both_sides_conflict() {
        let followed = follow("Opera, box 4", "25", &later("Opera, box 9", 3_000));
        assert!(followed.title_clashes && followed.price_clashes);
        assert_eq!((followed.title, followed.price), (None, None));
    }

    #[test]
    fn equal_changes_and_past_holds_do_not_conflict() {
        for (title, price, now) in [
            ("Opera", "25", later("Opera", 2_000)),
            ("Opera, box 4", "30.00", later("Opera, box 4", 3_000)),
            ("Rock", "1", ticket(1, "Opera", 2_000)),
        ] {
            assert_eq!(follow(title, price, &now), Followed::default());
        }
    }

    #[test]
    fn the_state_survives_a_reload() {
        let base = EditBase::of(&ticket(1, "Opera,  box 4 ", 1_999));
        assert_eq!(EditBase::read(&base.write()), Some(base));
        assert_eq!(EditBase::read("nonsense"), None);
    }
}
