//! What a runner is doing.

use std::fmt;

/// What a runner is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunnerState {
    /// Looking for its place.
    Starting,
    /// Another process folds; this one takes over when that ends.
    StandingBy,
    /// It folds.
    Active,
    /// Something is away; it tries again.
    Retrying {
        /// What is away, for operators.
        why: String,
    },
    /// The log lost what was folded last: the read model is filled anew from what is there.
    Healing {
        /// What was lost, for operators.
        why: String,
    },
    /// Folding on would make the read model wrong. Needs an operator: a fixed release or a
    /// rebuild.
    Halted {
        /// What is wrong, for operators.
        why: String,
    },
    /// It was stopped.
    Stopped,
}

impl RunnerState {
    /// As a number for a metric: 0 stopped or starting, 1 standing by, 2 active, 3 retrying,
    /// 4 halted, 5 healing.
    pub fn code(&self) -> u8 {
        match self {
            Self::Starting | Self::Stopped => 0,
            Self::StandingBy => 1,
            Self::Active => 2,
            Self::Retrying { .. } => 3,
            Self::Halted { .. } => 4,
            Self::Healing { .. } => 5,
        }
    }
}

impl fmt::Display for RunnerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("starting"),
            Self::StandingBy => f.write_str("standing by"),
            Self::Active => f.write_str("active"),
            Self::Retrying { why } => write!(f, "retrying: {why}"),
            Self::Healing { why } => write!(f, "filled anew: {why}"),
            Self::Halted { why } => write!(f, "halted: {why}"),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}
