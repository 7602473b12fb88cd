//! Many at once: exactly one wins, and the money agrees.

mod endings;
mod winners;
