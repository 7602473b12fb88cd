//! Putting the steps of a story in order.

use std::collections::{BTreeMap, HashSet, VecDeque};
use uuid::Uuid;

use super::{Numbers, Step, Told};

/// Orders steps by time, but a stream in its own order and no effect before its cause: clocks of
/// services differ by more than it takes one to react to another.
pub(super) fn in_order(told: Vec<Told>) -> Vec<Step> {
    let known: HashSet<Uuid> = told.iter().map(|told| told.commit.commit_id).collect();
    let mut streams: BTreeMap<_, VecDeque<Told>> = BTreeMap::new();
    let mut told = told;
    told.sort_by_key(|told| told.commit.sequence);
    for told in told {
        streams
            .entry(told.commit.stream)
            .or_default()
            .push_back(told);
    }
    let mut numbers = Numbers::new();
    let mut steps: Vec<Step> = Vec::new();
    loop {
        let heads = streams.values().filter_map(VecDeque::front);
        let next = heads
            .map(|told| {
                let cause = told.commit.metadata.causation_id;
                let waits = cause
                    .is_some_and(|cause| known.contains(&cause) && !numbers.contains_key(&cause));
                // If all wait for each other, which no sound log makes them do, time decides.
                (waits, told.commit.metadata.time, told.commit.stream)
            })
            .min();
        let Some((_, _, stream)) = next else {
            return steps;
        };
        let Some(told) = streams.get_mut(&stream).and_then(VecDeque::pop_front) else {
            return steps;
        };
        let cause = told.commit.metadata.causation_id;
        let caused_by = cause.and_then(|cause| numbers.get(&cause).copied());
        let step = steps.len() + 1;
        numbers.insert(told.commit.commit_id, step);
        steps.push(Step {
            step,
            caused_by,
            depth: caused_by.map_or(0, |cause| steps[cause - 1].depth + 1),
            events: told.events,
            state: told.state,
            changes: told.changes,
        });
    }
}
