//! Given, when, then: tests of projections without a server.
//!
//! Commits come from [`eventstore::testing::given`].
//!
//! ```
//! # use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
//! # use eventstore::{Commit, StreamName};
//! # use projections::{Change, FoldError, Index, Projection};
//! # use serde::{Deserialize, Serialize};
//! # #[derive(Clone, Default, Serialize, Deserialize)]
//! # struct Account;
//! # #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
//! # #[serde(tag = "type", content = "data")]
//! # enum AccountEvent { Opened { owner: String }, Moved { balance: i64 } }
//! # impl DomainEvent for AccountEvent {
//! #     fn event_type(&self) -> String { "Event".to_owned() }
//! #     fn event_version(&self) -> String { "1.0".to_owned() }
//! # }
//! # impl Aggregate for Account {
//! #     const TYPE: &'static str = "account";
//! #     type Command = ();
//! #     type Event = AccountEvent;
//! #     type Error = std::fmt::Error;
//! #     type Services = ();
//! #     async fn handle(&mut self, _: (), (): &(), _: &EventSink<Self>) -> Result<(), Self::Error> { Ok(()) }
//! #     fn apply(&mut self, _: AccountEvent) {}
//! # }
//! # const ACCOUNTS: StreamName = StreamName::new("ACCOUNTS");
//! # #[derive(Clone, Copy)]
//! # struct Balances;
//! # impl Projection for Balances {
//! #     fn name(&self) -> &'static str { "balances" }
//! #     fn version(&self) -> u32 { 1 }
//! #     fn streams(&self) -> Vec<StreamName> { vec![ACCOUNTS] }
//! #     fn indexes(&self) -> Vec<Index> { Vec::new() }
//! #     fn fold(&self, commit: &Commit) -> Result<Vec<Change>, FoldError> {
//! #         let events = commit.decode::<AccountEvent>().map_err(|e| FoldError::of(commit, e.to_string()))?;
//! #         let id = || commit.aggregate_id.as_str().into();
//! #         Ok(events.into_iter().map(|(_, event)| match event {
//! #             AccountEvent::Opened { owner } => Change::Put { id: id(), doc: doc! { "owner": owner, "balance": 0_i64 } },
//! #             AccountEvent::Moved { balance } => Change::Patch { id: id(), set: doc! { "balance": balance } },
//! #         }).collect())
//! #     }
//! # }
//! use eventstore::testing::given as account;
//! use projections::{mongodb::bson::doc, testing::given};
//!
//! let opened = [AccountEvent::Opened { owner: "ann".to_owned() }];
//! let ann = account::<Account>(ACCOUNTS, "ann");
//! given(Balances)
//!     .commit(&ann.when(opened.clone()))
//!     .commit(&ann.events(opened).when([AccountEvent::Moved { balance: 500 }]))
//!     .then([doc! { "_id": "ann", "owner": "ann", "balance": 500_i64 }]);
//! ```

use eventstore::Commit;
use mongodb::bson::Document;
use std::{collections::BTreeMap, fmt::Write as _};

use crate::{
    Change, DocumentId, FoldError, Projection,
    memory::{put, undeleted},
    store::{Batch, Origin, SEQ, STREAM},
};

/// What a projection has made of some commits.
#[derive(Clone, Debug)]
pub struct Folded<P> {
    projection: P,
    /// Number of changes so far. It takes the place of the sequence of a commit, which a test of
    /// several aggregates would have to invent.
    sequence: u64,
    documents: BTreeMap<DocumentId, Document>,
}

/// A projection that has folded nothing yet.
pub fn given<P: Projection>(projection: P) -> Folded<P> {
    Folded {
        projection,
        sequence: 0,
        documents: BTreeMap::new(),
    }
}

impl<P: Projection> Folded<P> {
    /// Folds a commit, and checks that the projection keeps to its [contract](Projection): it gives
    /// the same changes each time, and a change adds no field to a document.
    ///
    /// # Panics
    /// If it can't fold the commit, or doesn't keep to the contract.
    #[must_use]
    pub fn commit(self, commit: &Commit) -> Self {
        let place = format!("{}#{}", commit.stream, commit.sequence);
        self.try_commit(commit)
            .unwrap_or_else(|error| panic!("{place} can't be folded: {error}"))
    }

    /// As [`Folded::commit`], for a commit that may be refused.
    ///
    /// # Errors
    /// The error of the projection.
    ///
    /// # Panics
    /// If the projection doesn't keep to its contract.
    pub fn try_commit(mut self, commit: &Commit) -> Result<Self, FoldError> {
        let changes = self.projection.fold(commit)?;
        assert_eq!(
            self.projection.fold(commit).as_ref(),
            Ok(&changes),
            "a fold gives the same changes each time"
        );
        let streams = self.projection.streams();
        assert!(
            streams.contains(&commit.stream),
            "{} isn't one of the streams of {}",
            commit.stream,
            self.projection.key()
        );
        for change in changes {
            self.sequence += 1;
            let origin = Origin::of(&streams, commit.stream, self.sequence);
            self.check_fields(&change);
            let mut batch = Batch::default();
            let added = batch.add(origin, change);
            added.unwrap_or_else(|error| panic!("{error}"));
            for (id, write) in batch.into_writes() {
                let owned = put(&mut self.documents, id, write);
                owned.unwrap_or_else(|error| panic!("{error}"));
            }
        }
        Ok(self)
    }

    fn check_fields(&self, change: &Change) {
        let Change::Patch { id, set } = change else {
            return;
        };
        let Some(document) = self.documents.get(id).and_then(undeleted) else {
            return;
        };
        for name in set.keys() {
            assert!(
                document.contains_key(name),
                "a change adds field {name:?} to document \"{id}\"; expected all fields from its \
                 creation on"
            );
        }
    }

    /// The documents, by id, without what a runner adds to them.
    pub fn documents(&self) -> Vec<Document> {
        let documents = self.documents.values().filter_map(undeleted);
        documents
            .cloned()
            .map(|mut document| {
                document.remove(SEQ);
                document.remove(STREAM);
                document
            })
            .collect()
    }

    /// Compares the documents, by id, with those that are expected, each with its `_id`.
    ///
    /// # Panics
    /// If they differ.
    pub fn then(&self, expected: impl IntoIterator<Item = Document>) {
        let (found, expected) = (self.documents(), Vec::from_iter(expected));
        assert!(
            found == expected,
            "the documents of {} are{}\nexpected{}",
            self.projection.key(),
            listed(&found),
            listed(&expected)
        );
    }
}

/// One document per line.
fn listed(documents: &[Document]) -> String {
    let mut listed = String::new();
    for document in documents {
        // Writing to a string can't fail.
        let _ = write!(listed, "\n  {document}");
    }
    listed
}
