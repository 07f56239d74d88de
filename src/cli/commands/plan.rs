//! `ablade plan FILE`: the runs of a sweep, their cost, and the effects that its seeds can detect.
//! Executes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use clap::Args;

use crate::cli::experiment_args::ExperimentArgs;
use crate::cli::json::compare::{alpha, test};
use crate::cli::json::plan::{
    AxisFacts, BlockSpreadFacts, ComparabilityFacts, CostFacts, EquivalencePlanFacts,
    EquivalencePowerFacts, EvidenceFacts, JointFacts, MoreSeedsFacts, PlanFacts, PlannedRunsFacts,
    PlannedStudyFacts, PlannedVariantFacts, SpreadFacts,
};
use crate::cli::json::{JsonArgs, MetricFacts, number};
use crate::cli::show::terminal::{fit, stdout_width};
use crate::cli::show::{plan as page, warn_of_past};
use crate::cli::{Exit, Global, Terminal, jobs};
use crate::experiment::ExpandedStudy;
use crate::plan::{
    Correction, PlannedStudy, PlannedVariant, RunId, RunSpec, Shard, missing_clauses,
};
use crate::results::outlook::{Powers, Spread};
use crate::runner::CostEstimate;
use crate::session::LoadedExperiment;
use crate::stats::{EQUIVALENCE_PAIRS, equivalence_margin, equivalence_power, equivalence_seeds};
use crate::trainer::{Cost, Otherwise};

/// Examples below the options of `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  ablade plan first.toml
  ablade plan first.toml --seeds 8   the differences that eight seeds can detect
  ablade plan first.toml --set train.epochs=3 --only skip-on
  ablade plan first.toml --json";

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    experiment: ExperimentArgs,
    /// Number of threads, and so of runs at a time [default: one per processor]
    #[arg(long, value_name = "N", value_parser = jobs)]
    jobs: Option<NonZeroUsize>,
    #[command(flatten)]
    json: JsonArgs,
}

pub(crate) fn plan(
    args: &PlanArgs,
    global: &Global,
    terminal: &mut Terminal,
) -> anyhow::Result<Exit> {
    let loaded = args.experiment.load(global)?;
    let workers = loaded.workers(args.jobs).get();
    let finished = loaded.store.finished(&loaded.plan)?;
    let outstanding = loaded.outstanding(&finished, Shard::ALL);
    let estimate = loaded.estimate(&outstanding, workers)?;
    let planned = Planned {
        loaded: &loaded,
        finished: &finished,
        outstanding: &outstanding,
        estimate: &estimate,
        workers,
    };
    let mut facts = planned.facts()?;
    if !args.json.json {
        for line in page::lines(&facts, &loaded) {
            writeln!(terminal.out, "{}", fit(&line, stdout_width()))?;
        }
    }
    warn_of_past(&loaded.plan, &loaded.past()?, terminal);
    if args.json.json {
        facts.notes =
            [&loaded.experiment.remarks[..], &loaded.description.warnings, &terminal.notes()]
                .concat();
        terminal.json(&facts)?;
    }
    Ok(Exit::Success)
}

/// A loaded experiment with its outstanding runs.
struct Planned<'a> {
    loaded: &'a LoadedExperiment,
    finished: &'a BTreeSet<RunId>,
    outstanding: &'a [&'a RunSpec],
    estimate: &'a CostEstimate,
    /// Number of threads.
    workers: usize,
}

impl Planned<'_> {
    fn facts(&self) -> anyhow::Result<PlanFacts> {
        let plan = &self.loaded.plan;
        let metrics = self.loaded.store.trainer().metrics();
        let metric = metrics.get(&plan.compare.metric).unwrap_or(&metrics.all[0]);
        let variants: BTreeSet<&[RunId]> = plan
            .studies
            .iter()
            .flat_map(|study| &study.variants)
            .map(|variant| variant.runs.as_slice())
            .collect();
        let failures = self.loaded.store.failures()?;
        let failed = self.outstanding.iter().filter(|run| failures.contains_key(&run.id));
        let (compared, comparability) = self.comparability()?;
        let mut powers = BTreeMap::new();
        let mut studies = Vec::new();
        for (i, expanded) in self.loaded.experiment.studies.iter().enumerate() {
            let evidence = self.evidence(&plan.studies[i], &compared[i], &mut powers);
            let mut study = self.study(&plan.studies[i], expanded);
            study.evidence = evidence;
            studies.push(study);
        }
        for (study, notes) in studies.iter_mut().zip(comparability) {
            study.comparability = notes;
        }
        Ok(PlanFacts {
            experiment: plan.name.clone(),
            question: plan.question.clone(),
            metric: MetricFacts::of(metric),
            seeds: plan.seeds.iter().map(|seed| seed.0).collect(),
            n_variants: variants.len(),
            runs: PlannedRunsFacts {
                total: plan.runs.len(),
                cached: self.finished.len(),
                to_run: self.outstanding.len(),
                failed_before: failed.count(),
                left_out: plan.runs.len() - self.finished.len() - self.outstanding.len(),
            },
            size_name: metrics.size.clone(),
            studies,
            data: self.loaded.description.lines.clone(),
            left_out: missing_clauses(&plan.missing),
            replaces: self.loaded.replaced_tables()?,
            cost: self.cost(),
            one_more_seed: self.one_more_seed(),
            notes: Vec::new(),
        })
    }

    fn study(&self, study: &PlannedStudy, expanded: &ExpandedStudy) -> PlannedStudyFacts {
        let (trainer, specs) = (self.loaded.store.trainer(), self.loaded.plan.by_id());
        let references = self.references(study);
        let variant = |(i, variant): (usize, &PlannedVariant)| {
            let cost = variant.runs.first().and_then(|run| self.estimate.costs.get(run));
            let seconds = cost
                .filter(|_| self.estimate.is_known)
                .map(|cost| self.estimate.speed.seconds(cost.nominal_seconds));
            let spec = variant.runs.first().and_then(|run| specs.get(run));
            let commands = spec.map(|spec| trainer.command_lines(&spec.config));
            PlannedVariantFacts {
                label: variant.label.clone(),
                variant: variant.name.clone(),
                is_baseline: references[i] == Some(i),
                n_runs: variant.all_runs().count(),
                n_cached: variant.all_runs().filter(|run| self.finished.contains(*run)).count(),
                size: cost.and_then(|cost| cost.size),
                run_seconds: seconds.and_then(number),
                commands: commands.unwrap_or_default(),
            }
        };
        let axes = study
            .axes
            .iter()
            .map(|axis| AxisFacts { axis: axis.path.clone(), levels: axis.levels.clone() });
        PlannedStudyFacts {
            study: study.name.clone(),
            question: study.question.clone(),
            notes: study.notes.clone(),
            design: study.design.clone(),
            count: expanded.count_line(),
            axes: axes.collect(),
            variants: study.variants.iter().enumerate().map(variant).collect(),
            comparability: Vec::new(),
            evidence: None,
        }
    }

    fn cost(&self) -> Option<CostFacts> {
        let Self { loaded, outstanding, estimate, workers, .. } = self;
        if outstanding.is_empty() {
            return None;
        }
        let known = |seconds: f64| number(seconds).filter(|_| estimate.is_known);
        let size = |bytes: u64| (bytes > 0).then_some(bytes);
        Some(CostFacts {
            threads: *workers,
            is_upper_bound: estimate.is_upper_bound,
            seconds: known(estimate.seconds),
            longest_run_seconds: known(estimate.longest),
            memory_bytes: size(estimate.memory),
            available_memory_bytes: loaded.memory(),
            disk_bytes: size(estimate.disk),
            past_runs: estimate.speed.runs,
            error_factor: estimate.speed.error.and_then(number),
            too_large: loaded.too_large(estimate, outstanding, loaded.memory()),
            over_budget: loaded.over_budget(estimate, outstanding.len()),
        })
    }

    fn one_more_seed(&self) -> MoreSeedsFacts {
        let plan = &self.loaded.plan;
        let costs: Vec<&Cost> = plan
            .studies
            .iter()
            .flat_map(|study| &study.variants)
            .flat_map(|variant| variant.all_runs().step_by(plan.seeds.len().max(1)))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .filter_map(|run| self.estimate.costs.get(run))
            .collect();
        let speed = self.estimate.speed;
        let seconds: Vec<f64> =
            costs.iter().map(|cost| speed.seconds(cost.nominal_seconds)).collect();
        let time = crate::cost::makespan(&seconds, self.workers);
        MoreSeedsFacts {
            n_runs: costs.len(),
            is_upper_bound: costs.iter().any(|cost| cost.stops_early),
            seconds: number(time).filter(|_| self.estimate.is_known),
        }
    }

    /// Variants of each study that are compared with its baseline, as the correction counts them;
    /// and notes on those whose values are not comparable, or only with a remark.
    fn comparability(
        &self,
    ) -> anyhow::Result<(Vec<BTreeSet<usize>>, Vec<Vec<ComparabilityFacts>>)> {
        let plan = &self.loaded.plan;
        let others = |study: &PlannedStudy| {
            let references = self.references(study);
            (0..study.variants.len())
                .filter(|&i| references[i].is_some_and(|baseline| i != baseline))
                .collect()
        };
        let mut compared: Vec<BTreeSet<usize>> = plan.studies.iter().map(others).collect();
        let (trainer, specs) = (self.loaded.store.trainer(), plan.by_id());
        let mut last: Option<&RunSpec> = None;
        let several = plan.runs.iter().any(|run| {
            let before = last.replace(run);
            before.is_some_and(|before| !trainer.same_data(&before.config, &run.config))
        });
        if !several {
            return Ok((compared, Vec::new()));
        }
        trainer.prepare(&plan.runs.iter().map(RunSpec::key).collect::<Vec<_>>())?;
        let scored = |variant: &PlannedVariant| Some(specs[variant.runs.first()?].scored(None));
        let mut all = Vec::new();
        for (study, compared) in plan.studies.iter().zip(&mut compared) {
            let references = self.references(study);
            let mut notes: Vec<ComparabilityFacts> = Vec::new();
            for (i, variant) in study.variants.iter().enumerate() {
                let baseline = references[i].and_then(|index| scored(&study.variants[index]));
                let otherwise = scored(variant)
                    .zip(baseline)
                    .and_then(|(own, baseline)| trainer.otherwise(&own, &baseline, "the baseline"));
                let is_compared = !matches!(otherwise, Some(Otherwise::Incomparable(_)));
                if !is_compared {
                    compared.remove(&i);
                }
                let Some(Otherwise::Incomparable(note) | Otherwise::Noted(note)) = otherwise else {
                    continue;
                };
                let label = variant.label.clone();
                match notes.iter_mut().find(|known| known.note == note) {
                    Some(known) => known.variants.push(label),
                    None => {
                        notes.push(ComparabilityFacts { variants: vec![label], note, is_compared });
                    }
                }
            }
            all.push(notes);
        }
        Ok((compared, all))
    }

    /// Index of the variant with which each variant of a study is compared.
    fn references(&self, study: &PlannedStudy) -> Vec<Option<usize>> {
        study.references(&study.blocks(&self.loaded.plan.compare.within, study.baseline))
    }

    /// Standard deviation of paired differences over the runs finished so far, pooled over these
    /// variants of a study, which have one baseline.
    fn pilot(&self, study: &PlannedStudy, variants: impl Iterator<Item = usize>) -> Option<Spread> {
        let metrics = self.loaded.store.trainer().metrics();
        let metric = metrics.get(&self.loaded.plan.compare.metric);
        let value = |run: &RunId| {
            let record = self.finished.contains(run).then(|| self.loaded.store.record(run))?;
            metric?.of(&record.ok()?)
        };
        let variants: Vec<usize> = variants.collect();
        let baseline = self.references(study)[*variants.first()?]?;
        Spread::of(study, baseline, variants, value)
    }

    /// Evidence that the seeds can give in a study; `powers` are known by the number of comparisons.
    fn evidence(
        &self,
        study: &PlannedStudy,
        compared: &BTreeSet<usize>,
        powers: &mut BTreeMap<usize, Powers>,
    ) -> Option<EvidenceFacts> {
        let plan = &self.loaded.plan;
        let compare = &plan.compare;
        let comparisons = compared.len();
        if comparisons == 0 {
            return None;
        }
        let can = compare.feasibility(plan.seeds.len(), comparisons);
        // The spread of blocks differs, as their units may.
        let is_blocked = !compare.within.is_empty();
        let pilot = match is_blocked {
            true => None,
            false => self.pilot(study, compared.iter().copied()),
        };
        let power = can.reachable().then(|| {
            &*powers
                .entry(comparisons)
                .or_insert_with(|| Powers::of(can.seeds, comparisons, compare))
        });
        let blocks = study.blocks(&compare.within, study.baseline).into_iter();
        let block = |block: crate::plan::Block| {
            let own = block.variants.iter().copied().filter(|v| compared.contains(v));
            let found = self.pilot(study, own)?;
            Some(BlockSpreadFacts { block: block.title, sd: found.sd, n_pairs: found.pairs })
        };
        Some(EvidenceFacts {
            n_comparisons: comparisons,
            n_seeds: can.seeds,
            test: test(compare.test),
            correction: compare.correction.word(),
            alpha: alpha(compare.alpha()),
            smallest_p: can.smallest_p,
            smallest_p_corrected: can.smallest_p_corrected,
            is_reachable: can.reachable(),
            seeds_needed: can.seeds_needed,
            effect_sd: power.and_then(|power| power.one),
            effect_sd_corrected: power.and_then(|power| power.corrected),
            spread: pilot.map(|pilot| SpreadFacts { sd: pilot.sd, n_pairs: pilot.pairs }),
            blocks: blocks.filter(|_| is_blocked).filter_map(block).collect(),
            joint: self.joint(study, compared),
            equivalence: self.equivalence(comparisons, pilot.as_ref()),
        })
    }

    fn joint(&self, study: &PlannedStudy, compared: &BTreeSet<usize>) -> Option<JointFacts> {
        let compare = &self.loaded.plan.compare;
        let methods: BTreeSet<_> =
            compared.iter().filter_map(|&i| study.variants[i].method.as_ref()).collect();
        let can = compare.joint_feasibility(self.loaded.plan.seeds.len(), methods.len());
        (!methods.is_empty()).then(|| JointFacts {
            n_variants: methods.len(),
            smallest_p_corrected: can.smallest_p_corrected,
            alpha: alpha(can.alpha),
            is_reachable: can.reachable(),
            seeds_needed: can.seeds_needed,
        })
    }

    fn equivalence(
        &self,
        comparisons: usize,
        pilot: Option<&Spread>,
    ) -> Option<EquivalencePlanFacts> {
        let (compare, seeds) = (&self.loaded.plan.compare, self.loaded.plan.seeds.len());
        let margin = compare.negligible?;
        let is_corrected = compare.correction != Correction::None && comparisons > 1;
        let levels = [Some(1), is_corrected.then_some(comparisons)];
        let power = |among: usize| {
            let alpha = compare.alpha() / among as f64;
            let sd = pilot.map(|pilot| margin / pilot.sd);
            let largest = || margin / equivalence_margin(seeds, alpha).unwrap_or(f64::INFINITY);
            EquivalencePowerFacts {
                among,
                power: sd.map(|ratio| equivalence_power(seeds, ratio, alpha)),
                seeds_needed: sd.and_then(|ratio| equivalence_seeds(ratio, alpha)),
                largest_sd: sd.is_none().then(largest),
            }
        };
        let levels = levels.into_iter().flatten().filter(|_| seeds >= EQUIVALENCE_PAIRS);
        Some(EquivalencePlanFacts {
            margin,
            fewest_seeds: EQUIVALENCE_PAIRS,
            power: levels.map(power).collect(),
        })
    }
}
