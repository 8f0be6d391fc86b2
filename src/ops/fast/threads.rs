//! Threads: how many a computation may use, stated by the caller.
//!
//! Work is cut by the shapes alone, never by the number of threads, so that the result does not depend on it.

use rayon::prelude::*;

/// A pool of a stated size; one thread is the caller's own.
#[derive(Debug)]
pub struct Threads(Option<rayon::ThreadPool>);

impl Threads {
    /// `count` threads; the caller's own alone where that is one, or where no other can be started.
    pub fn new(count: usize) -> Self {
        Threads((count > 1).then(|| rayon::ThreadPoolBuilder::new().num_threads(count).build().ok()).flatten())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.as_ref().map_or(1, rayon::ThreadPool::current_num_threads)
    }

    /// `f` of every item, in any order, on all threads.
    pub fn each<T: Send>(&self, items: impl IntoIterator<Item = T>, f: impl Fn(T) + Sync) {
        match &self.0 {
            None => items.into_iter().for_each(f),
            Some(pool) => {
                let items: Vec<T> = items.into_iter().collect();
                let f = &f;
                pool.install(|| items.into_par_iter().with_max_len(1).for_each(f));
            }
        }
    }

    /// `f`, in the pool, so that what it starts does not change threads.
    pub fn within<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        match &self.0 {
            None => f(),
            Some(pool) => pool.install(f),
        }
    }
}
