//! Lanes: one queue per aggregate, so that its messages are handled in order while others pass.

use async_nats::Subject;
use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, Semaphore, SemaphorePermit},
    time::Instant,
};

use super::delivery::Delivery;
use crate::StreamName;

/// Limit for messages of a subscription in hand in one process; no more are requested.
const MAX_IN_HAND: usize = 1_000;
/// Below this number of messages in hand, more are requested again.
const ROOM: usize = MAX_IN_HAND / 4 * 3;
/// Above this number of messages in hand, those that wait for something that is down are given back
/// for a while: the rest of the hand is for independent messages.
const CROWDED: usize = MAX_IN_HAND / 2;
/// How long a message is given back for, the first time; doubled each time after.
const FIRST_PARKING: Duration = Duration::from_secs(2);
const LONGEST_PARKING: Duration = Duration::from_secs(30);
/// Delay of the messages behind one that was given back.
const BEHIND: Duration = Duration::from_secs(1);
/// After this time, a message that was given back and didn't return counts as another process's,
/// and no longer holds up those behind it.
const LOST: Duration = Duration::from_secs(10);
/// Number of messages that are remembered as outlived.
const REMEMBERED: usize = 10_000;

/// The lanes of one subscription in one process.
pub(crate) struct Lanes {
    state: Mutex<State>,
    permits: Semaphore,
    /// For tries of messages that are known to wait for something that is down: such a try may last
    /// until a timeout, and must not take a permit from independent messages.
    waiting_permits: Semaphore,
    freed: Notify,
}

#[derive(Default)]
struct State {
    /// A lane exists as long as a task works on it; its queue contains the messages behind.
    waiting: HashMap<String, VecDeque<Delivery>>,
    /// The acknowledgment subjects of messages in hand.
    in_hand: HashMap<(StreamName, u64), Subject>,
    /// Lanes whose first message was given back for a while, by its stream.
    parked: HashMap<(StreamName, String), Parked>,
    /// Suspects that were tried here, and the process survived.
    outlived: HashSet<(StreamName, u64)>,
}

/// A lane whose first message was given back. The server holds the messages; this holds up those
/// behind it.
struct Parked {
    /// Messages that were given back and are not handled yet.
    away: BTreeSet<u64>,
    times: u32,
    /// The time of the next delivery.
    due: Instant,
}

/// The outcome of offering a message.
pub(crate) enum Offered {
    /// The lane was empty: the caller works on it now.
    FirstOfLane(Box<Delivery>),
    /// Another task works on the lane and will come to it, or has it in hand already.
    Queued,
    /// A message before it was given back: it is to be delivered again after this time.
    Early(Box<Delivery>, Duration),
}

impl Lanes {
    pub(crate) fn new(concurrency: usize) -> Self {
        Self {
            state: Mutex::default(),
            permits: Semaphore::new(concurrency),
            waiting_permits: Semaphore::new((concurrency / 4).max(1)),
            freed: Notify::new(),
        }
    }

    /// Waits for a permit to work on one message: a new one, or one that is known to wait for
    /// something that was down.
    pub(crate) async fn permit(&self, waits: bool) -> Option<SemaphorePermit<'_>> {
        let permits = if waits {
            &self.waiting_permits
        } else {
            &self.permits
        };
        // The semaphores are never closed, so there is always a permit in the end.
        permits.acquire().await.ok()
    }

    /// Number of messages in hand.
    pub(crate) fn count(&self) -> usize {
        self.lock().in_hand.len()
    }

    /// Whether no more should be requested.
    pub(crate) fn is_full(&self) -> bool {
        self.lock().in_hand.len() >= MAX_IN_HAND
    }

    /// Whether there is no room for messages that wait for something that is down.
    pub(crate) fn is_crowded(&self) -> bool {
        self.lock().in_hand.len() > CROWDED
    }

    /// Waits until more should be requested.
    pub(crate) async fn room(&self) {
        loop {
            let freed = self.freed.notified();
            if self.lock().in_hand.len() < ROOM {
                return;
            }
            freed.await;
        }
    }

    /// Takes a message in hand. A redelivery of a message in hand is dropped: its acknowledgment
    /// counts for both.
    pub(crate) fn offer(&self, key: &str, delivery: Delivery) -> Offered {
        let mut state = self.lock();
        let known = state
            .in_hand
            .insert(delivery.position(), delivery.reply.clone());
        if known.is_some() {
            return Offered::Queued;
        }
        if let Some(queue) = state.waiting.get_mut(key) {
            queue.push_back(delivery);
            return Offered::Queued;
        }
        if let Some(pause) = state.early(key, &delivery) {
            state.in_hand.remove(&delivery.position());
            return Offered::Early(Box::new(delivery), pause);
        }
        state.waiting.insert(key.to_owned(), VecDeque::new());
        Offered::FirstOfLane(Box::new(delivery))
    }

    /// Releases a message, and takes the next of its lane if there is one.
    pub(crate) fn done(&self, key: &str, delivery: &Delivery) -> Option<Delivery> {
        let mut state = self.lock();
        state.in_hand.remove(&delivery.position());
        // Done or too early: those behind it need not wait any longer.
        let lane = (delivery.message.stream, key.to_owned());
        if let Some(parked) = state.parked.get_mut(&lane) {
            parked.away.remove(&delivery.message.sequence);
            // Those behind it are still on their way, and no newer message may pass them.
            parked.due = parked.due.max(Instant::now());
            if parked.away.is_empty() {
                state.parked.remove(&lane);
            }
        }
        self.freed.notify_waiters();
        let next = state.waiting.get_mut(key)?.pop_front();
        if next.is_none() {
            state.waiting.remove(key);
        }
        next
    }

    /// Releases a message for a while, and all behind it in its lane. Returns each with the time
    /// after which it is to be delivered again.
    pub(crate) fn park(
        &self,
        key: &str,
        delivery: &Delivery,
    ) -> (Duration, Vec<(Delivery, Duration)>) {
        let mut state = self.lock();
        let lane = (delivery.message.stream, key.to_owned());
        let behind = state.waiting.remove(key).unwrap_or_default();
        let known = state.parked.remove(&lane);
        let times = known.as_ref().map_or(0, |it| it.times + 1);
        let pause = (FIRST_PARKING * 2_u32.pow(times.min(8))).min(LONGEST_PARKING);
        let mut away = known.map(|it| it.away).unwrap_or_default();
        // Retries of dead letters share the lane, and have an order of their own.
        let same = behind
            .iter()
            .filter(|it| it.message.stream == delivery.message.stream);
        away.extend(
            same.map(|it| it.message.sequence)
                .chain([delivery.message.sequence]),
        );
        let due = Instant::now() + pause;
        state.parked.insert(lane, Parked { away, times, due });
        state.in_hand.remove(&delivery.position());
        for delivery in &behind {
            state.in_hand.remove(&delivery.position());
        }
        self.freed.notify_waiters();
        let behind = behind
            .into_iter()
            .map(|delivery| (delivery, pause + BEHIND));
        (pause, behind.collect())
    }

    /// Whether a message was given back before this delivery.
    pub(crate) fn was_parked(&self, key: &str, delivery: &Delivery) -> bool {
        let lane = (delivery.message.stream, key.to_owned());
        let state = self.lock();
        let parked = state.parked.get(&lane);
        parked.is_some_and(|parked| parked.away.contains(&delivery.message.sequence))
    }

    /// Forgets messages that were given back and went to another process.
    pub(crate) fn forget_the_lost(&self) {
        let now = Instant::now();
        self.lock().parked.retain(|_, it| it.due + LOST > now);
    }

    /// Notes that a message was tried here and the process survived.
    pub(crate) fn outlived(&self, delivery: &Delivery) {
        let mut state = self.lock();
        if state.outlived.len() >= REMEMBERED {
            // Each of them is only tried in quarantine once more.
            state.outlived.clear();
        }
        state.outlived.insert(delivery.position());
    }

    /// Whether the process is known to survive a message.
    pub(crate) fn has_outlived(&self, delivery: &Delivery) -> bool {
        self.lock().outlived.contains(&delivery.position())
    }

    /// The acknowledgment subjects of all messages in hand.
    pub(crate) fn in_hand(&self) -> Vec<Subject> {
        self.lock().in_hand.values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// By how much a message must be delayed because one before it was given back.
    fn early(&mut self, key: &str, delivery: &Delivery) -> Option<Duration> {
        let parked = self
            .parked
            .get_mut(&(delivery.message.stream, key.to_owned()))?;
        let now = Instant::now();
        let first = *parked.away.first()?;
        if first >= delivery.message.sequence || parked.due + LOST <= now {
            return None;
        }
        parked.away.insert(delivery.message.sequence);
        Some(parked.due.saturating_duration_since(now) + BEHIND)
    }
}
