//! The threads of one run: none beyond its own, or a small pool that no other run ever enters; and
//! the wish to stop, which long work looks for between two pieces.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::ThreadPool;
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};

/// Flags of which each, once raised, asks a run to stop. Never raised: the default.
#[derive(Debug, Clone, Default)]
pub struct Stop(Vec<Arc<AtomicBool>>);

impl Stop {
    /// Asked for by any of `flags`, which must not be lowered again.
    pub fn when(flags: impl IntoIterator<Item = Arc<AtomicBool>>) -> Self {
        Self(flags.into_iter().collect())
    }

    /// Whether to stop.
    pub fn asked(&self) -> bool {
        self.0.iter().any(|flag| flag.load(Ordering::Relaxed))
    }
}

/// Threads that share the kernels of one run.
#[derive(Debug)]
pub struct Team {
    pool: Option<ThreadPool>,
    stop: Stop,
}

impl Team {
    /// A team of `threads`. Should the system refuse more threads, the run has its own alone.
    pub fn new(threads: usize) -> Self {
        let pool = || rayon::ThreadPoolBuilder::new().num_threads(threads).build().ok();
        Self {
            pool: if threads > 1 { pool() } else { None },
            stop: Stop::default(),
        }
    }

    /// The same team, which is asked to stop by `stop`.
    pub fn until(self, stop: Stop) -> Self {
        Self { stop, ..self }
    }

    /// Whether to stop: scoring and drawing then return at once, and what they return is to be
    /// thrown away.
    pub fn stopped(&self) -> bool {
        self.stop.asked()
    }

    /// Threads of the team.
    pub fn threads(&self) -> usize {
        self.pool.as_ref().map_or(1, ThreadPool::current_num_threads)
    }

    /// Runs `work` where its kernels find the team's threads at hand.
    pub fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match &self.pool {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }

    /// Does tasks `0..count`, each by one thread.
    pub fn each(&self, count: usize, task: impl Fn(usize) + Sync + Send) {
        match &self.pool {
            Some(pool) if count > 1 => {
                pool.install(|| (0..count).into_par_iter().with_max_len(1).for_each(task));
            }
            _ => (0..count).for_each(task),
        }
    }

    /// Does `task` with every item, each by one thread.
    pub fn share<T: Send>(&self, items: impl Iterator<Item = T>, task: impl Fn(T) + Sync + Send) {
        match &self.pool {
            Some(pool) => {
                let items: Vec<T> = items.collect();
                pool.install(|| items.into_par_iter().with_max_len(1).for_each(task));
            }
            None => items.for_each(task),
        }
    }
}
