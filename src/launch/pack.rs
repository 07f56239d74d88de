//! Packing of runs into tasks: a scheduler needs seconds to minutes to start a task, so a task
//! should last minutes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Number of tasks that last about `each` seconds, for runs that take `seconds`.
pub fn tasks(seconds: &[f64], each: f64) -> usize {
    let total: f64 = seconds.iter().sum();
    ((total / each).ceil() as usize).clamp(1, seconds.len().max(1))
}

/// Distributes runs, given by their expected seconds, over `tasks` tasks of about equal duration,
/// the longest runs first; no task is empty. Returns indices of runs, ascending within a task.
///
/// The longest remaining run goes to the task with the least work: at most a third longer than the
/// optimum (LPT scheduling, Graham 1969).
pub fn pack(seconds: &[f64], tasks: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..seconds.len()).collect();
    order.sort_by(|&a, &b| seconds[b].total_cmp(&seconds[a]));
    let tasks = tasks.min(seconds.len());
    let mut packed = vec![(0u64, Vec::new()); tasks];
    let mut least: BinaryHeap<Reverse<(u64, usize)>> =
        (0..tasks).map(|task| Reverse((0, task))).collect();
    for run in order {
        let Some(Reverse((taken, task))) = least.pop() else { break };
        // Every run counts as at least one microsecond, so that no task remains empty even if all
        // estimates are zero.
        let taken = taken.saturating_add((seconds[run] * 1e6) as u64).saturating_add(1);
        packed[task].0 = taken;
        packed[task].1.push(run);
        least.push(Reverse((taken, task)));
    }
    packed.sort_by_key(|(taken, _)| Reverse(*taken));
    for (_, runs) in &mut packed {
        runs.sort_unstable();
    }
    packed.into_iter().map(|(_, runs)| runs).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_run_is_in_one_task_and_none_lasts_much_longer_than_it_must(
            seconds in prop::collection::vec(0.0f64..100.0, 0..60), tasks in 1usize..20,
        ) {
            let packed = pack(&seconds, tasks);
            let mut all = packed.concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..seconds.len()).collect::<Vec<_>>());
            prop_assert_eq!(packed.len(), tasks.min(seconds.len()));
            prop_assert!(packed.iter().all(|task| !task.is_empty() && task.is_sorted()));
            let taken: Vec<f64> = packed.iter().map(|task| task.iter().map(|&run| seconds[run]).sum()).collect();
            prop_assert!(taken.is_sorted_by(|a, b| *a >= *b - 1e-3));
            let least = seconds.iter().sum::<f64>() / tasks as f64;
            let longest = seconds.iter().copied().fold(0.0, f64::max);
            prop_assert!(taken.first().is_none_or(|&most| most <= least + longest + 1e-3));
        }

        #[test]
        fn a_task_lasts_as_long_as_it_should_where_runs_are_short(runs in 1usize..500, each in 1.0f64..50.0) {
            let seconds = vec![1.0; runs];
            let tasks = tasks(&seconds, each);
            prop_assert!((1..=runs).contains(&tasks));
            prop_assert!(runs as f64 / tasks as f64 <= each && (tasks == 1 || runs as f64 / (tasks - 1) as f64 >= each));
        }
    }
}
