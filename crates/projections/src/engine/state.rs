//! The state of a runner.

use std::fmt;

/// The state of a runner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunnerState {
    /// Finding its position.
    Starting,
    /// Another process leads; this one takes over when that ends.
    StandingBy,
    /// It leads and folds.
    Active,
    /// A server is unavailable; it tries again.
    Retrying {
        /// What is unavailable, for operators.
        why: String,
    },
    /// The log lost the last folded commits: the read model is rebuilt from those that are left.
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
