//! Given, when, then for projections.

use eventstore::testing::given as aggregate;
use mongodb::bson::doc;
use projections::{Change, FoldError, Index, Projection, mongodb, testing::given};

use crate::support::{COUNTERS, Counter, CounterEvent, LEFT, RIGHT, created, set};

#[test]
fn commits_are_folded_into_the_expected_documents() {
    let (a, b) = (
        aggregate::<Counter>(LEFT, "a"),
        aggregate::<Counter>(RIGHT, "b"),
    );
    let folded = given(COUNTERS)
        .commit(&a.when([created("a"), set(1)]))
        .commit(&b.when([created("b")]))
        .commit(
            &a.clone()
                .events([created("a"), set(1)])
                .when([set(2), set(3)]),
        );
    folded.then([
        doc! { "_id": "a", "name": "a", "value": 3_i64 },
        doc! { "_id": "b", "name": "b", "value": 0_i64 },
    ]);
    let removed = a.events([created("a"), set(1), set(2), set(3)]);
    let removed = removed.when([CounterEvent::Removed]);
    let left = folded.commit(&removed);
    left.then([doc! { "_id": "b", "name": "b", "value": 0_i64 }]);
}

#[test]
#[should_panic(expected = "the documents of counters_v1")]
fn a_difference_fails_the_test() {
    given(COUNTERS)
        .commit(&aggregate::<Counter>(LEFT, "a").when([created("a")]))
        .then([]);
}

#[test]
#[should_panic(expected = "document \"a\" is of stream LEFT, and a commit of RIGHT changes it")]
fn a_document_of_two_streams_fails_the_test() {
    let of = |stream| aggregate::<Counter>(stream, "a").when([created("a")]);
    let _ = given(COUNTERS).commit(&of(LEFT)).commit(&of(RIGHT));
}

/// Breaks the contract in one way or another.
struct Careless {
    adds_a_field: bool,
    is_random: bool,
}

impl Projection for Careless {
    fn name(&self) -> &'static str {
        "careless"
    }

    fn version(&self) -> u32 {
        1
    }

    fn streams(&self) -> Vec<eventstore::StreamName> {
        vec![LEFT]
    }

    fn indexes(&self) -> Vec<Index> {
        Vec::new()
    }

    fn fold(&self, commit: &eventstore::Commit) -> Result<Vec<Change>, FoldError> {
        let id = || commit.aggregate_id.as_str().into();
        let random = uuid::Uuid::new_v4().to_string();
        let value = if self.is_random { &random } else { "" };
        let put = Change::Put {
            id: id(),
            doc: doc! { "value": value },
        };
        let name = if self.adds_a_field { "later" } else { "value" };
        let patch = Change::Patch {
            id: id(),
            set: doc! { name: "" },
        };
        Ok(vec![put, patch])
    }
}

fn fold(projection: Careless) {
    let commit = aggregate::<Counter>(LEFT, "a").when([set(1)]);
    given(projection)
        .commit(&commit)
        .then([doc! { "_id": "a", "value": "" }]);
}

#[test]
#[should_panic(expected = "a change adds field \"later\" to document \"a\"")]
fn a_field_that_comes_later_fails_the_test() {
    fold(Careless {
        adds_a_field: true,
        is_random: false,
    });
}

#[test]
#[should_panic(expected = "a fold gives the same changes each time")]
fn a_fold_that_is_not_pure_fails_the_test() {
    fold(Careless {
        adds_a_field: false,
        is_random: true,
    });
}

#[test]
fn a_projection_that_keeps_the_contract_passes() {
    fold(Careless {
        adds_a_field: false,
        is_random: false,
    });
}
