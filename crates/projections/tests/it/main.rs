//! The read side on real servers. One binary, because linking costs more than running.

mod support;
mod tickets;
