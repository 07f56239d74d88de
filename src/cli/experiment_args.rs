//! Arguments of the commands that take an experiment file.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::Args;

use crate::cli::Global;
use crate::cli::show::out::in_the_way;
use crate::experiment::{self, Overrides, declared_trainer};
use crate::session::{LoadedExperiment, RejectedEarlierRuns, SessionError};
use crate::trainers::made::earlier;

/// An experiment file with the changes of the command line.
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
    /// Number of seeds of each variant
    #[arg(long, value_name = "N")]
    seeds: Option<u64>,
    /// Execute only the variants with this label, and the baseline
    #[arg(long, value_name = "LABEL")]
    only: Vec<String>,
    /// Name of the experiment, and so of its folder of tables and figures [default: that of the
    /// file]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

impl ExperimentArgs {
    /// The experiment file.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Loads the experiment; nothing is written.
    pub(crate) fn load(&self, global: &Global) -> anyhow::Result<LoadedExperiment> {
        let overrides = Overrides {
            set: self.set.clone(),
            axis: self.axis.clone(),
            seeds: self.seeds,
            only: self.only.clone(),
            name: self.name.clone(),
        };
        let (file, results, programs) = (&self.file, &global.results, Global::programs());
        let loaded = match declared_trainer(file, &*programs, &experiment::read_file)
            .map_err(SessionError::from)
            .map_err(with_options)?
        {
            Some(trainer) => LoadedExperiment::load(file, &overrides, results, trainer, |_, _| {
                Ok(RejectedEarlierRuns::new())
            }),
            None => earlier::load_experiment(file, &overrides, results, &global.trainer()),
        };
        loaded.map(|loaded| loaded.with_programs(programs)).map_err(with_options)
    }
}

/// Checks that the tables may be written; `replace` is `--replace`.
pub(crate) fn check_tables(loaded: &mut LoadedExperiment, replace: bool) -> anyhow::Result<()> {
    match loaded.check_tables(replace) {
        Err(SessionError::Store(error)) => {
            Err(in_the_way(error, "move them away, or name another directory with --results"))
        }
        checked => checked.map_err(with_options),
    }
}

/// Adds the options that change the outcome to an error.
pub(crate) fn with_options(error: SessionError) -> anyhow::Error {
    match error {
        // Returned without context, because `main` renders it.
        SessionError::Experiment(diagnostics) => diagnostics.into(),
        SessionError::ReplacesTables { loss, kept_in } => anyhow!(
            "{loss}\n--name OTHER keeps both; --replace puts this one in its place, where no run is lost and its plan is \
             kept in {}",
            kept_in.display()
        ),
        error @ (SessionError::TooLarge(_)
        | SessionError::OverBudget(_)
        | SessionError::SeedHasNoEffect { .. }
        | SessionError::FirstRunsFailed { .. }) => {
            anyhow!("{error}; --yes starts it nevertheless")
        }
        error => error.into(),
    }
}
