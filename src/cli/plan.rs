//! `ablade plan FILE`: what a sweep would do, what it would take, and what its seeds can show at all. Runs nothing.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use clap::Args;

use super::ablation::probability;
use super::asked::{Asked, StudyArgs};
use super::estimate::Estimate;
use super::terminal::{bytes, count, duration, number, table};
use super::{Exit, Global, Terminal};
use crate::plan::{Correction, PlannedStudy, PlannedVariant, RunId, RunSpec, Shard};
use crate::stats::Feasibility;
use crate::study::scored::{Otherwise, Scored};
use crate::sweep::ExpandedStudy;

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    study: StudyArgs,
    /// Threads, and so runs at a time [default: as many as processors]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
}

pub(crate) fn plan(args: &PlanArgs, global: &Global, terminal: &mut Terminal) -> anyhow::Result<Exit> {
    let asked = Asked::read(&args.study, global)?;
    let workers = asked.workers(args.jobs).get();
    let finished = asked.store.finished(&asked.plan)?;
    let outstanding = asked.outstanding(&finished, Shard::ALL);
    let estimate = Estimate::new(&asked.plan, &outstanding, &asked.sizes()?, &asked.store, workers);
    let mut page = Page { asked: &asked, finished: &finished, estimate: &estimate, lines: Vec::new() };
    page.title();
    for (study, expanded) in asked.plan.studies.iter().zip(&asked.experiment.studies) {
        page.study(study, expanded);
    }
    page.remarks();
    page.totals(&outstanding)?;
    page.cost(&outstanding, workers);
    page.evidence(workers);
    page.comparability()?;
    for line in page.lines {
        writeln!(terminal.out, "{line}")?;
    }
    Ok(Exit::Success)
}

/// The page, line by line.
struct Page<'a> {
    asked: &'a Asked,
    finished: &'a BTreeSet<RunId>,
    estimate: &'a Estimate,
    lines: Vec<String>,
}

impl Page<'_> {
    fn say(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    fn remarks(&mut self) {
        for (i, remark) in self.asked.experiment.remarks.iter().enumerate() {
            self.say(format!("{}{remark}", if i == 0 { "\nnotes     " } else { "          " }));
        }
    }

    fn title(&mut self) {
        let plan = &self.asked.plan;
        let variants: BTreeSet<&[RunId]> =
            plan.studies.iter().flat_map(|s| &s.variants).map(|v| v.runs.as_slice()).collect();
        let seeds = count(plan.seeds.len(), "paired seed");
        let size = [
            count(plan.studies.len(), "study"),
            count(variants.len(), "variant"),
            seeds,
            count(plan.runs.len(), "run"),
        ];
        self.say(format!("{}: {}", plan.name, size.join(", ")));
        if !plan.question.is_empty() {
            self.say(format!("  {}", plan.question));
        }
    }

    fn study(&mut self, study: &PlannedStudy, expanded: &ExpandedStudy) {
        self.say("");
        self.say(format!("{}  {}  {}", study.name, study.design, expanded.count_line()));
        for axis in &study.axes {
            self.say(format!("  {} = {}", axis.path, listed(&axis.levels)));
        }
        let mut rows = table(&["variant", "runs", "cached", "parameters", "a run"], 1);
        for (i, variant) in study.variants.iter().enumerate() {
            let cached = variant.all_runs().filter(|run| self.finished.contains(*run)).count();
            let cost = variant.runs.first().and_then(|run| self.estimate.costs.get(run));
            let baseline = study.baseline == Some(i) && variant.label != "baseline";
            rows.add_row([
                format!("{}{}", variant.label, if baseline { " (baseline)" } else { "" }),
                variant.all_runs().count().to_string(),
                cached.to_string(),
                cost.map_or_else(String::new, |cost| number(cost.parameters)),
                cost.map_or_else(String::new, |cost| duration(self.estimate.speed.seconds(cost))),
            ]);
        }
        self.say(rows.to_string());
    }

    fn totals(&mut self, outstanding: &[&RunSpec]) -> anyhow::Result<()> {
        let failures = self.asked.store.failures()?;
        let failed = outstanding.iter().filter(|run| failures.contains_key(&run.id)).count();
        let cached = self.finished.len();
        let left_out = match self.asked.plan.runs.len() - cached - outstanding.len() {
            0 => String::new(),
            runs => format!(", left out by --only {runs}"),
        };
        self.say("");
        self.say(format!("runs      cached {cached}, to run {}, failed before {failed}{left_out}", outstanding.len()));
        Ok(())
    }

    fn cost(&mut self, outstanding: &[&RunSpec], workers: usize) {
        let estimate = self.estimate;
        if outstanding.is_empty() {
            return self.say("cost      none: every run that is asked for is there");
        }
        self.say(format!(
            "cost      about {} on {} (longest run {}, started first); {} of memory; {} on disk",
            duration(estimate.seconds),
            count(workers, "thread"),
            duration(estimate.longest),
            bytes(estimate.memory),
            bytes(estimate.disk),
        ));
        self.say(match (estimate.speed.runs, estimate.speed.error) {
            (0, _) => "          from a nominal speed: no run has been timed here yet".to_owned(),
            (n, None) => format!("          from {}", count(n, "past run")),
            (n, Some(error)) => {
                format!(
                    "          from {}; each predicted from the others is off by a factor of {error:.1} (median)",
                    count(n, "past run"),
                )
            }
        });
        if let Some(excess) = self.asked.too_large(estimate, outstanding, self.asked.memory()) {
            self.say(format!("          cannot fit: {excess}; `sweep` will want --yes"));
        } else if estimate.memory > self.asked.memory() {
            let fits = bytes(self.asked.memory());
            self.say(format!("          more than the {fits} there are: fewer runs go at a time"));
        }
        for excess in self.asked.over_budget(estimate, outstanding.len()) {
            self.say(format!("          exceeds [budget]: {excess}; `sweep` will want --yes"));
        }
    }

    /// Variants whose numbers will not compare with the baseline's, or only with something in mind.
    fn comparability(&mut self) -> anyhow::Result<()> {
        let plan = &self.asked.plan;
        if plan.runs.windows(2).all(|pair| pair[0].config.data == pair[1].config.data) {
            return Ok(());
        }
        let (specs, all) = (plan.by_id(), plan.runs.iter().collect::<Vec<_>>());
        let datasets = self.asked.datasets(&all)?;
        let scored = |variant: &PlannedVariant| {
            let spec = specs[variant.runs.first()?];
            Some(Scored::new(spec, Some(datasets[&spec.data].binarization)))
        };
        for study in &plan.studies {
            let Some(baseline) = study.baseline.and_then(|index| scored(&study.variants[index])) else { continue };
            let mut notes: Vec<(String, Vec<&str>)> = Vec::new();
            for variant in &study.variants {
                let otherwise = scored(variant).and_then(|own| own.otherwise(&baseline, "the baseline"));
                let Some(Otherwise::Incomparable(note) | Otherwise::Noted(note)) = otherwise else { continue };
                match notes.iter_mut().find(|(known, _)| *known == note) {
                    Some((_, labels)) => labels.push(&variant.label),
                    None => notes.push((note, vec![&variant.label])),
                }
            }
            for (note, labels) in notes {
                self.lines.push(format!("data      {}: {}: {note}", study.name, labels.join("; ")));
            }
        }
        Ok(())
    }

    fn evidence(&mut self, workers: usize) {
        let plan = &self.asked.plan;
        for study in &plan.studies {
            let comparisons = match (study.baseline, plan.compare.correction) {
                (None, _) => continue,
                (Some(_), Correction::Holm) => study.variants.len() - 1,
                (Some(_), Correction::None) => 1,
            };
            if comparisons == 0 {
                continue;
            }
            let can = Feasibility::of(plan.seeds.len(), comparisons, plan.compare.alpha());
            let correction = match plan.compare.correction {
                Correction::Holm => format!("Holm over {}", count(comparisons, "comparison")),
                Correction::None => "uncorrected".to_owned(),
            };
            let verdict = if can.reachable() {
                format!("within reach of {:.2}", can.alpha)
            } else {
                format!("never below {:.2}: that needs {}", can.alpha, count(can.seeds_needed, "seed"))
            };
            self.say(format!(
                "evidence  {}: {}, smallest p {}; {correction} {}, {verdict}",
                study.name,
                count(can.seeds, "seed"),
                probability(can.smallest_p),
                probability(can.smallest_p_corrected),
            ));
            if let Some(dz) = can.detectable_dz {
                self.say(format!(
                    "          an effect of {dz:.2} sd of the paired difference is found 4 times in 5 (a single comparison)"
                ));
            }
        }
        let one_more: Vec<f64> = plan
            .studies
            .iter()
            .flat_map(|study| &study.variants)
            .flat_map(|variant| variant.all_runs().step_by(plan.seeds.len().max(1)))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .filter_map(|run| self.estimate.costs.get(run))
            .map(|cost| self.estimate.speed.seconds(cost))
            .collect();
        let time = duration(crate::cost::makespan(&one_more, workers));
        self.say(format!("          one more seed: {} more, about {time}", count(one_more.len(), "run")));
    }
}

/// The levels of an axis; of a long one the first few and the last.
fn listed(levels: &[String]) -> String {
    const ALL: usize = 24;
    match levels {
        [first @ .., last] if levels.len() > ALL => {
            format!("{}, ..., {last} ({} levels)", first[..ALL / 4].join(", "), levels.len())
        }
        _ => levels.join(", "),
    }
}
