//! How far a rebuild is.

use mongodb::bson::Bson;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::FoldedStream;

/// The progress of a rebuild, as recorded by the process that rebuilds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Name and version of the projection.
    #[serde(rename = "_id")]
    pub key: String,
    /// The request that it answers.
    pub request: String,
    /// The new collection has taken over.
    pub ended: bool,
    /// Why it failed.
    pub failed: Option<String>,
    /// Commits that are folded.
    pub done: i64,
    /// Commits in the stream.
    pub total: i64,
    /// Commits per second, on average.
    pub per_second: f64,
    /// Estimated seconds until it is complete.
    pub seconds_left: f64,
    /// The position from which another process continues if this one dies.
    #[serde(default)]
    pub reached: Option<Reached>,
}

/// The position of the new collection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reached {
    /// Identity of the new collection.
    pub collection: Bson,
    /// The commits that its documents reflect, or some shortly before, by stream.
    #[serde(default)]
    pub streams: BTreeMap<String, FoldedStream>,
}

impl Report {
    /// Of a rebuild that is about to begin.
    pub fn new(key: &str, request: &str) -> Self {
        Self {
            key: key.to_owned(),
            request: request.to_owned(),
            ended: false,
            failed: None,
            done: 0,
            total: 0,
            per_second: 0.0,
            seconds_left: 0.0,
            reached: None,
        }
    }
}
