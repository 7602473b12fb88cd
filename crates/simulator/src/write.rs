//! Writes a season to a log.

use chrono::Utc;
use domain::user::User;
use event_streams::USERS;
use eventstore::{Import, Log, StreamName};
use std::collections::BTreeMap;

use crate::{Simulation, SimulationError, Tally};

/// Interval of progress reports, in commits.
const PROGRESS_EVERY: u64 = 4_096;

/// Writes a season as history. The log must be empty, unless the season is written `onto` other
/// history: then its commits follow the existing ones, whatever their times are.
///
/// Reports the number of commits sent, at intervals.
///
/// # Errors
/// [`SimulationError::NotEmpty`], [`SimulationError::AlreadyWritten`],
/// [`SimulationError::EndsInFuture`] when it would end in the future, and when the log fails; it
/// then contains the season's first commits.
pub async fn write(
    log: &Log,
    season: &mut Simulation,
    onto: bool,
    mut progress: impl FnMut(u64),
) -> Result<Tally, SimulationError> {
    let end = season.plan().end();
    if end > Utc::now() {
        return Err(SimulationError::EndsInFuture(end));
    }
    let mut imports: BTreeMap<StreamName, Import> = BTreeMap::new();
    for stream in event_streams::ALL {
        let last = log.reader().last_sequence(stream).await?;
        if last > 0 && !onto {
            return Err(SimulationError::NotEmpty { stream, last });
        }
        imports.insert(stream, log.importer().begin(stream, last));
    }
    let mut first = onto;
    let mut sent = 0;
    // By reference: the tally is read from the simulation afterwards.
    for commit in &mut *season {
        let commit = commit?;
        if std::mem::take(&mut first) {
            // The first user signs up, and belongs to no other season.
            let known = log.store::<User>(USERS).load(&commit.aggregate_id).await?;
            if known.version() > 0 {
                return Err(SimulationError::AlreadyWritten);
            }
        }
        if let Some(import) = imports.get_mut(&commit.stream) {
            import.append(std::slice::from_ref(&commit)).await?;
        }
        sent += 1;
        if u64::is_multiple_of(sent, PROGRESS_EVERY) {
            progress(sent);
        }
    }
    for import in imports.into_values() {
        import.finish().await?;
    }
    Ok(season.tally())
}
