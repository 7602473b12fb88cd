//! Doing once what was meant once.

use uuid::Uuid;

/// What a visitor means to do, and the idempotency key that it is done under.
///
/// The same thing tried again (after a lost answer, say) goes out under the same key, so that it
/// happens once. Once the server has answered, or something else is meant, the key is new: under
/// the old one a second card would be refused, or the first refusal repeated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intent {
    open: Option<(String, String)>,
}

impl Intent {
    /// The key for doing this. `meaning` tells two different things apart; `fresh` is used for a
    /// thing that isn't under way.
    pub fn key(&mut self, meaning: &str, fresh: Uuid) -> String {
        match &self.open {
            Some((known, key)) if known == meaning => key.clone(),
            _ => {
                let key = fresh.to_string();
                self.open = Some((meaning.to_owned(), key.clone()));
                key
            }
        }
    }

    /// The server has answered, with yes or with no.
    pub fn settle(&mut self) {
        self.open = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    #[test]
    fn a_retry_goes_out_under_the_same_key() {
        let mut intent = Intent::default();
        let first = intent.key("buy a", id(1));
        assert_eq!(intent.key("buy a", id(2)), first);
    }

    #[test]
    fn something_else_or_something_answered_gets_a_new_key() {
        let mut intent = Intent::default();
        let first = intent.key("pay with x", id(1));
        let other = intent.key("pay with y", id(2));
        assert_ne!(first, other);
        intent.settle();
        assert_ne!(intent.key("pay with y", id(3)), other);
    }
}
