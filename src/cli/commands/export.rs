//! `ablade export tensorboard | mlflow EXPERIMENT --out DIR`: the runs of an experiment for another
//! program.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use clap::{Args, ValueEnum};

use crate::cli::show::out::{in_the_way, is_within};
use crate::cli::{Exit, Global, Terminal};
use crate::export::{mlflow, tensorboard};
use crate::results::ExperimentResults;
use crate::runner::machine::on_every_processor;
use crate::session::quoted;
use crate::store::{Owned, RunStatus};
use crate::text::count;

/// Examples below the options of `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  ablade export tensorboard first --out tb   then: tensorboard --logdir tb
  ablade export mlflow first --out mlruns    then: mlflow server --backend-store-uri mlruns";

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Program that reads the files
    #[arg(value_enum)]
    format: ExportFormat,
    /// Experiment
    experiment: String,
    /// Directory that the program reads: several experiments may share it
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ExportFormat {
    /// Event files, one directory a run
    #[value(name = "tensorboard")]
    TensorBoard,
    /// A file store, as in `mlruns`
    #[value(name = "mlflow")]
    MlFlow,
}

impl ExportFormat {
    /// List of the files that an export has made.
    fn list(self) -> &'static str {
        match self {
            Self::TensorBoard => ".ablade-tensorboard",
            Self::MlFlow => ".ablade-mlflow",
        }
    }

    /// Command that shows an export in a directory.
    fn command(self, dir: &Path) -> String {
        let dir = quoted(&dir.to_string_lossy());
        match self {
            Self::TensorBoard => format!("tensorboard --logdir {dir}"),
            Self::MlFlow => format!(
                "MLFLOW_ALLOW_FILE_STORE=true mlflow server --backend-store-uri {dir} --artifacts-destination {dir}"
            ),
        }
    }
}

pub(crate) fn export(
    args: &ExportArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let out = &args.out;
    ensure!(
        !out.exists() || out.is_dir(),
        "{} is there and no directory: --out names another place",
        out.display()
    );
    let store = global.store()?;
    let plan = store.load_plan(&args.experiment)?;
    let results = on_every_processor(|| ExperimentResults::load_records(&store, plan))?;
    let exported = match args.format {
        ExportFormat::TensorBoard => tensorboard::export(&results),
        ExportFormat::MlFlow => mlflow::export(&results),
    };
    let home = out.join(&exported.folder);
    for place in [out, &home] {
        ensure!(
            !is_within(place, &global.results),
            "{} is among the results in {}, which are read: --out names another place",
            place.display(),
            global.results.display()
        );
    }
    let labels = results.plan.labels();
    for (run, reason) in results.damaged() {
        let label = labels.get(run).map_or(run.as_str(), String::as_str);
        terminal.warn(format!("{label} is not exported: {reason}"));
    }
    let is_complete = exported.unread.is_empty();
    let exit = if is_complete { Exit::Success } else { Exit::Failure };
    let number_of =
        |status| results.records.values().filter(|record| record.status == status).count();
    let outstanding = number_of(RunStatus::Outstanding);
    let ended = results.records.len() - outstanding;
    if ended == 0 {
        terminal.remark(format!("no run of `{}` has ended: nothing is exported", args.experiment));
        return Ok(exit);
    }
    let unread = exported.unread;
    let files = Owned::new(&home, args.format.list(), exported.files)
        .own()
        .sparing(move |name| unread.iter().any(|folder| name.starts_with(folder)));
    let hint = "--out OTHER writes elsewhere";
    let remarks = files.write_unsynced().map_err(|error| in_the_way(error, hint))?;
    for remark in remarks {
        terminal.warn(remark);
    }
    let others = [
        (number_of(RunStatus::Failed), "failed"),
        (number_of(RunStatus::Diverged), "diverged"),
        (outstanding, "still to come"),
    ];
    let others = others.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!(", {n} {word}"));
    let runs = count(ended, "run");
    writeln!(terminal.out, "{}: {runs}{}", home.display(), others.collect::<String>())?;
    terminal.remark(format!("shown by `{}`", args.format.command(out)));
    Ok(exit)
}
