//! The threads of one run: none beyond its own, or a small pool that no other run ever enters.

use rayon::ThreadPool;
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};

/// Threads that share the kernels of one run.
#[derive(Debug)]
pub struct Team(Option<ThreadPool>);

impl Team {
    /// A team of `threads`. Should the system refuse more threads, the run has its own alone.
    pub fn new(threads: usize) -> Self {
        let pool = || rayon::ThreadPoolBuilder::new().num_threads(threads).build().ok();
        Self(if threads > 1 { pool() } else { None })
    }

    /// Runs `work` where its kernels find the team's threads at hand.
    pub fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match &self.0 {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }

    /// Does tasks `0..count`, each by one thread.
    pub fn each(&self, count: usize, task: impl Fn(usize) + Sync + Send) {
        match &self.0 {
            Some(pool) if count > 1 => {
                pool.install(|| (0..count).into_par_iter().with_max_len(1).for_each(task));
            }
            _ => (0..count).for_each(task),
        }
    }

    /// Does `task` with every item, each by one thread.
    pub fn share<T: Send>(&self, items: impl Iterator<Item = T>, task: impl Fn(T) + Sync + Send) {
        match &self.0 {
            Some(pool) => {
                let items: Vec<T> = items.collect();
                pool.install(|| items.into_par_iter().with_max_len(1).for_each(task));
            }
            None => items.for_each(task),
        }
    }
}
