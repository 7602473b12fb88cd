//! The commands except `serve`: each connects, does its work and ends.

mod acknowledge;
pub(crate) mod backup;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod dead_letters;
pub(crate) mod events;
pub(crate) mod export;
pub(crate) mod history;
pub(crate) mod import;
pub(crate) mod keys;
pub(crate) mod mongodb_init;
mod output;
mod progress;
pub(crate) mod projections;
mod range;
mod read_model;
pub(crate) mod reconcile;
pub(crate) mod replay;
pub(crate) mod report;
mod servers;
pub(crate) mod simulate;
pub(crate) mod state;
pub(crate) mod streams;
pub(crate) mod tickets;
pub(crate) mod users;
pub(crate) mod verify;

use analysis::AnalysisError;
use eventstore::StoreError;
use httpkit::config::ConfigError;
use payments::reconcile::ReconcileError;
use runtime::{Source, StartError};
use std::{io, path::Path, process::ExitCode};

pub(crate) use servers::Servers;

/// The outcome of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExitOutcome {
    /// No problems.
    Clean,
    /// Problems were found.
    FindingsReported,
}

impl ExitOutcome {
    pub(crate) const fn of(well: bool) -> Self {
        if well {
            Self::Clean
        } else {
            Self::FindingsReported
        }
    }
}

impl From<ExitOutcome> for ExitCode {
    fn from(outcome: ExitOutcome) -> Self {
        match outcome {
            ExitOutcome::Clean => Self::SUCCESS,
            ExitOutcome::FindingsReported => Self::from(1),
        }
    }
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Analysis(#[from] AnalysisError),
    #[error("standard output: {0}")]
    Output(io::Error),
    /// A server is unreachable.
    #[error(transparent)]
    Unreachable(Source),
    #[error(transparent)]
    Failed(Source),
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        Self::Analysis(error.into())
    }
}

impl From<::projections::ReadError> for CliError {
    fn from(error: ::projections::ReadError) -> Self {
        Self::unreachable(error)
    }
}

impl From<archive::ArchiveError> for CliError {
    fn from(error: archive::ArchiveError) -> Self {
        match error {
            archive::ArchiveError::Log(error) => Self::Analysis(error),
            other => Self::failed(other),
        }
    }
}

impl From<ReconcileError> for CliError {
    fn from(error: ReconcileError) -> Self {
        match error {
            ReconcileError::Log(error) => error.into(),
            ReconcileError::Provider(error) => Self::failed(error),
        }
    }
}

impl From<simulator::SimulationError> for CliError {
    fn from(error: simulator::SimulationError) -> Self {
        match error {
            simulator::SimulationError::Log(error) => error.into(),
            other => Self::failed(other),
        }
    }
}

impl CliError {
    pub(crate) fn failed(why: impl Into<Source>) -> Self {
        Self::Failed(why.into())
    }

    /// A file or a folder that can't be used.
    pub(crate) fn file(path: &Path, error: &io::Error) -> Self {
        Self::failed(format!("{}: {error}", path.display()))
    }

    pub(crate) fn unreachable(why: impl Into<Source>) -> Self {
        Self::Unreachable(why.into())
    }

    /// The exit code of the process; the help of the command line explains them.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            // The reader has closed the pipe: `turnstile events ls | head`.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Self::Analysis(error) if error.is_fault_of_the_log() => ExitCode::from(3),
            Self::Analysis(error) if error.is_outage() => ExitCode::from(4),
            Self::Unreachable(_) => ExitCode::from(4),
            _ => ExitCode::from(2),
        }
    }

    /// What the user can do about it, if that is always the same.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Analysis(AnalysisError::Log(
                StoreError::Unreadable {
                    stream, sequence, ..
                }
                | StoreError::UnsupportedSchema {
                    stream, sequence, ..
                },
            )) => Some(format!(
                "`turnstile events show {stream}:{sequence} --raw` shows what is stored there; \
                 `events ls` and `events tail` go on behind it with --skip-unreadable"
            )),
            _ => None,
        }
    }

    /// Whether there is no message.
    pub(crate) fn is_silent(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_the_same_exit_code_for_an_unreachable_log() {
        let away = || StoreError::unavailable("no answer");
        let errors: [CliError; 4] = [
            away().into(),
            archive::ArchiveError::from(away()).into(),
            simulator::SimulationError::from(away()).into(),
            ReconcileError::from(away()).into(),
        ];
        for error in errors {
            assert_eq!(error.exit_code(), ExitCode::from(4), "{error:?}");
        }
    }
}
