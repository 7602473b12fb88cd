//! The read side on real servers. One binary, because linking costs more than running.

mod faults;
mod halt;
mod orders;
mod rebuild;
mod runner;
mod support;
mod tickets;
