//! What identifies a document.

use mongodb::bson::{Bson, RawBsonRef, RawDocumentBuf, raw::cstr};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use uuid::Uuid;

use crate::bson_values;

/// What identifies a document in its collection, as the field `_id`.
///
/// A UUID, a number and a text are never the same id, also if they are spelled alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Sent", into = "Sent")]
pub enum DocumentId {
    /// A UUID.
    Uuid(Uuid),
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
}

/// An id in a message. Most ids are UUIDs, and there may be hundreds in one message, so it is texts
/// that are marked.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Sent {
    Uuid(Uuid),
    Number(i64),
    Text { text: String },
}

impl From<Sent> for DocumentId {
    fn from(sent: Sent) -> Self {
        match sent {
            Sent::Uuid(id) => Self::Uuid(id),
            Sent::Number(number) => Self::Number(number),
            Sent::Text { text } => Self::Text(text),
        }
    }
}

impl From<DocumentId> for Sent {
    fn from(id: DocumentId) -> Self {
        match id {
            DocumentId::Uuid(id) => Self::Uuid(id),
            DocumentId::Number(number) => Self::Number(number),
            DocumentId::Text(text) => Self::Text { text },
        }
    }
}

impl DocumentId {
    /// The UUID that it is, if it is one.
    pub fn as_uuid(&self) -> Option<Uuid> {
        match self {
            Self::Uuid(id) => Some(*id),
            Self::Number(_) | Self::Text(_) => None,
        }
    }

    /// As it is stored.
    pub fn to_bson(&self) -> Bson {
        match self {
            Self::Uuid(id) => bson_values::uuid(*id),
            Self::Number(number) => Bson::Int64(*number),
            Self::Text(text) => Bson::String(text.clone()),
        }
    }

    /// Reads it back; `None` for what this crate doesn't write.
    pub fn from_bson(stored: &Bson) -> Option<Self> {
        match stored {
            Bson::Binary(id) => Uuid::from_slice(&id.bytes).ok().map(Self::Uuid),
            Bson::Int64(number) => Some(Self::Number(*number)),
            Bson::String(text) => Some(Self::Text(text.clone())),
            _ => None,
        }
    }

    /// The id of a stored document; `None` for what this crate doesn't write.
    pub(crate) fn of(document: &RawDocumentBuf) -> Option<Self> {
        match document.get("_id").ok()?? {
            RawBsonRef::Binary(id) => Uuid::from_slice(id.bytes).ok().map(Self::Uuid),
            RawBsonRef::Int64(number) => Some(Self::Number(number)),
            RawBsonRef::String(text) => Some(Self::Text(text.to_owned())),
            _ => None,
        }
    }

    /// A document that has this id and nothing else yet.
    pub(crate) fn begin_document(&self) -> RawDocumentBuf {
        let mut document = RawDocumentBuf::new();
        match self {
            Self::Uuid(id) => document.append(cstr!("_id"), bson_values::binary(*id)),
            Self::Number(number) => document.append(cstr!("_id"), *number),
            Self::Text(text) => document.append(cstr!("_id"), text.as_str()),
        }
        document
    }

    /// A number by which documents can be shared out evenly; the same in every process.
    pub(crate) fn spread(&self) -> u128 {
        match self {
            // The end of an id is random, also where its beginning is a time.
            Self::Uuid(id) => id.as_u128(),
            Self::Number(number) => u128::from(number.unsigned_abs()),
            Self::Text(text) => {
                let mut half = [0; 16];
                half.copy_from_slice(&Sha256::digest(text)[..16]);
                u128::from_be_bytes(half)
            }
        }
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid(id) => id.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl From<Uuid> for DocumentId {
    fn from(id: Uuid) -> Self {
        Self::Uuid(id)
    }
}

impl From<i64> for DocumentId {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<String> for DocumentId {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for DocumentId {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::{Document, doc};
    use proptest::prelude::*;

    fn ids() -> impl Strategy<Value = DocumentId> {
        prop_oneof![
            any::<u128>().prop_map(|id| Uuid::from_u128(id).into()),
            any::<i64>().prop_map(DocumentId::from),
            any::<String>().prop_map(DocumentId::from),
        ]
    }

    proptest! {
        #[test]
        fn an_id_comes_back_as_it_was_and_equals_no_other(one in ids(), other in ids()) {
            let document = one.begin_document();
            prop_assert_eq!(DocumentId::of(&document), Some(one.clone()));
            let document = Document::try_from(&document).unwrap();
            prop_assert_eq!(document, doc! { "_id": one.to_bson() });
            prop_assert_eq!(DocumentId::from_bson(&one.to_bson()), Some(one.clone()));
            let text = serde_json::to_string(&one).unwrap();
            prop_assert_eq!(serde_json::from_str::<DocumentId>(&text).unwrap(), one.clone());
            prop_assert_eq!(one.to_bson() == other.to_bson(), one == other);
        }
    }

    #[test]
    fn an_id_that_is_spelled_like_another_is_another() {
        let id = Uuid::from_u128(7);
        assert_ne!(DocumentId::from(id), DocumentId::from(id.to_string()));
        assert_ne!(DocumentId::from(7), DocumentId::from("7"));
        assert_eq!(DocumentId::from(7).to_string(), "7");
        assert_eq!(DocumentId::from(id).as_uuid(), Some(id));
        assert_eq!(DocumentId::from("7").as_uuid(), None);
    }

    #[test]
    fn documents_of_every_kind_of_id_are_shared_out() {
        let texts = (0..1_000).map(|n| DocumentId::from(n.to_string()));
        let odd = texts.filter(|id| id.spread() % 2 == 1).count();
        assert!((400..600).contains(&odd), "{odd}");
        assert_eq!(DocumentId::from(-3).spread(), 3);
    }
}
