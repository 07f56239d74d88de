//! Scheduler of jobs in parallel: order, threads, memory, failures, interruption. It knows nothing
//! of models.
//!
//! Every job is executed in a rayon pool of its own, as wide as its number of threads, so that
//! parallel work within a job cannot reach another job: in a shared pool, a kernel that waits on
//! rayon may steal a whole other job onto its stack. Jobs start longest first; a job that fails or
//! panics is an event, and the others continue.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

/// A unit of work with its expected cost.
#[derive(Debug, Clone)]
pub struct Job<T> {
    /// Input of the work.
    pub task: T,
    /// Expected cost in any unit: the most expensive job starts first.
    pub cost: f64,
    /// Memory of the job while it executes [bytes].
    pub bytes: u64,
    /// Threads that it takes; `None`: as many as there are to spare.
    pub threads: Option<NonZeroUsize>,
    /// GPUs that it takes; below 1, a share of one.
    pub gpus: f64,
}

/// Threads and GPUs that a job may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Threads.
    pub threads: NonZeroUsize,
    /// GPUs by name.
    pub gpus: Vec<String>,
}

/// Resources of all jobs together, and conditions to stop.
#[derive(Debug, Clone, Copy)]
pub struct Limits<'a> {
    /// Number of threads over all jobs.
    pub threads: NonZeroUsize,
    /// Memory over all concurrent jobs [bytes]; a job that needs more executes alone.
    pub bytes: u64,
    /// GPUs over all jobs, by name.
    pub gpus: &'a [String],
    /// Number of failures after which no further job starts.
    pub failures: usize,
    /// Number of failures after which no further job starts, if every job so far has failed for the
    /// same reason.
    pub same_failures: usize,
    /// Flag that stops further jobs from starting.
    pub interrupt: &'a AtomicBool,
}

/// Result of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<R> {
    /// The job succeeded.
    Done(R),
    /// The job failed: an error, or the message of a panic.
    Failed(String),
    /// The job failed for a reason that applies to all others: no further job starts.
    Hopeless(String),
    /// The job was interrupted and is to be repeated, which is not a failure.
    Abandoned,
    /// The job was not executed because another process executes it or has done so, which is not a
    /// failure.
    Declined,
}

/// Event reported by `run_all`, on the thread that called it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobEvent<R> {
    /// A job starts.
    Started {
        /// Index of the job.
        job: usize,
        /// Number of threads of the job.
        threads: NonZeroUsize,
    },
    /// A job ended.
    Ended {
        /// Index of the job.
        job: usize,
        /// Result.
        outcome: Outcome<R>,
    },
}

/// Reason why jobs were not started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// `Limits::interrupt` was raised.
    Interrupted,
    /// `Limits::failures` was reached.
    Failures(usize),
    /// `Limits::same_failures` was reached.
    SameFailure(String),
    /// A job failed for a reason that applies to all others.
    Hopeless(String),
}

/// Executes every job once, or returns the reason why it stopped before.
///
/// `work` gets a job's task and its number of threads; its result must not depend on that number.
/// Jobs that are executing when a limit is reached are not interrupted.
pub fn run_all<T: Sync, R: Send>(
    jobs: &[Job<T>],
    limits: &Limits,
    work: impl Fn(&T, &Share) -> Outcome<R> + Sync,
    mut on_event: impl FnMut(JobEvent<R>),
) -> Option<Stop> {
    let mut waiting = longest_first(jobs);
    let mut free = Free {
        threads: limits.threads.get(),
        running: 0,
        held: 0,
        limit: limits.bytes.into(),
        gpus: limits.gpus.iter().map(|name| (name.clone(), 1.0)).collect(),
    };
    let mut failures = Failures::default();
    let mut stop = None;
    let (sender, ended) = mpsc::channel();
    thread::scope(|scope| {
        loop {
            if stop.is_none() && !waiting.is_empty() && limits.interrupt.load(Ordering::Relaxed) {
                stop = Some(Stop::Interrupted);
            }
            if stop.is_none() {
                // Spread over threads only at the start: a running job never changes its number of
                // threads.
                for (job, share) in next(&mut waiting, jobs, &mut free) {
                    on_event(JobEvent::Started { job, threads: share.threads });
                    let (ends, work, task) = (sender.clone(), &work, &jobs[job].task);
                    let own = share.clone();
                    let started = thread::Builder::new().spawn_scoped(scope, move || {
                        let outcome = guarded(task, &own, work);
                        // The receiver exists as long as any job executes.
                        let _ = ends.send((job, own, outcome));
                    });
                    if let Err(error) = started {
                        let _ = sender.send((job, share, no_threads(&error)));
                    }
                }
            }
            if free.running == 0 {
                break;
            }
            let (job, share, outcome) = ended.recv().expect("every job that runs holds a sender");
            free.give(&share, &jobs[job]);
            failures.count(&outcome);
            if stop.is_none() && !waiting.is_empty() {
                stop = failures.stop(limits);
            }
            on_event(JobEvent::Ended { job, outcome });
        }
    });
    stop
}

fn longest_first<T>(jobs: &[Job<T>]) -> VecDeque<usize> {
    let mut order: Vec<usize> = (0..jobs.len()).collect();
    order.sort_by(|&a, &b| jobs[b].cost.total_cmp(&jobs[a].cost));
    order.into()
}

#[derive(Clone)]
struct Free {
    threads: usize,
    /// Number of jobs that execute, the memory that they need, and the limit of that memory
    /// [bytes].
    running: usize,
    held: u128,
    limit: u128,
    /// GPUs by name, each with the share of it that is free.
    gpus: Vec<(String, f64)>,
}

/// Shares add up to one but for rounding.
const ROUNDING: f64 = 1e-9;

impl Free {
    /// True if a job can start; one that needs more than there is starts only when no other executes,
    /// because otherwise it would never start.
    fn fits<T>(&self, job: &Job<T>) -> bool {
        let threads = job.threads.map_or(1, NonZeroUsize::get);
        let room = self.threads >= threads
            && self.held + u128::from(job.bytes) <= self.limit
            && (job.gpus == 0.0 || !self.pick(job.gpus).is_empty());
        self.threads > 0 && (self.running == 0 || room)
    }

    /// Indices of GPUs on which this much is free, those with the least free first, so that shares
    /// fill one GPU before the next. Empty if there are not enough.
    fn pick(&self, gpus: f64) -> Vec<usize> {
        let needed = gpus.min(1.0);
        let count = gpus.ceil() as usize;
        let has_room = |&i: &usize| self.gpus[i].1 + ROUNDING >= needed;
        let mut free: Vec<usize> = (0..self.gpus.len()).filter(has_room).collect();
        free.sort_by(|&a, &b| self.gpus[a].1.total_cmp(&self.gpus[b].1));
        free.truncate(count);
        if free.len() == count { free } else { Vec::new() }
    }

    /// Reserves the minimum that a job needs.
    fn take<T>(&mut self, job: &Job<T>) -> (usize, Vec<String>) {
        let threads = job.threads.map_or(1, NonZeroUsize::get).min(self.threads);
        self.threads -= threads;
        self.running += 1;
        self.held += u128::from(job.bytes);
        let gpus = if job.gpus > 0.0 { self.pick(job.gpus) } else { Vec::new() };
        for &i in &gpus {
            self.gpus[i].1 -= job.gpus.min(1.0);
        }
        (threads, gpus.into_iter().map(|i| self.gpus[i].0.clone()).collect())
    }

    fn give<T>(&mut self, share: &Share, job: &Job<T>) {
        self.threads += share.threads.get();
        self.running -= 1;
        self.held -= u128::from(job.bytes);
        for (name, free) in &mut self.gpus {
            if share.gpus.contains(name) {
                *free += job.gpus.min(1.0);
            }
        }
    }
}

/// Removes from `waiting` the jobs that can start now, and distributes the free threads over those
/// without a number of their own: more than one each only if there are fewer jobs than threads.
fn next<T>(waiting: &mut VecDeque<usize>, jobs: &[Job<T>], free: &mut Free) -> Vec<(usize, Share)> {
    let mut chosen = Vec::new();
    // Longest first, but a job that does not fit does not block smaller ones behind it: threads
    // would be idle.
    waiting.retain(|&job| {
        let fits = free.fits(&jobs[job]);
        if fits {
            chosen.push((job, free.take(&jobs[job])));
        }
        !fits
    });
    let flexible = chosen.iter().filter(|(job, _)| jobs[*job].threads.is_none()).count();
    let (left, mut i) = (if flexible > 0 { free.threads } else { 0 }, 0);
    free.threads -= left;
    chosen
        .into_iter()
        .filter_map(|(job, (mut threads, gpus))| {
            if jobs[job].threads.is_none() {
                threads += left / flexible + usize::from(i < left % flexible);
                i += 1;
            }
            Some((job, Share { threads: NonZeroUsize::new(threads)?, gpus }))
        })
        .collect()
}

/// Result of a job for which the system refuses a thread: it would refuse one for any other job,
/// too.
fn no_threads<R>(error: &dyn std::error::Error) -> Outcome<R> {
    Outcome::Hopeless(format!(
        "no thread to run on ({error}): raise the limit, `ulimit -u`, or take fewer, `--jobs`"
    ))
}

fn guarded<T: Sync, R: Send>(
    task: &T,
    share: &Share,
    work: &(impl Fn(&T, &Share) -> Outcome<R> + Sync),
) -> Outcome<R> {
    let pool = match rayon::ThreadPoolBuilder::new().num_threads(share.threads.get()).build() {
        Ok(pool) => pool,
        Err(error) => return no_threads(&error),
    };
    let result = pool.install(|| catch_unwind(AssertUnwindSafe(|| work(task, share))));
    result.unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Outcome::Failed(format!("panicked: {}", text.unwrap_or("without a message")))
    })
}

/// Counts of outcomes, to detect that every job fails for the same reason.
#[derive(Default)]
struct Failures {
    count: usize,
    others: usize,
    reason: Option<String>,
    differ: bool,
    hopeless: Option<String>,
}

impl Failures {
    fn count<R>(&mut self, outcome: &Outcome<R>) {
        match outcome {
            Outcome::Done(_) => self.others += 1,
            Outcome::Abandoned | Outcome::Declined => {}
            Outcome::Hopeless(reason) => drop(self.hopeless.get_or_insert_with(|| reason.clone())),
            Outcome::Failed(reason) => {
                self.count += 1;
                self.differ |= self.reason.as_ref().is_some_and(|first| first != reason);
                self.reason.get_or_insert_with(|| reason.clone());
            }
        }
    }

    fn stop(&self, limits: &Limits) -> Option<Stop> {
        if let Some(reason) = &self.hopeless {
            return Some(Stop::Hopeless(reason.clone()));
        }
        if self.count >= limits.failures {
            return Some(Stop::Failures(self.count));
        }
        let hopeless = self.others == 0 && !self.differ && self.count >= limits.same_failures;
        self.reason.clone().filter(|_| hopeless).map(Stop::SameFailure)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU64, AtomicUsize};

    use proptest::prelude::*;

    use super::*;

    static NEVER: AtomicBool = AtomicBool::new(false);

    fn jobs(costs: &[u64]) -> Vec<Job<u64>> {
        costs
            .iter()
            .map(|&cost| Job {
                task: cost,
                cost: cost as f64,
                bytes: cost,
                threads: None,
                gpus: 0.0,
            })
            .collect()
    }

    fn limits(threads: usize) -> Limits<'static> {
        let threads = NonZeroUsize::new(threads).unwrap();
        Limits {
            threads,
            bytes: u64::MAX,
            gpus: &[],
            failures: usize::MAX,
            same_failures: usize::MAX,
            interrupt: &NEVER,
        }
    }

    /// Jobs in the order of their start with their threads, and the outcome of each.
    type Log = (Vec<(usize, usize)>, Vec<Option<Outcome<u64>>>, Option<Stop>);

    fn log(
        jobs: &[Job<u64>],
        limits: &Limits,
        work: impl Fn(&u64, &Share) -> Outcome<u64> + Sync,
    ) -> Log {
        let (mut started, mut ended) = (Vec::new(), vec![None; jobs.len()]);
        let stop = run_all(jobs, limits, work, |event| match event {
            JobEvent::Started { job, threads } => started.push((job, threads.get())),
            JobEvent::Ended { job, outcome } => {
                assert_eq!(ended[job].replace(outcome), None, "job {job} ended twice");
            }
        });
        (started, ended, stop)
    }

    #[test]
    fn longest_first_and_equal_ones_in_their_order() {
        let (started, ended, stop) =
            log(&jobs(&[1, 5, 3, 5]), &limits(1), |&cost, _| Outcome::Done(cost * 2));
        assert_eq!(started, [(1, 1), (3, 1), (2, 1), (0, 1)]);
        assert_eq!(ended, [2, 10, 6, 10].map(|r| Some(Outcome::Done(r))));
        assert_eq!(stop, None);
    }

    #[test]
    fn idle_threads_go_to_the_jobs_there_are() {
        let (started, ..) = log(&jobs(&[3, 2, 1]), &limits(8), |_, _| Outcome::Done(0));
        assert_eq!(started, [(0, 3), (1, 3), (2, 2)]);
    }

    #[test]
    fn a_job_splits_over_its_own_threads_and_no_others() {
        log(&jobs(&[1, 1]), &limits(5), |_, share| {
            assert_eq!(rayon::current_num_threads(), share.threads.get());
            Outcome::Done(0)
        })
        .1
        .into_iter()
        .for_each(|outcome| assert_eq!(outcome, Some(Outcome::Done(0))));
    }

    #[test]
    fn a_panic_is_a_failure_with_its_message_and_the_others_go_on() {
        let (_, ended, stop) = log(&jobs(&[3, 2, 1]), &limits(2), |&cost, _| match cost {
            2 => std::panic::resume_unwind(Box::new(format!("no {cost}"))),
            1 => std::panic::resume_unwind(Box::new(1)),
            _ => Outcome::Done(cost),
        });
        let failed = |reason: &str| Some(Outcome::Failed(reason.to_owned()));
        assert_eq!(
            ended,
            [
                Some(Outcome::Done(3)),
                failed("panicked: no 2"),
                failed("panicked: without a message")
            ]
        );
        assert_eq!(stop, None, "nothing was left out");
    }

    #[test]
    fn failures_beyond_the_limit_stop_the_rest() {
        let limits = Limits { failures: 2, ..limits(1) };
        let (started, _, stop) =
            log(&jobs(&[4, 3, 2, 1]), &limits, |cost, _| Outcome::Failed(cost.to_string()));
        assert_eq!((started.len(), stop), (2, Some(Stop::Failures(2))));
    }

    #[test]
    fn one_reason_for_every_failure_stops_the_rest() {
        let limits = Limits { same_failures: 3, ..limits(1) };
        let costs = jobs(&[6, 5, 4, 3, 2, 1]);
        let (started, _, stop) = log(&costs, &limits, |_, _| Outcome::Failed("no disk".into()));
        assert_eq!((started.len(), stop), (3, Some(Stop::SameFailure("no disk".into()))));
        let (started, _, stop) =
            log(&costs, &limits, |cost, _| Outcome::Failed(format!("no disk {}", cost / 5)));
        assert_eq!((started.len(), stop), (6, None), "the reasons differ");
        let (started, _, stop) = log(&costs, &limits, |&cost, _| match cost {
            6 => Outcome::Done(0),
            _ => Outcome::Failed("no disk".into()),
        });
        assert_eq!((started.len(), stop), (6, None), "one came through");
    }

    #[test]
    fn a_hopeless_failure_stops_the_rest_and_a_declined_job_nothing() {
        let (started, ended, stop) =
            log(&jobs(&[5, 4, 3, 2, 1]), &limits(1), |&cost, _| match cost {
                5 => Outcome::Declined,
                3 => Outcome::Hopeless("disk full".into()),
                _ => Outcome::Done(0),
            });
        assert_eq!((started.len(), stop), (3, Some(Stop::Hopeless("disk full".into()))));
        assert_eq!(ended[0], Some(Outcome::Declined));
    }

    #[test]
    fn an_interruption_starts_nothing_more() {
        let interrupt = AtomicBool::new(false);
        let limits = Limits { interrupt: &interrupt, ..limits(1) };
        let (started, ended, stop) = log(&jobs(&[3, 2, 1]), &limits, |&cost, _| {
            interrupt.store(cost == 2, Ordering::Relaxed);
            if cost == 2 { Outcome::Abandoned } else { Outcome::Done(0) }
        });
        assert_eq!((started.len(), stop), (2, Some(Stop::Interrupted)));
        assert_eq!(ended, [Some(Outcome::Done(0)), Some(Outcome::Abandoned), None]);
    }

    proptest! {
        #[test]
        fn every_job_once_within_threads_and_memory(
            costs in prop::collection::vec(0u64..100, 0..40), threads in 1usize..6, bytes in 0u64..200,
        ) {
            let jobs = jobs(&costs);
            let limits = Limits { bytes, ..limits(threads) };
            let in_use = (AtomicUsize::new(0), AtomicU64::new(0), AtomicUsize::new(0));
            let broken = Mutex::new(Vec::new());
            let (started, ended, stop) = log(&jobs, &limits, |&cost, given| {
                let alone = in_use.2.fetch_add(1, Ordering::SeqCst) == 0;
                let used = in_use.0.fetch_add(given.threads.get(), Ordering::SeqCst) + given.threads.get();
                let held = in_use.1.fetch_add(cost, Ordering::SeqCst) + cost;
                if used > threads || (held > bytes && !alone) {
                    broken.lock().unwrap().push((used, held));
                }
                thread::yield_now();
                in_use.1.fetch_sub(cost, Ordering::SeqCst);
                in_use.0.fetch_sub(given.threads.get(), Ordering::SeqCst);
                in_use.2.fetch_sub(1, Ordering::SeqCst);
                Outcome::Done(cost)
            });
            prop_assert_eq!(broken.into_inner().unwrap(), vec![]);
            prop_assert_eq!(stop, None);
            prop_assert_eq!(started.len(), jobs.len());
            prop_assert_eq!(ended, costs.iter().map(|&cost| Some(Outcome::Done(cost))).collect::<Vec<_>>());
        }

        #[test]
        fn no_gpu_and_no_thread_is_given_twice(
            wanted in prop::collection::vec((1usize..4, 0usize..6), 0..40), threads in 1usize..6, gpus in 0usize..4,
        ) {
            const SHARES: [f64; 6] = [0.0, 0.25, 0.5, 1.0, 2.0, 3.0];
            let jobs: Vec<Job<u64>> = (wanted.iter().enumerate())
                .map(|(i, &(threads, share))| Job {
                    task: i as u64,
                    cost: i as f64,
                    bytes: 0,
                    threads: NonZeroUsize::new(threads),
                    gpus: SHARES[share],
                })
                .collect();
            let names: Vec<String> = (0..gpus).map(|i| i.to_string()).collect();
            let limits = Limits { gpus: &names, ..limits(threads) };
            // Threads, and hundredths of each GPU.
            let in_use = Mutex::new((0, vec![0i32; gpus]));
            let broken = Mutex::new(Vec::new());
            let change = |share: &Share, job: &Job<u64>, sign: i32| {
                let mut in_use = in_use.lock().unwrap();
                in_use.0 += sign * share.threads.get() as i32;
                for name in &share.gpus {
                    in_use.1[name.parse::<usize>().unwrap()] += sign * (100.0 * job.gpus.min(1.0)) as i32;
                }
                in_use.0 <= threads as i32 && in_use.1.iter().all(|&used| used <= 100)
            };
            let (started, ..) = log(&jobs, &limits, |&i, share| {
                let job = &jobs[i as usize];
                let there = if job.gpus.ceil() as usize <= gpus { job.gpus.ceil() as usize } else { 0 };
                let is_right = share.threads.get() == wanted[i as usize].0.min(threads)
                    && share.gpus.len() == there;
                if !change(share, job, 1) || !is_right {
                    broken.lock().unwrap().push(share.clone());
                }
                thread::yield_now();
                change(share, job, -1);
                Outcome::Done(i)
            });
            prop_assert_eq!(broken.into_inner().unwrap(), vec![]);
            prop_assert_eq!(started.len(), jobs.len());
        }
    }
}
