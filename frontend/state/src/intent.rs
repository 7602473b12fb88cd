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

    /// As a text that [`Self::read`] reads: an intent outlives a reload with the draft that it is
    /// about. Empty when nothing is under way.
    pub fn write(&self) -> String {
        let open = self.open.as_ref();
        open.map_or_else(String::new, |(meaning, key)| format!("{key} {meaning}"))
    }

    /// Reads what [`Self::write`] wrote.
    pub fn read(text: &str) -> Self {
        let open = text.split_once(' ');
        Self {
            open: open.map(|(key, meaning)| (meaning.to_owned(), key.to_owned())),
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

    #[test]
    fn it_outlives_a_reload() {
        let mut intent = Intent::default();
        assert_eq!(Intent::read(&intent.write()), intent);
        let key = intent.key("offer Opera for 20", id(1));
        let mut read = Intent::read(&intent.write());
        assert_eq!(read.key("offer Opera for 20", id(2)), key);
        assert_ne!(read.key("offer Opera for 25", id(3)), key);
    }
}
