//! `ablade why FILE`: reason why each run is cached or new. A new run is compared with the stored
//! run that is most similar.

use clap::Args;

use crate::cli::experiment_args::ExperimentArgs;
use crate::cli::json::JsonArgs;
use crate::cli::json::why::{RunOrigin, RunOriginFacts, WhyFacts};
use crate::cli::{Exit, Global, Terminal};
use crate::plan::{RunId, RunSpec};
use crate::results::setting_changes::{RunSettings, run_settings, setting_changes};
use crate::store::{RunStatus, Store};
use crate::trainer::{Program, Trainer};

/// Examples below the options of `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  ablade why first.toml
  ablade why first.toml --set train.epochs=3   what this change would train
  ablade why first.toml --only skip-on
  ablade why first.toml --json";

#[derive(Debug, Args)]
pub(crate) struct WhyArgs {
    #[command(flatten)]
    experiment: ExperimentArgs,
    #[command(flatten)]
    json: JsonArgs,
}

pub(crate) fn why(
    args: &WhyArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let loaded = args.experiment.load(global)?;
    let stored = stored(&loaded.store)?;
    let by_id = loaded.plan.by_id();
    let selected = loaded.experiment.selected(&loaded.plan);
    let asked = loaded
        .plan
        .labelled_runs()
        .into_iter()
        .filter(|(_, run)| selected.contains(run));
    let mut runs = Vec::new();
    for (label, run) in asked {
        let record = loaded.store.record(run)?;
        let explained = match (record.status, record.error) {
            (RunStatus::Finished, _) => Explained::of(RunOrigin::Cached, String::new()),
            (RunStatus::Diverged, reason) => Explained::of(
                RunOrigin::Cached,
                format!("diverged, {}", reason.unwrap_or_default()),
            ),
            (RunStatus::Failed, reason) => Explained::of(
                RunOrigin::Again,
                format!("failed before, {}", reason.unwrap_or_default()),
            ),
            (RunStatus::Outstanding, Some(damage)) => Explained::of(RunOrigin::Again, damage),
            (RunStatus::Outstanding, None) => match loaded.rejected.get(run) {
                Some((old, why)) => Explained {
                    nearest: Some(old.clone()),
                    ..Explained::of(
                        RunOrigin::Again,
                        format!("{old} of an earlier version is not used: {why}"),
                    )
                },
                None => new(
                    by_id[run],
                    loaded.plan.program_identity(),
                    &stored,
                    &**loaded.store.trainer(),
                ),
            },
        };
        runs.push(RunOriginFacts {
            run: run.to_string(),
            label,
            seed: by_id[run].seed.0,
            origin: explained.origin,
            reason: explained.reason,
            changes: explained.changes,
            nearest: explained.nearest.map(|run| run.to_string()),
        });
    }
    let facts = WhyFacts {
        experiment: loaded.plan.name.clone(),
        runs,
        notes: terminal.notes(),
    };
    if args.json.json {
        terminal.json(&facts)?;
        return Ok(Exit::Success);
    }
    for RunOriginFacts { run, label, origin, reason, .. } in &facts.runs {
        let colon = if reason.is_empty() { "" } else { ": " };
        writeln!(terminal.out, "{run}  {label}  {}{colon}{reason}", origin.word())?;
    }
    Ok(Exit::Success)
}

/// RunOrigin of a run with its reason.
struct Explained {
    origin: RunOrigin,
    reason: String,
    /// Settings that differ from those of the nearest run.
    changes: Vec<String>,
    /// Stored run that is most similar.
    nearest: Option<RunId>,
}

impl Explained {
    fn of(origin: RunOrigin, reason: String) -> Self {
        Self { origin, reason, changes: Vec::new(), nearest: None }
    }
}

fn stored(store: &Store) -> anyhow::Result<Vec<(RunId, RunSettings)>> {
    let runs = store.published()?;
    // A damaged run explains nothing; the sweep that needs it reports it.
    Ok(runs
        .into_iter()
        .filter_map(|run| {
            let spec = store.spec(&run).ok()?;
            let program = store.program(&run).ok()?;
            Some((run, run_settings(&spec, program.as_ref(), &**store.trainer())))
        })
        .collect())
}

/// Reason why no stored run is `spec`.
fn new(
    spec: &RunSpec,
    program: Option<&Program>,
    stored: &[(RunId, RunSettings)],
    trainer: &dyn Trainer,
) -> Explained {
    let wanted = [Some(spec.clone()), spec.as_before()].into_iter().flatten();
    let wanted: Vec<(RunSpec, RunSettings)> = wanted
        .map(|spec| (spec.clone(), run_settings(&spec, program, trainer)))
        .collect();
    let pairs = stored
        .iter()
        .flat_map(|(run, have)| wanted.iter().map(move |(spec, wanted)| (run, have, spec, wanted)));
    let nearest = pairs
        .map(|(run, have, spec, wanted)| (setting_changes(have, wanted), run, spec))
        // Of several equally similar runs, one with the same seed is the most informative.
        .min_by_key(|(changes, _, _)| {
            (changes.len(), changes.iter().any(|change| change.starts_with("seed ")))
        });
    let Some((changes, run, spec)) = nearest else {
        return Explained::of(RunOrigin::New, "nothing has been run yet".to_owned());
    };
    let reason = match spec.revised_since(run, trainer) {
        _ if !changes.is_empty() => format!("{} ({run} is nearest)", changes.join(", ")),
        Some(reason) => format!("{reason} ({run} is from before)"),
        None => format!(
            "version {} of the numerics is in use now, another one made {run}",
            trainer.version()
        ),
    };
    Explained {
        changes,
        nearest: Some(run.clone()),
        ..Explained::of(RunOrigin::New, reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RunConfig;
    use crate::plan::hashed;
    use crate::rng::Seed;
    use crate::trainers::made::{MadeTrainer, config_of};

    fn spec(change: impl FnOnce(&mut RunConfig)) -> RunSpec {
        let mut config = RunConfig::default();
        change(&mut config);
        let config = config_of(&config);
        RunSpec {
            id: hashed(&*MadeTrainer::shared(), &config, "d").run(Seed(1)),
            seed: Seed(1),
            data: "d".to_owned(),
            config,
            earlier: None,
        }
    }

    #[test]
    fn the_nearest_stored_run_explains_a_new_one() {
        let made = MadeTrainer::shared();
        let stored: Vec<_> = [spec(|c| c.model.hidden = vec![9, 9]), spec(|c| c.train.epochs = 3)]
            .into_iter()
            .map(|spec| (spec.id.clone(), run_settings(&spec, None, &*made)))
            .collect();
        let found = new(&spec(|c| c.train.epochs = 4), None, &stored, &*made);
        assert_eq!(found.reason, format!("train.epochs 3 -> 4 ({} is nearest)", stored[1].0));
        assert_eq!(found.changes, ["train.epochs 3 -> 4"]);
        assert_eq!(found.nearest.as_ref(), Some(&stored[1].0));
        assert_eq!(new(&spec(|_| {}), None, &[], &*made).reason, "nothing has been run yet");
        // A setting that configurations leave out at its default.
        let found =
            new(&spec(|c| (c.train.epochs, c.model.classes) = (3, true)), None, &stored, &*made);
        assert_eq!(found.changes, ["model.classes false -> true"]);
    }

    #[test]
    fn an_enum_that_changes_its_kind_is_a_change_of_every_leaf_of_it() {
        let made = MadeTrainer::shared();
        let adam = run_settings(&spec(|_| {}), None, &*made);
        let sgd = run_settings(
            &spec(|c| c.train.optimizer = crate::train::Optimizer::Sgd { lr: 0.1, momentum: 0.0 }),
            None,
            &*made,
        );
        let changed = setting_changes(&adam, &sgd);
        assert!(
            changed.contains(&"train.optimizer.sgd.lr none -> 0.1".to_owned()),
            "{changed:?}"
        );
    }
}
