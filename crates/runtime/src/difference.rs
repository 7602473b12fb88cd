//! Describes, in words, how a ticket differs from what a user was shown.

use api::ErrorItem;
use domain::ticket::ListingDifference;

/// One item per field that differs. For a ticket that changed in another way, one that states so.
pub fn differences(difference: &ListingDifference) -> Vec<ErrorItem> {
    let entry = |field: &str, message: String| ErrorItem {
        message,
        field: Some(field.to_owned()),
        ..ErrorItem::default()
    };
    let title = difference.title.as_ref();
    let title = title.map(|title| entry("title", format!("The title is now \"{title}\"")));
    let price = difference.price;
    let price = price.map(|price| entry("price", format!("The price is now {price}")));
    let entries: Vec<_> = title.into_iter().chain(price).collect();
    if entries.is_empty() {
        return vec![ErrorItem {
            message: "The ticket has changed".to_owned(),
            ..ErrorItem::default()
        }];
    }
    entries
}

#[cfg(test)]
mod tests {
    use domain::{Price, Title};

    use super::*;

    #[test]
    fn each_changed_field_has_an_error() {
        let both = ListingDifference {
            title: Some(Title::parse("Last row").unwrap()),
            price: Some(Price::from_cents(2_500).unwrap()),
        };
        let told: Vec<_> = differences(&both)
            .into_iter()
            .map(|entry| (entry.field.unwrap_or_default(), entry.message))
            .collect();
        let entry = |field: &str, message: &str| (field.to_owned(), message.to_owned());
        assert_eq!(
            told,
            [
                entry("title", "The title is now \"Last row\""),
                entry("price", "The price is now 25.00"),
            ]
        );
    }

    #[test]
    fn a_change_of_no_field_is_an_error() {
        let told = differences(&ListingDifference::default());
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].message, "The ticket has changed");
    }
}
