//! `ablade verify EXPERIMENT`: verifies the checksums of all files of every finished run, repeats
//! some runs, the damaged ones among them, and demands the same bytes; then computes the tables
//! again from the runs. With `--reference` runs are repeated with candle's own operations instead,
//! which checks the kernels. Writes nothing but damaged runs, so that read-only results can be
//! verified, too.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use clap::Args;
use rayon::prelude::*;

use crate::cli::interrupt::Interrupt;
use crate::cli::json::verify::{
    DamagedRunFacts, ReferenceFacts, ReferenceRunFacts, RepeatedFacts, RepeatedRunFacts,
    RepeatedWord, TablesFacts, VerifyFacts,
};
use crate::cli::json::{JsonArgs, number};
use crate::cli::show::fitted::FittedTable;
use crate::cli::trust;
use crate::cli::{Exit, Global, Terminal, at_least_one, jobs};
use crate::data::{Cache, Dataset};
use crate::plan::{Plan, RunId, RunSpec};
use crate::results::past::Past;
use crate::results::{ExperimentResults, tables};
use crate::runner::machine::on_every_processor;
use crate::runner::{self, machine};
use crate::session::{Repeated, Repetition, changed_copies, train_again};
use crate::store::{RunStatus, Store, StoreError};
use crate::text::{count, duration, thousands};
use crate::train::reference::Comparison;
use crate::train::trainer::is_absurd;
use crate::trainers::made::run::{
    MadeRun, compare_with_reference, epoch_of, has_finite_weights, reference_seconds,
};
use crate::trainers::made::unchanged::unchanged_at;

/// Examples below the options of `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  ablade verify first                        train three runs again
  ablade verify first --runs 24
  ablade verify first --reference --runs 1   by automatic differentiation
  ablade verify first --json";

/// Maximum number of differences between tables that are printed, and that are listed as JSON.
const PRINTED: usize = 20;
const LISTED: usize = 1000;

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Experiment to check
    experiment: String,
    /// Number of finished runs to repeat, spread over the study; of all others only the checksums
    /// are verified
    #[arg(long, value_name = "K", default_value = "3", value_parser = at_least_one)]
    runs: NonZeroUsize,
    /// Train them by automatic differentiation instead of the kernels, in single and double
    /// precision, and compare the NLL of every epoch and every weight; slow
    #[arg(long)]
    reference: bool,
    /// Number of threads, and so of runs at a time [default: one per processor]
    #[arg(long, value_name = "N", value_parser = jobs)]
    jobs: Option<NonZeroUsize>,
    /// Start the program even if the results were not made here
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    json: JsonArgs,
}

pub(crate) fn verify(
    args: &VerifyArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let store = global.store()?;
    let plan = store.load_plan(&args.experiment)?;
    let store = store.of(&plan)?;
    ensure!(
        !args.reference || plan.program.is_none(),
        "--reference checks the kernels of the built-in model, and {} is the experiment of a program",
        plan.name
    );
    trust::check(&plan, &global.results, args.yes)?;
    // Without its checksums a run is not finished as far as names tell, and cannot be verified.
    let finished: Vec<&RunSpec> =
        plan.runs.iter().filter(|run| store.run_dir(&run.id).is_dir()).collect();
    ensure!(
        !finished.is_empty(),
        "{} has no finished run in {}",
        args.experiment,
        global.results.display()
    );
    let checked: Vec<_> =
        on_every_processor(|| finished.par_iter().map(|run| store.check(&run.id)).collect());
    let labels = plan.labels();
    let (mut sound, mut damaged, mut damages) = (Vec::new(), Vec::new(), Vec::new());
    for (&run, checked) in finished.iter().zip(checked) {
        match checked {
            Ok(()) => {
                for name in store.added_to(&run.id)? {
                    let path = store.run_dir(&run.id).join(name);
                    terminal.remark(format!(
                        "{} is not the run's: it is not checked, and stays",
                        path.display()
                    ));
                }
                sound.push(run);
            }
            Err(error @ StoreError::Damaged { .. }) => {
                damages.push(DamagedRunFacts {
                    run: run.id.to_string(),
                    label: label_of(&run.id, &labels),
                    reason: error.to_string(),
                });
                terminal.warn(error);
                damaged.push(run);
            }
            Err(error) => return Err(error.into()),
        }
    }
    if !damaged.is_empty() {
        // An incomplete run may still be arriving, and must not be moved then.
        let interrupt = Interrupt::listen().context("cannot listen for signals")?;
        let shown = terminal.shown(global.progress);
        let still =
            runner::damaged(damaged.iter().map(|run| &run.id), &store, interrupt.flag(), &*shown)?;
        let (kept, whole): (Vec<&RunSpec>, Vec<&RunSpec>) =
            damaged.into_iter().partition(|run| still.contains(&run.id));
        damaged = kept;
        damages.retain(|found| damaged.iter().any(|run| run.id.as_str() == found.run));
        sound.extend(whole);
    }
    let (current, older): (Vec<&RunSpec>, Vec<&RunSpec>) =
        sound.into_iter().partition(|run| run.is_current(&**store.trainer()));
    if !older.is_empty() {
        terminal.warn(format!(
            "{} made by an older version, whose numbers this one does not repeat: only the checksums were looked at; `ablade \
             why` with the experiment's file says what changed",
            count(older.len(), "run")
        ));
    }
    let n_current = current.len();
    let current = if args.reference {
        current
    } else {
        repeatable_here(current, &store, terminal)?
    };
    let changed_copies = on_every_processor(|| changed_copies(&store, &plan, &current));
    for problem in &changed_copies {
        terminal.warn(problem);
    }
    let chosen = spread(&current, args.runs.get());
    let cache = Cache::new(global.library());
    let threads = args.jobs.unwrap_or_else(machine::threads);
    let (mut repeated, mut reference) = (None, None);
    if args.reference {
        let found = by_reference(&chosen, &plan, &store, &cache, threads, terminal)?;
        if !args.json.json {
            print_reference(&found, terminal)?;
        }
        reference = Some(found);
    } else {
        let wanted = Repeated {
            damaged: &damaged,
            sound: &chosen,
            n_finished: finished.len(),
        };
        match again(&wanted, &plan, &store, threads, args.json, global, terminal)? {
            Some(found) => repeated = Some(found),
            None => return Ok(Exit::Interrupted),
        }
    }
    // Until damaged runs are repeated, their rows cannot be computed.
    let tables = if args.reference && !damaged.is_empty() {
        terminal.warn("the tables were not looked at: they show runs that are damaged");
        None
    } else {
        let found = compared_tables(&store, plan.clone(), damaged.is_empty())?;
        if !args.json.json {
            print_tables(&found, terminal)?;
        }
        if found.n_same < found.n_tables {
            terminal.remark(format!("`ablade tables {}` writes them from the runs", plan.name));
        }
        Some(found)
    };
    let unreadable_history = unreadable_history(&store, &plan, terminal)?;
    if !args.json.json {
        for reason in &unreadable_history {
            writeln!(terminal.out, "{reason}")?;
        }
    }
    let is_sound = repeated.iter().all(|found| found.n_same == found.runs.len())
        && reference.iter().all(|found| found.n_same == found.n_runs && damaged.is_empty())
        && tables.as_ref().is_some_and(|found| found.n_same == found.n_tables)
        && unreadable_history.is_empty()
        && changed_copies.is_empty();
    if args.json.json {
        terminal.json(&VerifyFacts {
            experiment: plan.name.clone(),
            is_sound,
            n_finished: finished.len(),
            damaged: damages,
            n_older: older.len(),
            n_elsewhere: n_current - current.len(),
            repeated,
            reference,
            tables,
            changed_copies,
            unreadable_history,
            notes: terminal.notes(),
        })?;
    }
    Ok(if is_sound { Exit::Success } else { Exit::Failure })
}

/// Label of a run, or its id if the plan has none.
fn label_of(run: &RunId, labels: &BTreeMap<&RunId, String>) -> String {
    labels.get(run).map_or_else(|| run.to_string(), Clone::clone)
}

/// Files of the record of the past that are not as they were written, or are missing. Warns if the
/// record does not have the tables.
fn unreadable_history(
    store: &Store,
    plan: &Plan,
    terminal: &Terminal,
) -> anyhow::Result<Vec<String>> {
    let history = store.history()?;
    let past = Past::of_plan(store, plan)?;
    let absent = plan.studies.iter().zip(&past.studies).filter(|(_, past)| !past.is_recorded);
    let absent: Vec<&str> = absent.map(|(study, _)| study.name.as_str()).collect();
    if !absent.is_empty() {
        terminal.warn(format!(
            "the record of what was seen in these results does not have the table of {}: it was removed, or the table is of \
             a version without a record; `ablade tables {}` enters it now",
            absent.join(", "),
            plan.name
        ));
    }
    Ok(history.unreadable)
}

/// The runs that this machine can be expected to repeat to the bit; says of the others why not.
fn repeatable_here<'a>(
    runs: Vec<&'a RunSpec>,
    store: &Store,
    terminal: &Terminal,
) -> anyhow::Result<Vec<&'a RunSpec>> {
    let (mut repeatable, mut others) = (Vec::new(), BTreeMap::<String, usize>::new());
    for run in runs {
        let summary = store.record(&run.id)?.summary;
        match summary.and_then(|summary| store.trainer().unrepeatable(&summary.facts)) {
            None => repeatable.push(run),
            Some(reason) => *others.entry(reason).or_default() += 1,
        }
    }
    for (reason, n) in others {
        terminal.warn(format!(
            "{} {reason}: other last digits are expected, so only the checksums were looked at; `--reference` compares \
             within rounding",
            count(n, "run")
        ));
    }
    Ok(repeatable)
}

/// Repeats runs and demands the same bytes; `None` when interrupted. Error: nothing differs, but
/// some runs could not be trained or compared.
fn again(
    wanted: &Repeated,
    plan: &Plan,
    store: &Store,
    threads: NonZeroUsize,
    json: JsonArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Option<RepeatedFacts>> {
    let interrupt = Interrupt::listen().context("cannot listen for signals")?;
    let shown = terminal.shown(global.progress);
    let interruption = interrupt.interruption();
    let repetition = train_again(wanted, plan, store, threads, interruption, &*shown)?;
    let Some(Repetition { same, different, diverged_since }) = repetition else {
        return Ok(None);
    };
    let labels = plan.labels();
    let of_run = |run: &&RunSpec| RepeatedRunFacts {
        run: run.id.to_string(),
        label: label_of(&run.id, &labels),
        result: match different.contains_key(&run.id) {
            true => RepeatedWord::Different,
            false if same.contains(&run.id) => RepeatedWord::Same,
            false => RepeatedWord::NotCompared,
        },
        reason: different.get(&run.id).cloned(),
    };
    let facts = RepeatedFacts {
        is_by_value: plan.program.is_some(),
        n_same: same.len(),
        runs: wanted.damaged.iter().chain(wanted.sound).map(of_run).collect(),
    };
    let (n_same, n_runs) = (facts.n_same, facts.runs.len());
    if !json.json {
        let by = if facts.is_by_value { "value for value" } else { "byte for byte" };
        writeln!(terminal.out, "{n_same} of {} the same, {by}", count(n_runs, "run"))?;
    }
    warn_of_earlier(diverged_since.iter(), store, terminal);
    // A difference is a result; a run that could not be trained or compared gives none.
    if n_same < n_runs && different.is_empty() && wanted.damaged.is_empty() {
        bail!("{} could not be verified, and no other differs", count(n_runs - n_same, "run"));
    }
    Ok(Some(facts))
}

/// Explains runs that are published as finished although this version diverges on them, and what to
/// do.
fn warn_of_earlier<'a>(
    runs: impl Iterator<Item = &'a RunId> + Clone,
    store: &Store,
    terminal: &Terminal,
) {
    let Some(first) = runs.clone().next() else { return };
    let runs = runs.count();
    terminal.warn(format!(
        "{} there as finished, and by this version diverged: a weight is not finite, or the NLL is far above that of fair coins. An \
         earlier version looked at losses alone. The tables count them as finished until {} and the like are removed and \
         `sweep` trains them again",
        if runs == 1 { "1 run is".to_owned() } else { format!("{runs} runs are") },
        store.run_dir(first).display()
    ));
}

/// A finished run with the inputs of the reference engine.
struct TrainedModel<'a> {
    spec: &'a RunSpec,
    run: MadeRun,
    data: Arc<Dataset>,
    epochs: Vec<crate::train::EpochLosses>,
    best_epoch: usize,
    model: Vec<u8>,
    seconds: f64,
    has_finite_weights: bool,
}

impl<'a> TrainedModel<'a> {
    /// Loads a run; `None` for one that diverged, which has no model.
    fn load(spec: &'a RunSpec, store: &Store, cache: &Cache) -> anyhow::Result<Option<Self>> {
        let record = store.record(&spec.id)?;
        let (Some(summary), Some(timing)) = (record.summary, record.timing) else {
            return Ok(None);
        };
        let Some(model) = store
            .file(&spec.id, "model.safetensors")?
            .filter(|_| summary.status == RunStatus::Finished)
        else {
            return Ok(None);
        };
        let run = MadeRun::of(&spec.key());
        let data = unchanged_at(std::slice::from_ref(&run.config.data), &spec.key(), cache)?;
        let seconds = timing.seconds * timing.threads as f64;
        let has_finite_weights = has_finite_weights(&run, data.shape, &model)
            .with_context(|| format!("cannot read the model of {}", spec.id))?;
        let epochs = record.epochs.iter().filter_map(epoch_of).collect();
        let best_epoch = summary.best_epoch;
        Ok(Some(Self {
            spec,
            run,
            data,
            epochs,
            best_epoch,
            model,
            seconds,
            has_finite_weights,
        }))
    }

    /// True if this version, too, would have finished the run.
    fn is_sane(&self) -> bool {
        let dim = self.data.shape.dim();
        let sane = |row: &crate::train::EpochLosses| {
            row.valid_nll_nats.is_finite()
                && row.test_nll_nats.is_finite()
                && !is_absurd(row.valid_nll_nats, dim)
        };
        self.has_finite_weights && self.epochs.iter().all(sane)
    }
}

/// Repeats runs by automatic differentiation.
fn by_reference(
    chosen: &[&RunSpec],
    plan: &Plan,
    store: &Store,
    cache: &Cache,
    threads: NonZeroUsize,
    terminal: &Terminal,
) -> anyhow::Result<ReferenceFacts> {
    let runs: Vec<Option<TrainedModel>> = chosen
        .iter()
        .map(|run| TrainedModel::load(run, store, cache))
        .collect::<Result<_, _>>()?;
    let labels = plan.labels();
    // Runs that this version would not have finished cannot be compared.
    let (runs, earlier): (Vec<TrainedModel>, Vec<TrainedModel>) =
        runs.into_iter().flatten().partition(TrainedModel::is_sane);
    warn_of_earlier(earlier.iter().map(|run| &run.spec.id), store, terminal);
    let n_runs = runs.len() + earlier.len();
    if runs.is_empty() {
        return Ok(ReferenceFacts { n_same: 0, n_runs, runs: Vec::new() });
    }
    let each: Result<Vec<f64>, _> = runs
        .iter()
        .map(|run| reference_seconds(&run.run, &run.data, run.epochs.len()))
        .collect();
    let each = each?;
    terminal.remark(format!(
        "{} again by automatic differentiation: about {} on {}; the kernels took {}",
        count(runs.len(), "run"),
        duration(crate::cost::makespan(&each, threads.get())),
        count(threads.get(), "thread"),
        duration(
            runs.iter().map(|run| run.seconds).sum::<f64>()
                / threads.get().min(runs.len().max(1)) as f64
        ),
    ));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.get()).build()?;
    let compare = |run: &TrainedModel| {
        compare_with_reference(&run.run, &run.data, &run.epochs, run.best_epoch, &run.model)
            .with_context(|| format!("cannot compare {}", run.spec.id))
    };
    let found: Vec<Comparison> =
        pool.install(|| runs.par_iter().map(compare).collect::<Result<_, _>>())?;
    let facts = |(run, comparison): (&TrainedModel, &Comparison)| {
        let Comparison { nll, weights, .. } = comparison;
        let variables = run.data.shape.with_levels(run.data.levels);
        let layout = crate::made::layout::ParamLayout::new(&run.run.config.model, variables);
        ReferenceRunFacts {
            run: run.spec.id.to_string(),
            label: label_of(&run.spec.id, &labels),
            epochs: run.epochs.len(),
            n_weights: layout.len,
            nll_off_nats: number(nll.run),
            nll_bound_nats: number(nll.bound()),
            weights_off: number(weights.run),
            weights_bound: number(weights.bound()),
            is_same: nll.is_explained() && weights.is_explained(),
        }
    };
    let runs: Vec<ReferenceRunFacts> = runs.iter().zip(&found).map(facts).collect();
    let n_same = runs.iter().filter(|run| run.is_same).count();
    Ok(ReferenceFacts { n_same, n_runs, runs })
}

fn print_reference(facts: &ReferenceFacts, terminal: &mut Terminal) -> anyhow::Result<()> {
    let head = [
        "run",
        "epochs",
        "weights",
        "NLL off by, nats",
        "rounding explains",
        "weights off by",
        "rounding explains",
        "",
    ];
    let mut rows = FittedTable::new(&head, &[0]).dispensable(&["epochs", "weights"]);
    let off = |value: Option<f64>| format!("{:.1e}", value.unwrap_or(f64::NAN));
    for run in &facts.runs {
        rows.add([
            run.label.clone(),
            run.epochs.to_string(),
            thousands(run.n_weights as u64),
            off(run.nll_off_nats),
            off(run.nll_bound_nats),
            off(run.weights_off),
            off(run.weights_bound),
            if run.is_same { "same".to_owned() } else { "DIFFERENT".to_owned() },
        ]);
    }
    if !facts.runs.is_empty() {
        rows.print(terminal)?;
    }
    let (same, runs) = (facts.n_same, count(facts.n_runs, "run"));
    writeln!(terminal.out, "{same} of {runs} the same, to rounding")?;
    Ok(())
}

/// Computes the tables again and compares them. If runs were repeated, their times did change.
fn compared_tables(store: &Store, plan: Plan, same_times: bool) -> anyhow::Result<TablesFacts> {
    let (mut found, n_tables) = on_every_processor(|| {
        let study = ExperimentResults::load(store, plan)?;
        tables::differences(store, &study)
    })?;
    found.retain(|difference| same_times || difference.file() != "timings.csv");
    let files: BTreeSet<&str> =
        found.iter().map(crate::results::difference::Difference::file).collect();
    Ok(TablesFacts {
        n_tables,
        n_same: n_tables - files.len(),
        n_differences: found.len(),
        differences: found.iter().take(LISTED).map(ToString::to_string).collect(),
    })
}

fn print_tables(facts: &TablesFacts, terminal: &mut Terminal) -> anyhow::Result<()> {
    for difference in facts.differences.iter().take(PRINTED) {
        writeln!(terminal.out, "{difference}")?;
    }
    if facts.n_differences > PRINTED {
        let more = count(facts.n_differences - PRINTED, "difference");
        writeln!(terminal.out, "and {more} more")?;
    }
    let (same, tables) = (facts.n_same, count(facts.n_tables, "table"));
    writeln!(terminal.out, "{same} of {tables} as the runs give them")?;
    Ok(())
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
