//! Threads: how many a computation may use, stated by the caller.
//!
//! Work is cut by the shapes alone, never by the number of threads, so that the result does not depend on it.
//!
//! The caller takes part. What it shares out between two passes over memory takes microseconds, and waking a thread that sleeps takes as long or longer; so
//! those that helped stay awake for a moment, looking for more, before they sleep.

use rayon::{ThreadPool, ThreadPoolBuilder, Yield};
use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How long a thread without work stays awake.
const LINGER: Duration = Duration::from_micros(500);
/// How often the caller looks whether the others are done before it sleeps itself.
const LOOKS: usize = 1 << 14;

/// Between two looks for work. At times the processor is offered to others: it may be the very thread that is waited for.
fn pause(look: usize) {
    if look % 512 == 511 { std::thread::yield_now() } else { spin_loop() }
}

/// A pool of a stated size; one thread is the caller's own.
#[derive(Debug)]
pub struct Threads {
    count: usize,
    helpers: Option<Helpers>,
    /// As many threads without the caller's, started where they are needed.
    all: OnceLock<Option<ThreadPool>>,
}

/// The threads beside the caller's.
#[derive(Debug)]
struct Helpers {
    pool: ThreadPool,
    /// Which of them are awake.
    awake: Arc<[AtomicBool]>,
}

impl Helpers {
    fn new(count: usize) -> Option<Self> {
        let pool = ThreadPoolBuilder::new().num_threads(count).build().ok()?;
        Some(Helpers { awake: (0..count).map(|_| AtomicBool::new(false)).collect(), pool })
    }

    /// Wakes those that sleep, and has them stay awake.
    fn wake(&self) {
        if self.awake.iter().all(|awake| awake.load(Ordering::Acquire)) {
            return;
        }
        let awake = Arc::clone(&self.awake);
        self.pool.spawn_broadcast(move |context| {
            let own = &awake[context.index()];
            if own.swap(true, Ordering::AcqRel) {
                return;
            }
            let mut last = Instant::now();
            for look in 0.. {
                if rayon::yield_now() == Some(Yield::Executed) {
                    last = Instant::now();
                } else if last.elapsed() > LINGER {
                    break;
                }
                pause(look);
            }
            own.store(false, Ordering::Release);
        });
    }
}

impl Threads {
    /// `count` threads; the caller's own alone where that is one, or where no other can be started.
    pub fn new(count: usize) -> Self {
        let helpers = (count > 1).then(|| Helpers::new(count - 1)).flatten();
        Threads { count: if helpers.is_some() { count } else { 1 }, helpers, all: OnceLock::new() }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// `f` of every item, in any order, on all threads: each has a run of neighbours, then takes from the ends of the others'.
    pub fn each<T: Send>(&self, items: impl IntoIterator<Item = T>, f: impl Fn(T) + Sync) {
        let Some(helpers) = &self.helpers else { return items.into_iter().for_each(f) };
        let mut items: Vec<T> = items.into_iter().collect();
        if items.len() < 2 {
            return items.into_iter().for_each(f);
        }
        let total = items.len();
        let mut runs: Vec<_> =
            (0..self.count).rev().map(|k| Mutex::new(items.split_off(total * k / self.count).into_iter())).collect();
        runs.reverse();
        let work = |own: usize| {
            let run = |k: usize| runs[(own + k) % runs.len()].lock().unwrap_or_else(PoisonError::into_inner);
            let own = || run(0).next();
            while let Some(item) = own() {
                f(item);
            }
            for other in 1..runs.len() {
                let last = || run(other).next_back();
                while let Some(item) = last() {
                    f(item);
                }
            }
        };
        let done = AtomicUsize::new(0);
        helpers.wake();
        helpers.pool.in_place_scope(|scope| {
            scope.spawn_broadcast(|_, context| {
                work(context.index() + 1);
                done.fetch_add(1, Ordering::Release);
            });
            work(0);
            (0..LOOKS).take_while(|_| done.load(Ordering::Acquire) + 1 < self.count).for_each(pause);
        });
    }

    /// `f` where the threads are those of rayon's parallel iterators.
    pub fn within<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        let start = || ThreadPoolBuilder::new().num_threads(self.count).build().ok();
        match self.helpers.as_ref().and_then(|_| self.all.get_or_init(start).as_ref()) {
            None => f(),
            Some(pool) => pool.install(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_taken_once_by_any_number_of_threads() {
        for count in [0, 1, 2, 3, 8] {
            let threads = Threads::new(count);
            for items in [0, 1, 2, 7, 1000] {
                let taken: Vec<AtomicUsize> = (0..items).map(|_| AtomicUsize::new(0)).collect();
                threads.each(taken.iter().enumerate(), |(at, taken)| {
                    taken.fetch_add(at + 1, Ordering::Relaxed);
                });
                let once = taken.iter().enumerate().all(|(at, taken)| taken.load(Ordering::Relaxed) == at + 1);
                assert!(once, "{count} threads, {items} items");
            }
        }
    }

    #[test]
    fn items_that_start_more_items_end() {
        let threads = Threads::new(3);
        let sum = AtomicUsize::new(0);
        threads.each(0..20, |i| {
            threads.each(0..20, |j| {
                sum.fetch_add(i * j, Ordering::Relaxed);
            });
        });
        assert_eq!(sum.load(Ordering::Relaxed), 190 * 190);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_threads_go_on() {
        let threads = Threads::new(2);
        for at in [0, 9] {
            let run = || threads.each(0..10, |i| assert_ne!(i, at));
            assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err());
        }
        let sum = AtomicUsize::new(0);
        threads.each(0..10, |i| {
            sum.fetch_add(i, Ordering::Relaxed);
        });
        assert_eq!(sum.load(Ordering::Relaxed), 45);
    }

    #[test]
    fn parallel_iterators_within_have_as_many_threads() {
        for count in [1, 2, 5] {
            let threads = Threads::new(count);
            let found = threads.within(rayon::current_num_threads);
            assert!(count == 1 || found == count, "{found} of {count}");
        }
    }
}
