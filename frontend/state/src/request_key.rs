//! Sending once what was meant once.

use uuid::Uuid;

/// What a visitor wants to do, and the idempotency key that it is sent under.
///
/// A retry (after a lost answer, say) is sent under the same key, so that it happens once. After an
/// answer, or for another request, the key is new: under the old one a second card would be refused,
/// or the first refusal repeated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestKey {
    open: Option<(String, String)>,
}

impl RequestKey {
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

    /// As a text that [`Self::read`] reads: a key outlives a reload with the draft that it is
    /// for. Empty when nothing is under way.
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
    fn a_retry_uses_the_same_key() {
        let mut request = RequestKey::default();
        let first = request.key("buy a", id(1));
        assert_eq!(request.key("buy a", id(2)), first);
    }

    #[test]
    fn a_different_or_answered_request_gets_a_new_key() {
        let mut request = RequestKey::default();
        let first = request.key("pay with x", id(1));
        let other = request.key("pay with y", id(2));
        assert_ne!(first, other);
        request.settle();
        assert_ne!(request.key("pay with y", id(3)), other);
    }

    #[test]
    fn the_state_survives_a_reload() {
        let mut request = RequestKey::default();
        assert_eq!(RequestKey::read(&request.write()), request);
        let key = request.key("offer Opera for 20", id(1));
        let mut read = RequestKey::read(&request.write());
        assert_eq!(read.key("offer Opera for 20", id(2)), key);
        assert_ne!(read.key("offer Opera for 25", id(3)), key);
    }
}
