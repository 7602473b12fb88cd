//! Newline-delimited JSON: one line per event, as it is stored.

pub(crate) mod line;
pub(crate) mod reader;
