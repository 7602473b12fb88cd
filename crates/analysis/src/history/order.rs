//! Puts the steps of a history in order.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use uuid::Uuid;

use super::{HistoryStep, UnnumberedStep};

/// Orders steps by time, but keeps each stream's own order and puts no effect before its cause: the
/// clocks of services differ by more than the time one service takes to react to another.
pub(super) fn number(mut unnumbered: Vec<UnnumberedStep>) -> Vec<HistoryStep> {
    let known: HashSet<Uuid> = unnumbered.iter().map(|it| it.commit.commit_id).collect();
    let mut streams: BTreeMap<_, VecDeque<UnnumberedStep>> = BTreeMap::new();
    unnumbered.sort_by_key(|it| (it.commit.sequence, it.commit.index));
    for it in unnumbered {
        streams.entry(it.commit.stream).or_default().push_back(it);
    }
    let mut numbers: HashMap<Uuid, usize> = HashMap::new();
    let mut steps: Vec<HistoryStep> = Vec::new();
    loop {
        let heads = streams.values().filter_map(VecDeque::front);
        let next = heads.min_by_key(|head| {
            let cause = head.commit.metadata.causation_id;
            let waits =
                cause.is_some_and(|cause| known.contains(&cause) && !numbers.contains_key(&cause));
            // If all wait for each other, which can't happen in a consistent log, time decides.
            (waits, head.commit.metadata.time, head.commit.stream)
        });
        let stream = next.map(|head| head.commit.stream);
        let Some(next) = stream
            .and_then(|stream| streams.get_mut(&stream))
            .and_then(VecDeque::pop_front)
        else {
            return steps;
        };
        let cause = next.commit.metadata.causation_id;
        let caused_by = cause.and_then(|cause| numbers.get(&cause).copied());
        let step = steps.len() + 1;
        numbers.insert(next.commit.commit_id, step);
        steps.push(HistoryStep {
            step,
            caused_by,
            depth: caused_by.map_or(0, |cause| steps[cause - 1].depth + 1),
            events: next.events,
            state: next.state,
            changes: next.changes,
        });
    }
}
