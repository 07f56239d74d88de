//! Thread pool of one run, and its cancellation.
//!
//! Runs that train at the same time never share a pool: a run has its own thread alone, or a small
//! pool that no other run enters. Long work asks [`ThreadPool::is_cancelled`] between two pieces.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};

/// Cancellation by any of several flags; the default has none, and is never cancelled.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Vec<Arc<AtomicBool>>);

impl CancelToken {
    /// A token that is cancelled as soon as one of `flags` is set. A flag, once set, must stay so.
    pub fn any_of(flags: impl IntoIterator<Item = Arc<AtomicBool>>) -> Self {
        Self(flags.into_iter().collect())
    }

    /// True once a flag is set.
    pub fn is_cancelled(&self) -> bool {
        self.0.iter().any(|flag| flag.load(Ordering::Relaxed))
    }
}

/// Threads that share the kernels of one run.
#[derive(Debug)]
pub struct ThreadPool {
    /// `None`: the calling thread does everything.
    workers: Option<rayon::ThreadPool>,
    cancel: CancelToken,
}

impl ThreadPool {
    /// A pool of `n_threads`. Should the system refuse to start them, the run has its own thread
    /// alone.
    pub fn new(n_threads: usize) -> Self {
        let start = || rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().ok();
        Self {
            workers: if n_threads > 1 { start() } else { None },
            cancel: CancelToken::default(),
        }
    }

    /// The same pool, cancelled by `cancel`.
    pub fn with_cancel_token(self, cancel: CancelToken) -> Self {
        Self { cancel, ..self }
    }

    /// True once the run is cancelled: scoring and sampling then return at once, and their results
    /// must be discarded.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Number of threads.
    pub fn n_threads(&self) -> usize {
        self.workers.as_ref().map_or(1, rayon::ThreadPool::current_num_threads)
    }

    /// Runs `work` on a thread of the pool, from which its kernels start without a handover.
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match &self.workers {
            Some(workers) => workers.install(work),
            None => work(),
        }
    }

    /// Calls `task` with every item, each on one thread.
    pub fn for_each<T: Send>(
        &self,
        items: impl Iterator<Item = T>,
        task: impl Fn(T) + Sync + Send,
    ) {
        match &self.workers {
            Some(workers) => {
                let items: Vec<T> = items.collect();
                workers.install(|| items.into_par_iter().with_max_len(1).for_each(task));
            }
            None => items.for_each(task),
        }
    }
}
