//! Rendered responses in memory.
//!
//! A cell is removed when its content changes: after the documents are written and before that is
//! announced. A later read finds no cell and loads again; a load that was in progress ends in a
//! cell that no read finds any more. So a response is never older than the commits that were
//! acknowledged before its request, and no timeout is needed.

use bytes::Bytes;
use moka::sync::Cache;
use sha2::{Digest, Sha256};
use std::{
    hash::{BuildHasher, Hash, RandomState},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::OnceCell;

use crate::{ReadError, engine::gauges::CacheMeters};

/// Number of locks for changes of a cache's cells; reads of a cell take none.
const STRIPES: usize = 32;
/// Approximate size of a cell without its content.
const OVERHEAD: usize = 256;

/// JSON as it is sent, with its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedJson {
    /// The text.
    pub bytes: Bytes,
    /// Half of its SHA-256: the same text has the same digest in every process. An entity tag is
    /// derived from it, without reading the text again.
    pub digest: [u8; 16],
    /// The cursor of the next page, if there is one.
    pub next: Option<String>,
}

impl CachedJson {
    /// JSON, and the cursor of the next page if it is one of several.
    pub fn new(bytes: Vec<u8>, next: Option<String>) -> Self {
        let mut digest = [0; 16];
        digest.copy_from_slice(&Sha256::digest(&bytes)[..16]);
        Self {
            bytes: bytes.into(),
            digest,
            next,
        }
    }
}

/// One response, loaded once by its first reader.
#[derive(Debug)]
struct Cell {
    generation: u64,
    answer: OnceCell<Option<Arc<CachedJson>>>,
}

/// Responses by key; `None` records that there is none.
pub struct RenderCache<K> {
    cells: Cache<K, Arc<Cell>>,
    generation: AtomicU64,
    stripes: [Mutex<()>; STRIPES],
    hasher: RandomState,
    meters: CacheMeters,
}

impl<K: Hash + Eq + Clone + Send + Sync + 'static> RenderCache<K> {
    /// A cache of about `bytes` bytes, with keys that own no memory.
    pub fn new(bytes: u64) -> Self {
        Self::weighing(bytes, |_| 0)
    }

    /// A cache of about `bytes` bytes; `key_bytes` returns the memory that a key owns. Clients
    /// choose the content of keys, so keys count like responses: otherwise a search for a text
    /// without matches would cost nothing.
    pub fn weighing(bytes: u64, key_bytes: fn(&K) -> usize) -> Self {
        let weigh = move |key: &K, cell: &Arc<Cell>| {
            let body = cell.answer.get().and_then(Option::as_ref);
            let size = OVERHEAD + key_bytes(key) + body.map_or(0, |body| body.bytes.len());
            u32::try_from(size).unwrap_or(u32::MAX)
        };
        Self {
            cells: Cache::builder().max_capacity(bytes).weigher(weigh).build(),
            generation: AtomicU64::new(0),
            stripes: std::array::from_fn(|_| Mutex::new(())),
            hasher: RandomState::new(),
            meters: CacheMeters::default(),
        }
    }

    /// Counts hits and misses under this name.
    #[must_use]
    pub fn counted_as(mut self, name: &'static str) -> Self {
        self.meters = CacheMeters::new(name);
        self
    }

    /// Returns the response for a key: the cached one, or the result of `load`. Concurrent calls
    /// load it once; a failure isn't cached.
    pub async fn get<F, Fut>(&self, key: &K, load: F) -> Result<Option<Arc<CachedJson>>, ReadError>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Option<CachedJson>, ReadError>>,
    {
        let cell = self.cell(key);
        if let Some(answer) = cell.answer.get() {
            self.meters.hits.increment(1);
            return Ok(answer.clone());
        }
        self.meters.misses.increment(1);
        let mut loaded = false;
        let answer = cell
            .answer
            .get_or_try_init(|| {
                loaded = true;
                async { Ok::<_, ReadError>(load().await?.map(Arc::new)) }
            })
            .await?
            .clone();
        if loaded {
            self.weigh_again(key, &cell);
        }
        Ok(answer)
    }

    /// Removes a key.
    pub fn remove(&self, key: &K) {
        let _change = self.change(key);
        self.cells.invalidate(key);
    }

    /// Removes everything.
    pub fn clear(&self) {
        // moka's own method compares times, which can't distinguish events within one tick.
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// Returns the existing cell, or a new one.
    ///
    /// moka's own `get_with` is unsuitable: it may hand a cell that was removed in the meantime to
    /// a caller that waits for its creation.
    fn cell(&self, key: &K) -> Arc<Cell> {
        let generation = self.generation.load(Ordering::SeqCst);
        let current = |cell: &Arc<Cell>| cell.generation >= generation;
        if let Some(cell) = self.cells.get(key).filter(current) {
            return cell;
        }
        let _change = self.change(key);
        if let Some(cell) = self.cells.get(key).filter(current) {
            return cell;
        }
        let cell = Arc::new(Cell {
            generation,
            answer: OnceCell::new(),
        });
        self.cells.insert(key.clone(), Arc::clone(&cell));
        cell
    }

    /// Counts the size of a response, which wasn't known when its cell was created.
    fn weigh_again(&self, key: &K, cell: &Arc<Cell>) {
        let _change = self.change(key);
        let there = self.cells.get(key);
        if there.is_some_and(|there| Arc::ptr_eq(&there, cell)) {
            self.cells.insert(key.clone(), Arc::clone(cell));
        }
    }

    fn change(&self, key: &K) -> std::sync::MutexGuard<'_, ()> {
        let hash = self.hasher.hash_one(key);
        let stripe = usize::try_from(hash % STRIPES as u64).unwrap_or(0);
        self.stripes[stripe]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn held_bytes(&self) -> u64 {
        self.cells.run_pending_tasks();
        self.cells.weighted_size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use tokio::sync::Notify;

    fn rendered(text: &str) -> CachedJson {
        CachedJson::new(text.as_bytes().to_vec(), None)
    }

    async fn ask(cache: &RenderCache<u8>, key: u8, text: &str) -> Bytes {
        let answer = cache.get(&key, || async { Ok(Some(rendered(text))) }).await;
        answer.unwrap().unwrap().bytes.clone()
    }

    #[tokio::test]
    async fn an_answer_is_kept_until_it_is_removed() {
        let cache = RenderCache::new(1 << 20);
        assert_eq!(ask(&cache, 1, "old").await, "old");
        assert_eq!(ask(&cache, 1, "new").await, "old");
        cache.remove(&1);
        assert_eq!(ask(&cache, 1, "new").await, "new");
        cache.clear();
        assert_eq!(ask(&cache, 1, "newer").await, "newer");
    }

    #[tokio::test]
    async fn a_load_that_began_before_a_removal_is_not_shown_after_it() {
        for clear in [false, true] {
            let cache = Arc::new(RenderCache::new(1 << 20));
            let (started, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
            let slow = tokio::spawn({
                let (cache, started, go) = (cache.clone(), started.clone(), go.clone());
                async move {
                    let load = || async {
                        started.notify_one();
                        go.notified().await;
                        Ok(Some(rendered("old")))
                    };
                    cache.get(&1, load).await
                }
            });
            started.notified().await;
            if clear {
                cache.clear();
            } else {
                cache.remove(&1);
            }
            go.notify_one();
            assert_eq!(slow.await.unwrap().unwrap().unwrap().bytes, "old");
            assert_eq!(ask(&cache, 1, "new").await, "new");
        }
    }

    #[tokio::test]
    async fn many_who_ask_at_once_cause_one_load() {
        let cache = Arc::new(RenderCache::new(1 << 20));
        let loads = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let (cache, loads) = (cache.clone(), loads.clone());
                tokio::spawn(async move {
                    let load = || async {
                        loads.fetch_add(1, Ordering::SeqCst);
                        tokio::task::yield_now().await;
                        Ok(Some(rendered("x")))
                    };
                    cache.get(&1_u8, load).await.unwrap()
                })
            })
            .collect();
        for task in tasks {
            assert!(task.await.unwrap().is_some());
        }
        assert_eq!(loads.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_failure_is_not_kept() {
        let cache = RenderCache::new(1 << 20);
        let failure = || async { Err(ReadError::unavailable("away")) };
        assert!(cache.get(&1, failure).await.is_err());
        assert_eq!(ask(&cache, 1, "there").await, "there");
    }

    #[tokio::test]
    async fn what_is_kept_is_bounded_in_bytes() {
        let cache = RenderCache::new(100_000);
        let large = "x".repeat(10_000);
        for key in 0..100 {
            ask(&cache, key, &large).await;
        }
        assert!(cache.held_bytes() <= 100_000);
        assert!(cache.held_bytes() >= 10_000);
    }

    #[tokio::test]
    async fn what_keys_hold_counts_as_well() {
        let cache = RenderCache::weighing(100_000, String::len);
        for n in 0..100 {
            let key = format!("{n:010000}");
            let nothing = cache.get(&key, || async { Ok(None) }).await;
            assert_eq!(nothing.unwrap(), None);
        }
        assert!(cache.held_bytes() <= 100_000);
        assert!(cache.cells.entry_count() < 10);
    }

    #[test]
    fn equal_bytes_have_equal_digests_and_others_do_not() {
        let digest = |text: &str| rendered(text).digest;
        assert_eq!(digest("a"), digest("a"));
        assert_ne!(digest("a"), digest("b"));
    }
}
