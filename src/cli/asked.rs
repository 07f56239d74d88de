//! What a command about an experiment file was asked for: the file read, expanded and joined with
//! data and results.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use clap::Args;

use super::leaves::{changes, leaves};
use super::out::in_the_way;
use super::said::about;
use super::terminal::one_line;
use super::{Global, Terminal, tables};
use crate::data::Library;
use crate::experiment::{self, Experiment, Overrides};
use crate::launch::script::quoted;
use crate::plan::{Plan, RunId, RunSpec, Shard};
use crate::results;
use crate::runner::{Estimate, machine};
use crate::store::{Store, StoreError};
use crate::text::{bytes, count, duration};
use crate::trainer::{Described, TrainerError};
use crate::trainers::made::MadeTrainer;
use crate::trainers::made::earlier::{Disbelieved, adopt};

/// An experiment file and what the command line changes in it.
#[derive(Debug, Args)]
pub(crate) struct ExperimentArgs {
    /// Experiment file
    file: PathBuf,
    /// Change a setting of the baseline: train.epochs=3
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Add an axis, or replace one: model.masks=1,4
    #[arg(long, value_name = "PATH=V1,V2")]
    axis: Vec<String>,
    /// Replicates
    #[arg(long, value_name = "N")]
    seeds: Option<u64>,
    /// Only variants with this label, and the baseline
    #[arg(long, value_name = "LABEL")]
    only: Vec<String>,
    /// Name of the experiment, and so of its folder of tables and figures [default: that of the
    /// file]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

impl ExperimentArgs {
    /// The command line that asks for the same study, wherever the file lies.
    fn command(&self) -> String {
        let file = self
            .file
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let changes = self
            .set
            .iter()
            .map(|value| ("--set", value))
            .chain(self.axis.iter().map(|value| ("--axis", value)));
        let mut words = vec!["ablade".to_owned(), "sweep".to_owned(), quoted(&file)];
        words.extend(changes.flat_map(|(option, value)| [option.to_owned(), quoted(value)]));
        words.extend(self.seeds.iter().flat_map(|seeds| ["--seeds".to_owned(), seeds.to_string()]));
        words.extend(self.name.iter().flat_map(|name| ["--name".to_owned(), quoted(name)]));
        words.join(" ")
    }
}

/// An experiment, its plan, and where its data and results are.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) experiment: Experiment,
    pub(crate) plan: Plan,
    pub(crate) store: Store,
    /// Whether the plan may take the place of one whose finished runs are not all in it.
    replace: bool,
    /// Runs of earlier versions that are not believed.
    pub(crate) disbelieved: Disbelieved,
    /// What there is to say of the data.
    pub(crate) said: Described,
    trainer: Arc<MadeTrainer>,
}

impl Asked {
    /// Reads and expands the file; nothing is written.
    pub(crate) fn read(args: &ExperimentArgs, global: &Global) -> anyhow::Result<Self> {
        let overrides = Overrides {
            set: args.set.clone(),
            axis: args.axis.clone(),
            seeds: args.seeds,
            only: args.only.clone(),
            name: args.name.clone(),
        };
        let trainer = global.trainer();
        let experiment = experiment::load(&args.file, &overrides, &*trainer)?;
        let mut plan = experiment.plan(&*trainer)?;
        plan.command = args.command();
        let store = Store::open(&global.results, Arc::clone(&trainer) as _)?;
        let same = |known: &String| *known != plan.name && known.eq_ignore_ascii_case(&plan.name);
        if let Some(other) = store.experiments()?.into_iter().find(same) {
            bail!(
                "the results hold an experiment `{other}`, which differs from `{}` in capitals alone: some file systems \
                 keep both in one folder; name = \"...\" in the file gives it another name",
                plan.name
            );
        }
        let disbelieved = adopt(&mut plan, &store, &trainer)?;
        let said = about(&plan, &experiment, &*trainer)?;
        plan.data.clone_from(&said.lines);
        Ok(Self {
            experiment,
            plan,
            store,
            disbelieved,
            said,
            replace: false,
            trainer,
        })
    }

    /// Says on stderr what will be trained on, and what should be known of it.
    pub(crate) fn say_data(&self, terminal: &Terminal) {
        self.said.lines.iter().for_each(|line| terminal.remark(format!("data  {line}")));
        self.said.warnings.iter().for_each(|warning| terminal.warn(warning));
    }

    /// Refuses where finished runs would leave the tables, unless told to replace them: a quick try
    /// must not take the place of a night's results.
    pub(crate) fn keep_tables(&mut self, replace: bool) -> anyhow::Result<()> {
        self.replace = replace;
        let checked = self.store.check_tables(&self.plan.name, &results::tables::NAMES);
        checked.map_err(|error| {
            in_the_way(error, "move them away, or name another directory with --results")
        })?;
        match self.would_replace()? {
            Some(text) if !replace => bail!(
                "{text}\n--name OTHER keeps both; --replace puts this one in its place, where no run is lost and its plan is \
                 kept in {}",
                self.store.root().join(&self.plan.name).join("replaced").display()
            ),
            _ => Ok(()),
        }
    }

    /// What the tables would lose if this plan were swept, and how the plan there is another;
    /// nothing where they lose nothing.
    pub(crate) fn would_replace(&self) -> anyhow::Result<Option<String>> {
        let (name, store) = (&self.plan.name, &self.store);
        let Some(replaced) =
            store.replaced_by(&self.plan)?.filter(|replaced| replaced.finished > 0)
        else {
            return Ok(None);
        };
        // Runs of an earlier version that are not believed are trained again under another id.
        let again: BTreeSet<&RunId> = self.disbelieved.values().map(|(old, _)| old).collect();
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
            let dropped =
                there.runs.iter().find(|run| replaced.dropped.contains(&run.id)).map(leaves);
            let against = |dropped| {
                self.plan
                    .runs
                    .iter()
                    .map(|run| changes(dropped, &leaves(run)))
                    .min_by_key(Vec::len)
            };
            if let Some(differ) = dropped.as_ref().and_then(against) {
                text += &format!("\n  such as: {}", one_line(&differ.join(", ")));
            }
        }
        Ok(Some(text))
    }

    /// Keeps the plan beside the tables.
    pub(crate) fn save_plan(&self) -> Result<(), StoreError> {
        // Without it, tables of an earlier version of this program would make way as if someone had
        // changed them.
        let _ = tables::adopt(&self.store, &self.plan);
        if self.replace {
            self.store.replace_plan(&self.plan)
        } else {
            self.store.save_plan(&self.plan)
        }
    }

    /// Keeps the plan before its runs begin, unless a larger one that has them all has been saved
    /// meanwhile.
    pub(crate) fn announce_plan(&self) -> Result<(), StoreError> {
        match self.save_plan() {
            Err(StoreError::Replaces { .. }) if self.is_part_of_stored()? => Ok(()),
            saved => saved,
        }
    }

    /// Whether the plan on disk has every run of this one.
    pub(crate) fn is_part_of_stored(&self) -> Result<bool, StoreError> {
        let stored = self.store.load_plan(&self.plan.name)?;
        let there = stored.by_id();
        Ok(self.plan.runs.iter().all(|run| there.contains_key(&run.id)))
    }

    /// Where data sets are.
    pub(crate) fn library(&self) -> &Library {
        self.trainer.cache().library()
    }

    /// Threads over all runs: as asked, else as in the file, else as many as there are processors.
    pub(crate) fn workers(&self, jobs: Option<NonZeroUsize>) -> NonZeroUsize {
        let file = self.experiment.execution.workers.and_then(NonZeroUsize::new);
        jobs.or(file).unwrap_or_else(machine::threads)
    }

    /// The runs of a shard that were asked for and are not finished, in plan order.
    pub(crate) fn outstanding(&self, finished: &BTreeSet<RunId>, shard: Shard) -> Vec<&RunSpec> {
        let outstanding = self.plan.outstanding(finished, shard);
        if self.experiment.only.is_empty() {
            return outstanding;
        }
        let selected = self.experiment.selected(&self.plan);
        outstanding.into_iter().filter(|run| selected.contains(&run.id)).collect()
    }

    /// What there is to say where nothing is left to do.
    pub(crate) fn all_there(&self) -> String {
        format!("{}: all {} are there", self.plan.name, count(self.plan.runs.len(), "run"))
    }

    /// Memory that all runs together may take: as in the file, else what the machine has.
    pub(crate) fn memory(&self) -> u64 {
        self.experiment.execution.memory.unwrap_or_else(machine::memory)
    }

    /// Time between two checkpoints of a run: as in the file, else a minute.
    pub(crate) fn checkpoint_every(&self) -> Duration {
        self.experiment.execution.checkpoint.map_or(Duration::from_secs(60), |seconds| {
            Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
        })
    }

    /// The estimate of doing `runs` on so many threads.
    pub(crate) fn estimate(
        &self,
        runs: &[&RunSpec],
        workers: usize,
    ) -> Result<Estimate, TrainerError> {
        Estimate::new(&self.plan, runs, &self.store, workers)
    }

    /// Refuses what the file's `[budget]` does not allow and what cannot fit into `memory`, unless
    /// it was asked for all the same.
    pub(crate) fn within_budget(
        &self,
        estimate: &Estimate,
        runs: &[&RunSpec],
        memory: u64,
        anyway: bool,
    ) -> anyhow::Result<()> {
        if let Some(excess) = self.too_large(estimate, runs, memory).filter(|_| !anyway) {
            bail!("{excess}; --yes starts it all the same");
        }
        let excess = self.over_budget(estimate, runs.len());
        if !excess.is_empty() && !anyway {
            bail!(
                "the estimate exceeds [budget]: {}; --yes starts it all the same",
                excess.join(", ")
            );
        }
        Ok(())
    }

    /// Which run cannot fit into `memory` however few go at a time, if there is one.
    pub(crate) fn too_large(
        &self,
        estimate: &Estimate,
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

    /// What of the estimate exceeds `[budget]`.
    pub(crate) fn over_budget(&self, estimate: &Estimate, runs: usize) -> Vec<String> {
        let budget = &self.experiment.budget;
        let time = budget.wall.filter(|&wall| estimate.seconds > wall);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_what_a_shell_would_need() {
        let args = ExperimentArgs {
            file: "experiments/it's mine.toml".into(),
            set: vec!["train.epochs=3".into(), "model.hidden=[5, 5]".into()],
            axis: vec!["model.masks=1,4".into()],
            seeds: Some(2),
            only: vec!["masks 4".into()],
            name: None,
        };
        let expected = r"ablade sweep 'it'\''s mine.toml' --set train.epochs=3 --set 'model.hidden=[5, 5]' --axis model.masks=1,4 --seeds 2";
        assert_eq!(args.command(), expected);
    }
}
