//! `ablade verify STUDY`: checks every file of every finished run by its checksum, then trains some runs again, the
//! damaged ones among them, and demands the same bytes.

use std::num::NonZeroUsize;

use anyhow::ensure;
use clap::Args;
use rayon::prelude::*;

use super::estimate::Estimate;
use super::terminal::count;
use super::trained::all_unchanged;
use super::training::Training;
use super::{Exit, Global, Terminal, machine, on_every_processor};
use crate::data::{Cache, Library};
use crate::plan::RunSpec;
use crate::store::{Publication, Store};

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Experiment to check
    study: String,
    /// How many of its finished runs, spread over the study; of all others the checksums are looked at
    #[arg(long, value_name = "K", default_value = "3")]
    runs: NonZeroUsize,
    /// Threads, and so runs at a time [default: as many as processors]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
}

pub(crate) fn verify(args: &VerifyArgs, global: &Global, terminal: &mut Terminal) -> anyhow::Result<Exit> {
    let store = Store::open(&global.results)?;
    let plan = store.load_plan(&args.study)?;
    let finished = store.finished(&plan)?;
    ensure!(!finished.is_empty(), "{} has no finished run in {}", args.study, global.results.display());
    let finished: Vec<&RunSpec> = plan.runs.iter().filter(|run| finished.contains(&run.id)).collect();
    let checked: Vec<_> = on_every_processor(|| finished.par_iter().map(|run| store.check(&run.id)).collect())?;
    let (mut sound, mut chosen) = (Vec::new(), Vec::new());
    for (&run, checked) in finished.iter().zip(checked) {
        match checked {
            Ok(()) => sound.push(run),
            Err(error) => {
                terminal.warn(error);
                chosen.push(run);
            }
        }
    }
    chosen.extend(spread(&sound, args.runs.get()));
    let cache = Cache::new(Library::from_environment(global.data_dir.clone()));
    let (datasets, sizes) = all_unchanged(&chosen, &cache)?;
    let threads = args.jobs.unwrap_or_else(machine::threads);
    let training = Training {
        plan: &plan,
        store: &store,
        datasets: &datasets,
        estimate: &Estimate::new(&plan, &chosen, &sizes, &store, threads.get()),
        threads,
        memory: machine::memory(),
        max_failures: usize::MAX,
        checkpoint_every: None,
        attempts: None,
    };
    let accept = |publication| {
        let problem = match publication {
            Publication::Identical => return Ok(()),
            Publication::Differs => "trained again it gives other bytes",
            Publication::New => "its files were damaged: moved aside and trained again",
        };
        Err(problem.to_owned())
    };
    let title = format!("{}  {} of {} finished again", plan.name, count(chosen.len(), "run"), finished.len());
    let trained = training.train(&chosen, &title, global.progress, terminal, accept, |_, _, _| {})?;
    if trained.interrupted {
        return Ok(Exit::Interrupted);
    }
    let different = trained.failed.len();
    writeln!(terminal.out, "{} of {} the same, byte for byte", chosen.len() - different, count(chosen.len(), "run"))?;
    Ok(if different == 0 { Exit::Success } else { Exit::Failure })
}

/// At most `count` of `items`, evenly spread.
fn spread<T: Copy>(items: &[T], count: usize) -> Vec<T> {
    let count = count.min(items.len());
    (0..count).map(|i| items[i * items.len() / count]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_runs_are_spread_and_distinct() {
        assert_eq!(spread(&[1, 2, 3, 4, 5, 6], 3), [1, 3, 5]);
        assert_eq!(spread(&[1, 2], 5), [1, 2]);
        assert!(spread::<u8>(&[], 2).is_empty());
    }
}
