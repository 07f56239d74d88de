//! `ablade register FILE`: fixes the design of an experiment before its runs.

use anyhow::ensure;
use clap::Args;

use crate::cli::experiment_args::{ExperimentArgs, with_options};
use crate::cli::show::warn_of_past;
use crate::cli::{Exit, Global, Terminal};
use crate::session::{RegisterEnd, register as register_design};
use crate::text::{count, short};

/// Examples below the options of `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  ablade register first.toml             before `ablade sweep first.toml`: tables and page say `confirmatory`
  ablade register first.toml --seeds 8   with the same options as the sweep";

#[derive(Debug, Args)]
pub(crate) struct RegisterArgs {
    #[command(flatten)]
    experiment: ExperimentArgs,
}

pub(crate) fn register(
    args: &RegisterArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let loaded = args.experiment.load(global)?;
    ensure!(
        loaded.experiment.only.is_empty(),
        "--only selects runs and leaves the design as it is: register the whole of it"
    );
    let plan = &loaded.plan;
    match register_design(&loaded).map_err(with_options)? {
        RegisterEnd::Already(when) => {
            terminal.remark(format!("{} is registered since {when} UTC", plan.name));
        }
        RegisterEnd::Registered(registration) => {
            let metrics = loaded.store.trainer().metrics();
            let metric = metrics.get(&plan.compare.metric).unwrap_or(&metrics.all[0]);
            let metric = &metric.name;
            let n_variants: usize =
                registration.studies.iter().map(|study| study.variants.len()).sum();
            let negligible = plan.compare.negligible.map_or_else(String::new, |margin| {
                format!(", negligible within {}", short(margin))
            });
            let within = match plan.compare.within.join(" and ") {
                axes if axes.is_empty() => String::new(),
                axes => format!(", within {axes}"),
            };
            writeln!(
                terminal.out,
                "{}: registered {} UTC: {}, {}, {}, compared by {} at {} % with correction {}{negligible}{within}",
                plan.name,
                registration.registered_utc,
                count(plan.studies.len(), "study"),
                count(n_variants, "variant"),
                count(registration.seeds.len(), "seed"),
                metric,
                plan.compare.percent(),
                plan.compare.correction.word(),
            )?;
        }
    }
    for sentence in plan.left_out() {
        terminal.warn(sentence);
    }
    warn_of_past(plan, &loaded.past()?, terminal);
    Ok(Exit::Success)
}
