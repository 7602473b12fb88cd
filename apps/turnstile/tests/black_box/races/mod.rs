//! Concurrent requests: exactly one wins, and the money agrees.

mod edits;
mod endings;
mod rival;
mod winners;
