//! Loaded experiment: the file, expanded and joined with its data and its results.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::command::{one_line, sweep_command};
use super::describe::describe;
use super::tables::adopt_tables;
use super::{Interruption, RejectedEarlierRuns, SessionError, write_tables};
use crate::experiment::{self, Experiment, MissingDataRule, Overrides};
use crate::plan::{Plan, RunId, RunSpec, Shard};
use crate::results::past::Past;
use crate::results::setting_changes::{run_settings, setting_changes};
use crate::results::{self, ExperimentResults};
use crate::runner::{CostEstimate, Observer, damaged, machine};
use crate::store::{Claiming, RunStatus, Store, StoreError};
use crate::text::{bytes, count, duration};
use crate::trainer::{Described, Programs, Trainer, TrainerError};

/// A loaded experiment, with its plan and its results.
#[derive(Debug)]
pub struct LoadedExperiment {
    /// The file, expanded.
    pub experiment: Experiment,
    /// Its runs.
    pub plan: Plan,
    /// Its results.
    pub store: Store,
    /// Runs of earlier versions that are not used.
    pub rejected: RejectedEarlierRuns,
    /// Description of its data.
    pub description: Described,
    /// True if the plan may replace one whose finished runs it does not all contain.
    replaces: bool,
}

impl LoadedExperiment {
    /// Reads and expands a file, with its results in the directory `results`; writes nothing.
    /// `adopt` gives runs the ids that earlier versions of this program published them under;
    /// a trainer without earlier versions returns an empty map.
    pub fn load(
        file: &Path,
        overrides: &Overrides,
        results: &Path,
        trainer: Arc<dyn Trainer>,
        adopt: impl FnOnce(&mut Plan, &Store) -> Result<RejectedEarlierRuns, TrainerError>,
    ) -> Result<Self, SessionError> {
        let mut experiment = experiment::load(file, overrides, &*trainer)?;
        if experiment.execution.missing_data == MissingDataRule::Skip {
            experiment.leave_out_missing(&*trainer).map_err(SessionError::MissingData)?;
        }
        let mut plan = experiment.plan(&*trainer)?;
        plan.command = sweep_command(file, overrides);
        let store = Store::open(results, Arc::clone(&trainer))?;
        let same = |known: &String| *known != plan.name && known.eq_ignore_ascii_case(&plan.name);
        if let Some(known) = store.experiments()?.into_iter().find(same) {
            return Err(SessionError::SameNameInOtherCase { name: plan.name, known });
        }
        let rejected = adopt(&mut plan, &store)?;
        let description = describe(&plan, &experiment, &*trainer)?;
        plan.data.clone_from(&description.lines);
        Ok(Self {
            experiment,
            plan,
            store,
            rejected,
            description,
            replaces: false,
        })
    }

    /// The same experiment, whose store knows how to read those of programs next to it.
    #[must_use]
    pub fn with_programs(self, programs: Arc<dyn Programs>) -> Self {
        Self { store: self.store.with_programs(programs), ..self }
    }

    /// Checks that no foreign files are in the way of the tables, and that no finished run would
    /// leave them unless `replace` allows it: a quick trial must not replace a night's results.
    pub fn check_tables(&mut self, replace: bool) -> Result<(), SessionError> {
        self.replaces = replace;
        self.store.check_history()?;
        self.store.check_tables(&self.plan.name, &results::tables::NAMES)?;
        match self.replaced_tables()? {
            Some(loss) if !replace => Err(SessionError::ReplacesTables {
                loss,
                kept_in: self.store.root().join(&self.plan.name).join("replaced"),
            }),
            _ => Ok(()),
        }
    }

    /// Describes the finished runs that would leave the tables if this plan were executed, and the
    /// difference between both plans; `None` if no run would.
    pub fn replaced_tables(&self) -> Result<Option<String>, StoreError> {
        let (name, store) = (&self.plan.name, &self.store);
        let Some(replaced) =
            store.replaced_by(&self.plan)?.filter(|replaced| replaced.finished > 0)
        else {
            return Ok(None);
        };
        // Runs of an earlier version that are rejected are trained again under another id.
        let again: BTreeSet<&RunId> = self.rejected.values().map(|(old, _)| old).collect();
        if replaced.dropped.iter().all(|run| again.contains(run)) {
            return Ok(None);
        }
        let lost = count(replaced.finished, "finished run");
        let mut text = format!(
            "{} holds another plan: {lost} would leave its tables",
            store.root().join(name).display()
        );
        if let Ok(there) = store.load_plan(name) {
            let describe = |plan: &Plan| {
                format!("{} ({})", one_line(&plan.command), count(plan.runs.len(), "run"))
            };
            text += &format!("\n  there: {}\n  here:  {}", describe(&there), describe(&self.plan));
            let settings_of = |run: &RunSpec, plan: &Plan| {
                run_settings(run, plan.program_identity(), &**store.trainer())
            };
            let dropped = there
                .runs
                .iter()
                .find(|run| replaced.dropped.contains(&run.id))
                .map(|run| settings_of(run, &there));
            let against = |dropped| {
                self.plan
                    .runs
                    .iter()
                    .map(|run| setting_changes(dropped, &settings_of(run, &self.plan)))
                    .min_by_key(Vec::len)
            };
            if let Some(differ) = dropped.as_ref().and_then(against) {
                let seed = dropped.as_ref().and_then(|settings| settings.get("seed"));
                let is_seed = differ.iter().all(|change| change.starts_with("seed "));
                text += &match seed.filter(|_| is_seed) {
                    Some(seed) => {
                        format!("\n  such as: a run with seed {seed}, which is not in the new plan")
                    }
                    None => format!("\n  such as: {}", one_line(&differ.join(", "))),
                };
            }
            let inputs =
                |plan: &Plan| plan.program_identity().map(|program| program.inputs.clone());
            if there.program.is_some()
                && self.plan.program.is_some()
                && inputs(&there) != inputs(&self.plan)
            {
                text += "\n  `ablade adopt` takes these runs over if the edit changes no result";
            }
        }
        Ok(Some(text))
    }

    /// Past of the studies, as far as it does not depend on their runs.
    pub fn past(&self) -> Result<Past, StoreError> {
        Past::before_runs(&self.store, &self.plan)
    }

    /// Saves the plan next to the tables.
    pub fn save_plan(&self) -> Result<(), StoreError> {
        // Tables of an earlier version enter the record before a plan with other seeds replaces
        // theirs.
        self.store.begin_history()?;
        self.store.recover_history(&self.plan.name)?;
        // Without the list of adopted tables, those of an earlier version of this program would be
        // treated as changed by the user.
        let _ = adopt_tables(&self.store, &self.plan);
        if self.replaces {
            self.store.replace_plan(&self.plan)
        } else {
            self.store.save_plan(&self.plan)
        }
    }

    /// Saves the plan before its runs begin, unless a larger one that contains them all has been
    /// saved meanwhile.
    pub fn announce_plan(&self) -> Result<(), StoreError> {
        match self.save_plan() {
            Err(StoreError::Replaces { .. }) if self.is_part_of_stored()? => Ok(()),
            saved => saved,
        }
    }

    /// True if the plan on disk has every run of this one.
    fn is_part_of_stored(&self) -> Result<bool, StoreError> {
        let stored = self.store.load_plan(&self.plan.name)?;
        let there = stored.by_id();
        Ok(self.plan.runs.iter().all(|run| there.contains_key(&run.id)))
    }

    /// Writes the tables. If a larger plan of this name has been saved meanwhile, the tables are
    /// those of that plan, which contain these runs, too.
    pub fn write_tables(&self, observer: &dyn Observer) -> Result<ExperimentResults, SessionError> {
        let store = &self.store;
        let mut larger = None;
        loop {
            let written = match &larger {
                None => self.save_plan().and_then(|()| write_tables(store, &self.plan, observer)),
                Some(plan) => write_tables(store, plan, observer),
            };
            match written {
                Err(StoreError::Replaces { .. }) if self.is_part_of_stored()? => {
                    let plan = store.load_plan(&self.plan.name)?;
                    observer.remark(&format!(
                        "{} has grown meanwhile: the tables are those of the larger plan",
                        store.root().join(&plan.name).join("plan.json").display()
                    ));
                    larger = Some(plan);
                }
                Err(error) => return Err(error.into()),
                Ok(_) if larger.is_some() => {
                    return Ok(ExperimentResults::load(store, self.plan.clone())?);
                }
                Ok(results) => return Ok(results),
            }
        }
    }

    /// Writes the examples that figures show again where those of a finished run's data are missing
    /// or damaged. They stay as they are where the data cannot be loaded; the observer hears of both.
    pub fn restore_examples(&self, results: &ExperimentResults, observer: &dyn Observer) {
        let (store, trainer) = (&self.store, self.store.trainer());
        let mut seen = BTreeSet::new();
        for run in &self.plan.runs {
            let record = results.records.get(&run.id);
            if record.is_none_or(|record| record.status != RunStatus::Finished)
                || !seen.insert(run.data.as_str())
            {
                continue;
            }
            let is_sound = |fingerprint: &str| {
                let bytes = store.reference(fingerprint).ok().flatten();
                bytes.is_some_and(|bytes| trainer.are_examples(Some(&run.config), &bytes))
            };
            let Ok(path) = store.reference_path(&run.data) else { continue };
            if run.fingerprints().any(is_sound) {
                continue;
            }
            let path = path.display();
            let written = match trainer.examples(&run.config) {
                Ok(None) => continue,
                // Of the data that the run was trained on, and no others of that name.
                Ok(Some(bytes)) => match trainer.prepare(&[run.key()]) {
                    Ok(()) => {
                        store.save_reference(&run.data, &bytes).map_err(|error| error.to_string())
                    }
                    Err(error) => Err(error.to_string()),
                },
                Err(error) => Err(error.to_string()),
            };
            match written {
                Ok(()) => observer.remark(&format!("{path} was missing or damaged: written again")),
                Err(error) => observer.warn(&format!(
                    "{path} is missing or damaged, and cannot be written again: {error}"
                )),
            }
        }
    }

    /// Moves damaged runs aside, so that they are outstanding again.
    pub fn set_damaged_aside(
        &self,
        results: &ExperimentResults,
        interruption: &Interruption,
        observer: &dyn Observer,
    ) -> Result<(), StoreError> {
        let store = &self.store;
        let found = results.suspects().map(|(run, _)| run);
        let damaged = damaged(found, store, &interruption.requested, observer)?;
        for (run, reason) in results.suspects().filter(|(run, _)| damaged.contains(*run)) {
            // Under a claim: a run that another process has repeated meanwhile must not be moved.
            let Claiming::Ours(_claim) = store.claims().claim(run)? else { continue };
            if matches!(store.check(run), Err(StoreError::Damaged { .. }))
                && let Some(aside) = store.set_aside(run)?
            {
                observer.warn(&format!("{reason}; moved to {}", aside.display()));
            }
        }
        Ok(())
    }

    /// Number of threads over all runs: `jobs`, else that of the file, else one for each processor.
    pub fn workers(&self, jobs: Option<NonZeroUsize>) -> NonZeroUsize {
        let file = self.experiment.execution.workers.and_then(NonZeroUsize::new);
        jobs.or(file).unwrap_or_else(machine::threads)
    }

    /// Returns the runs of a shard that are selected and not finished, in plan order.
    pub fn outstanding(&self, finished: &BTreeSet<RunId>, shard: Shard) -> Vec<&RunSpec> {
        let outstanding = self.plan.outstanding(finished, shard);
        if self.experiment.only.is_empty() {
            return outstanding;
        }
        let selected = self.experiment.selected(&self.plan);
        outstanding.into_iter().filter(|run| selected.contains(&run.id)).collect()
    }

    /// Sentence for an experiment whose runs have all finished.
    pub fn nothing_to_do(&self) -> String {
        format!("{}: all {} are there", self.plan.name, count(self.plan.runs.len(), "run"))
    }

    /// Memory that all runs together may use [bytes]: that of the file, else that of the machine.
    pub fn memory(&self) -> u64 {
        self.experiment.execution.memory.unwrap_or_else(machine::memory)
    }

    /// GPUs that all runs together may take: as many as the file says, else those of the machine.
    pub fn gpus(&self) -> Vec<String> {
        let there = machine::gpus();
        match self.experiment.execution.gpus {
            Some(n) if n < there.len() => there[..n].to_vec(),
            Some(n) if there.is_empty() => (0..n).map(|i| i.to_string()).collect(),
            _ => there,
        }
    }

    /// Time between two checkpoints of a run: that of the file, else a minute.
    pub fn checkpoint_every(&self) -> Duration {
        self.experiment.execution.checkpoint.map_or(Duration::from_secs(60), |seconds| {
            Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
        })
    }

    /// Estimates the cost of `runs` on `workers` threads.
    pub fn estimate(
        &self,
        runs: &[&RunSpec],
        workers: usize,
    ) -> Result<CostEstimate, TrainerError> {
        CostEstimate::new(&self.plan, runs, &self.store, workers)
    }

    /// Checks that `runs` fit into `memory` and into the `[budget]` of the file.
    pub fn check_budget(
        &self,
        estimate: &CostEstimate,
        runs: &[&RunSpec],
        memory: u64,
    ) -> Result<(), SessionError> {
        if let Some(excess) = self.too_large(estimate, runs, memory) {
            return Err(SessionError::TooLarge(excess));
        }
        let excess = self.over_budget(estimate, runs.len());
        if excess.is_empty() { Ok(()) } else { Err(SessionError::OverBudget(excess)) }
    }

    /// Describes a run that does not fit into `memory`, even if it is executed alone.
    pub fn too_large(
        &self,
        estimate: &CostEstimate,
        runs: &[&RunSpec],
        memory: u64,
    ) -> Option<String> {
        let own = |run: &RunSpec| estimate.costs.get(&run.id).map_or(0, |cost| cost.memory);
        let largest = runs.iter().max_by_key(|run| own(run))?;
        let needed = own(largest).saturating_add(estimate.data);
        if needed <= memory {
            return None;
        }
        let labels = self.plan.labelled_runs();
        let label = labels
            .iter()
            .find(|(_, run)| **run == largest.id)
            .map_or("a run", |(label, _)| label);
        Some(format!(
            "{label} needs about {} of memory with the data, of {} there are",
            bytes(needed),
            bytes(memory)
        ))
    }

    /// Describes each part of the estimate that exceeds `[budget]`.
    pub fn over_budget(&self, estimate: &CostEstimate, runs: usize) -> Vec<String> {
        let budget = &self.experiment.budget;
        let time = budget.wall.filter(|&wall| estimate.is_known && estimate.seconds > wall);
        let number = budget.runs.filter(|&most| runs as u64 > most);
        let memory = budget.memory.filter(|&most| estimate.memory > most);
        let disk = budget.disk.filter(|&most| estimate.disk > most);
        let over = |found: String, allowed: String| format!("{found} of {allowed}");
        [
            time.map(|wall| over(duration(estimate.seconds), duration(wall))),
            number.map(|most| over(count(runs, "run"), most.to_string())),
            memory.map(|most| over(format!("{} of memory", bytes(estimate.memory)), bytes(most))),
            disk.map(|most| over(format!("{} on disk", bytes(estimate.disk)), bytes(most))),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
