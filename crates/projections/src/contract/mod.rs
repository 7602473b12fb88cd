//! What every store of documents has to do, as tests that anyone can point at one.
//!
//! ```ignore
//! mod contract {
//!     use projections::{MemoryStore, read_store_contract};
//!
//!     // What has to live as long as the store, and the store. Each test begins with a new one.
//!     read_store_contract!(async { ((), MemoryStore::new("contract")) });
//! }
//! ```
#![allow(clippy::unwrap_used, reason = "a test has nobody to hand an error to")]

mod records;
mod writes;

pub use records::{
    a_checkpoint_never_goes_back_and_is_never_that_of_another_collection,
    a_lease_is_held_by_one_until_it_is_given_back_or_runs_out,
    a_rebuild_that_is_asked_for_stands_until_it_ended, what_is_recorded_is_read_back_and_removed,
};
pub use writes::{
    a_batch_of_thousands_is_written_completely,
    a_collection_keeps_its_identity_when_it_takes_the_place_of_another,
    a_document_is_of_one_stream_and_counts_its_commits,
    a_late_write_does_not_restore_a_deleted_document,
    a_write_to_a_collection_that_was_replaced_is_refused_and_creates_none,
    an_older_write_changes_nothing,
    any_batches_of_two_writers_with_any_repetition_give_the_same_bytes,
    the_newest_documents_are_found_by_what_they_reflect,
    tombstones_are_thrown_away_up_to_a_commit_and_documents_are_not,
};

/// Makes a test of each part of the contract. Takes a future that makes a new store, with what has to
/// live as long as it.
#[macro_export]
macro_rules! read_store_contract {
    ($store:expr) => {
        $crate::read_store_contract!(
            @each $store,
            a_batch_of_thousands_is_written_completely,
            a_checkpoint_never_goes_back_and_is_never_that_of_another_collection,
            a_collection_keeps_its_identity_when_it_takes_the_place_of_another,
            a_document_is_of_one_stream_and_counts_its_commits,
            a_late_write_does_not_restore_a_deleted_document,
            a_lease_is_held_by_one_until_it_is_given_back_or_runs_out,
            a_rebuild_that_is_asked_for_stands_until_it_ended,
            a_write_to_a_collection_that_was_replaced_is_refused_and_creates_none,
            an_older_write_changes_nothing,
            any_batches_of_two_writers_with_any_repetition_give_the_same_bytes,
            the_newest_documents_are_found_by_what_they_reflect,
            tombstones_are_thrown_away_up_to_a_commit_and_documents_are_not,
            what_is_recorded_is_read_back_and_removed,
        );
    };
    (@each $store:expr, $($part:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $part() {
                let (_lives_as_long, store) = $store.await;
                $crate::contract::$part(&store).await;
            }
        )+
    };
}
