//! Ablation table: differences between variants and the baseline, and the ability of the study to
//! detect them.
//!
//! One computation for `ablation.csv`, the terminal and the page. Comparisons are paired by seed,
//! over the seeds that both sides have; `docs/reference/methodology.md` gives the formulas.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::ExperimentResults;
use super::best::{Best, MOST_VARIANTS};
use super::study_runs::StudyRuns;
use super::tuning::Tuning;
use crate::plan::{
    Block, Compare, Correction, PairedTest, PlannedStudy, PlannedVariant, RunId, RunSpec,
};
use crate::rng::{Purpose, Seed};
use crate::stats::{
    Crossed, EQUIVALENCE_PAIRS, Equivalence, Estimate, Feasibility, Paired, Welch, holm, max_t,
    mean, smallest_p_max_t,
};
use crate::store::{ADOPTED_BECAUSE, RunRecord, RunStatus};
use crate::text::count;
use crate::trainer::{Better, Compute, Facts, Metric, Metrics, Otherwise, Scored};

/// Index of the random stream for joint sign flips of all comparisons of a study; single
/// comparisons use the indices below.
pub(super) const JOINT_SIGNS: u64 = u64::MAX;

/// The table of one study.
#[derive(Debug, Clone)]
pub struct Ablation {
    /// Name of the study.
    pub study: String,
    /// Compared metric.
    pub metric: Metric,
    /// Remark on the metric, where it is not what its name says in these runs.
    pub metric_remark: Option<&'static str>,
    /// Confidence level of every interval.
    pub level: f64,
    /// Test of each difference.
    pub test: PairedTest,
    /// Correction over the comparisons.
    pub correction: Correction,
    /// Largest difference that is of no interest.
    pub negligible: Option<f64>,
    /// Index of the baseline among the rows.
    pub baseline: Option<usize>,
    /// Smallest p values that this number of seeds and comparisons can give.
    pub feasibility: Feasibility,
    /// One row per variant, in expansion order.
    pub rows: Vec<AblationRow>,
    /// Variants that may be the best.
    pub best: Best,
    /// Results of other tools, compared with the baseline; each is a row of its own, and no variant.
    pub external: Vec<AblationRow>,
    /// Blocks of the rows, each with a baseline of its own; one without `[compare] within`.
    pub blocks: Vec<Block>,
}

/// A variant of a study with its comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct AblationRow {
    /// Differences from the baseline, for people.
    pub label: String,
    /// Label in ASCII.
    pub name: String,
    /// Level of each axis of the study.
    pub levels: Vec<String>,
    /// Number of planned seeds.
    pub planned: usize,
    /// Number of runs that failed or diverged.
    pub failed: usize,
    /// Number of seeds whose comparison lacks an outstanding run of the variant, of the baseline or
    /// of a candidate configuration.
    pub outstanding: usize,
    /// Mean of the metric over the finished runs; `None` before the first.
    pub estimate: Option<Estimate>,
    /// Comparison with the baseline; `None` for the baseline itself, and if no seed finished on
    /// both sides.
    pub delta: Option<Delta>,
    /// Comparison with the baseline without pairs: of another tool's results with other seeds.
    pub unpaired: Option<Unpaired>,
    /// Size of the model: [`Metrics::size`](crate::trainer::Metrics::size).
    pub size: Option<u64>,
    /// Further whole numbers, averaged over seeds:
    /// [`Metrics::shown`](crate::trainer::Metrics::shown).
    pub shown: Vec<Option<u64>>,
    /// Mean number of epochs.
    pub epochs: Option<f64>,
    /// Training compute relative to the baseline.
    pub compute_ratio: Option<f64>,
    /// Mean wall time of a run; differs between executions, so it is in no table but `timings.csv`.
    pub seconds: Option<f64>,
    /// Runs, its own or the baseline's, whose values for each test example cannot be read.
    pub unread_examples: Vec<RunId>,
    /// Difference between the examples on which it and the baseline were scored.
    pub otherwise: Option<Otherwise>,
    /// Selection of the variant's configuration; `None` if nothing is tuned.
    pub tuning: Option<Tuning>,
    /// The conclusion.
    pub verdict: Verdict,
    /// True if its runs are bit-identical to those of the baseline.
    pub identical: bool,
    /// True if it [may be the best](super::best); `None` where that is not computed.
    pub may_be_best: Option<bool>,
    /// Note that a reader of the row needs; may be empty.
    pub note: String,
}

impl AblationRow {
    /// True if it is one of the comparisons that a correction counts.
    pub fn is_compared(&self) -> bool {
        !matches!(self.verdict, Verdict::Baseline | Verdict::NotComparable | Verdict::NoBaseline)
    }

    /// Verdict as tables show it: if seeds are missing for good, with the number of seeds on which
    /// it is based.
    pub fn conclusion(&self) -> String {
        self.verdict.words().to_owned() + &self.survivors()
    }

    /// Difference from the baseline, paired or not.
    pub fn difference(&self) -> Option<Estimate> {
        let unpaired = |unpaired: Unpaired| Estimate {
            n: self.planned,
            mean: unpaired.welch.difference,
            sd: None,
            interval: Some(unpaired.welch.interval),
        };
        let paired = self.delta.map(|delta| delta.paired.difference);
        paired.or(self.unpaired.map(unpaired))
    }

    /// p value of that difference before and after the correction.
    pub fn p(&self) -> Option<(f64, Option<f64>)> {
        let paired = self.delta.map(|delta| (delta.paired.test.p, delta.p_corrected));
        paired.or(self.unpaired.map(|unpaired| (unpaired.welch.p, unpaired.p_corrected)))
    }

    /// ` on 7 of 12 seeds` if a verdict is based on the seeds that neither side lost to failure or
    /// divergence; otherwise empty.
    pub fn survivors(&self) -> String {
        let Some(delta) = self.delta else { return String::new() };
        let pairs = delta.paired.difference.n;
        if self.verdict.is_judged() && pairs < self.planned {
            format!(" on {pairs} of {} seeds", self.planned)
        } else {
            String::new()
        }
    }
}

/// Difference of a variant from the baseline, paired by seed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Delta {
    /// Difference, effect size, test and correlation.
    pub paired: Paired,
    /// p value after the correction; `None` without one.
    pub p_corrected: Option<f64>,
    /// Smallest p value that this number of pairs can give.
    pub smallest_p: f64,
    /// Smallest p value after the correction.
    pub smallest_p_corrected: f64,
    /// Number of sign vectors from which the corrected p value is estimated; `None` if all were
    /// enumerated.
    pub p_corrected_draws: Option<u32>,
    /// Difference over test examples instead of seeds: the second source of error.
    pub examples: Option<Estimate>,
    /// Difference over seeds and test examples at once.
    pub crossed: Option<Crossed>,
    /// Test of equivalence within the negligible margin; `None` without a margin, below three pairs
    /// and where the differences do not vary.
    pub equivalence: Option<Equivalence>,
    /// Its p value after Holm's correction; `None` without one.
    pub p_equivalence_corrected: Option<f64>,
}

impl Delta {
    /// The comparison before any correction, without what needs examples or a margin; `floor` is the
    /// smallest p value that this number of pairs can give.
    pub(super) fn uncorrected(paired: Paired, floor: f64) -> Self {
        Self {
            paired,
            p_corrected: None,
            smallest_p: floor,
            smallest_p_corrected: floor,
            p_corrected_draws: None,
            examples: None,
            crossed: None,
            equivalence: None,
            p_equivalence_corrected: None,
        }
    }

    /// True if the difference is within the negligible margin by two one-sided t tests at level
    /// `alpha`.
    fn is_equivalent(&self, alpha: f64) -> bool {
        let p = self.equivalence.map(|found| self.p_equivalence_corrected.unwrap_or(found.p));
        p.is_some_and(|p| p <= alpha)
    }
}

/// Difference from the baseline without pairs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unpaired {
    /// Difference with its interval, and test.
    pub welch: Welch,
    /// p value after the correction; `None` without one.
    pub p_corrected: Option<f64>,
}

/// The conclusion about a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The variant is the baseline.
    Baseline,
    /// Significantly better than the baseline.
    Better,
    /// Significantly worse than the baseline.
    Worse,
    /// Significantly better, and by no more than is negligible.
    BetterNegligible,
    /// Significantly worse, and by no more than is negligible.
    WorseNegligible,
    /// The difference is negligible by the test of equivalence, and there is no evidence of one.
    Equivalent,
    /// The test could have been significant and was not.
    NoEvidence,
    /// Every run is bit-identical to that of the baseline.
    Identical,
    /// No outcome of the test with this number of seeds could have been significant.
    TooFewSeeds,
    /// Runs on which its p value depends are outstanding.
    Incomplete,
    /// It was scored on other data than the baseline, so that there is no difference.
    NotComparable,
    /// Every run has ended, and no seed finished on both sides.
    NoPairs,
    /// The study does not contain the baseline.
    NoBaseline,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 13] = [
        Self::Baseline,
        Self::Better,
        Self::Worse,
        Self::BetterNegligible,
        Self::WorseNegligible,
        Self::Equivalent,
        Self::NoEvidence,
        Self::Identical,
        Self::TooFewSeeds,
        Self::Incomplete,
        Self::NotComparable,
        Self::NoPairs,
        Self::NoBaseline,
    ];

    /// Text in tables.
    pub fn words(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Better => "better",
            Self::Worse => "worse",
            Self::BetterNegligible => "better, negligible",
            Self::WorseNegligible => "worse, negligible",
            Self::Equivalent => "equivalent",
            Self::NoEvidence => "no evidence",
            Self::Identical => "identical",
            Self::TooFewSeeds => "too few seeds",
            Self::NotComparable => "not comparable",
            Self::Incomplete => "incomplete",
            Self::NoPairs => "no pairs",
            Self::NoBaseline => "no baseline",
        }
    }

    /// True if it is the outcome of a test.
    pub(super) fn is_judged(self) -> bool {
        match self {
            Self::Better
            | Self::Worse
            | Self::BetterNegligible
            | Self::WorseNegligible
            | Self::Equivalent
            | Self::NoEvidence => true,
            Self::Baseline
            | Self::Identical
            | Self::TooFewSeeds
            | Self::NotComparable
            | Self::Incomplete
            | Self::NoPairs
            | Self::NoBaseline => false,
        }
    }
}

impl Ablation {
    /// Number of comparisons that a correction counts.
    pub fn comparisons(&self) -> usize {
        self.rows.iter().filter(|row| row.is_compared()).count()
    }

    /// Sentence on the variants that may be the best; `None` where they are not computed.
    pub fn best_in_words(&self) -> Option<String> {
        self.best
            .in_words(self.rows.iter().map(|row| (row.label.as_str(), row.may_be_best)))
    }

    /// True if some variant is ruled out as the best.
    pub fn tells_the_best(&self) -> bool {
        self.rows.iter().any(|row| row.may_be_best == Some(false))
    }

    /// Rows of the table: the variants, then results of other tools.
    pub fn all_rows(&self) -> impl Iterator<Item = &AblationRow> {
        self.rows.iter().chain(&self.external)
    }
}

impl ExperimentResults {
    /// The ablation table of every study, in order.
    pub fn ablations(&self) -> Vec<Ablation> {
        (0..self.plan.studies.len()).map(|index| self.ablation(index)).collect()
    }

    /// The metric of a run, if it finished.
    pub fn value(&self, run: &RunId) -> Option<f64> {
        self.records.get(run).and_then(|record| self.metric().of(record))
    }

    /// The ablation table of the study with this index in the plan.
    ///
    /// # Panics
    /// If there is no such study.
    pub fn ablation(&self, index: usize) -> Ablation {
        let study = &self.plan.studies[index];
        let compare = &self.plan.compare;
        let baseline = self.baseline(study);
        let specs = self.plan.by_id();
        let blocks = study.blocks(&compare.within, baseline);
        let references = study.references(&blocks);
        let mut first = vec![0; study.variants.len()];
        for block in &blocks {
            for &v in &block.variants {
                first[v] = block.variants[0];
            }
        }
        let runs = self.study_runs(study);
        let row =
            |(v, variant)| self.row((index, v), variant, (references[v], first[v]), &runs, &specs);
        // Beyond 20 seeds each row draws 100,000 sign vectors, from its own stream.
        let mut rows: Vec<AblationRow> = study.variants.par_iter().enumerate().map(row).collect();
        let compared: Vec<usize> = (0..rows.len()).filter(|&i| rows[i].is_compared()).collect();
        match compare.correction {
            Correction::MaxT => self.correct_jointly(&mut rows, &compared, &runs, &references),
            Correction::Holm => correct_by_holm(&mut rows, &compared),
            Correction::None => {}
        }
        if compare.correction != Correction::None {
            correct_equivalence(&mut rows, &compared);
        }
        let can = compare.feasibility(self.plan.seeds.len(), compared.len());
        // A joint correction changes with every comparison whose runs are outstanding.
        let waiting = compared.iter().filter(|&&i| rows[i].outstanding > 0).count();
        let waits = if compare.correction == Correction::MaxT { waiting } else { 0 };
        for i in 0..rows.len() {
            let question = self.question(study, &rows[i], references[i].map(|base| &rows[base]));
            judge(
                &mut rows[i],
                compare,
                &can,
                waits,
                self.metrics(),
                (self.metric().better, question.as_deref()),
            );
            let mut notes: Vec<String> = adoptions(runs.finished(i), rows[i].planned);
            notes.extend(self.ended_at_limit(&study.variants[i], runs.finished(i), &specs));
            if self.ignore_their_seeds(&runs.finished(i).collect::<Vec<_>>()) {
                notes.push(
                    "every seed gave the same to the last bit: does the seed reach the program?"
                        .to_owned(),
                );
            }
            for text in notes {
                let note = &mut rows[i].note;
                note.push_str(if note.is_empty() { "" } else { "; " });
                note.push_str(&text);
            }
        }
        let best = self.mark_best(&runs, &blocks, &mut rows);
        Ablation {
            study: study.name.clone(),
            metric: self.metric().clone(),
            metric_remark: self.metric_remark((0..rows.len()).flat_map(|v| runs.finished(v))),
            level: compare.level,
            test: compare.test,
            correction: compare.correction,
            negligible: compare.negligible,
            baseline,
            feasibility: can,
            rows,
            best,
            external: self.external_rows(study, baseline),
            blocks,
        }
    }

    /// A comparison with wins and losses counted in the direction of the metric.
    pub(super) fn directed(&self, paired: Paired) -> Paired {
        match self.metric().better {
            Better::Lower => paired,
            Better::Higher => paired.reversed(),
        }
    }

    /// Sets [`AblationRow::may_be_best`], in each block by itself; the result is that of the only
    /// block. Variants that are scored on other data than the baseline, and those without a value,
    /// are left out.
    fn mark_best(&self, runs: &StudyRuns, blocks: &[Block], rows: &mut [AblationRow]) -> Best {
        let of_blocks: Vec<Best> =
            blocks.iter().map(|block| self.mark_best_of(runs, block, rows)).collect();
        match of_blocks[..] {
            [best] => best,
            _ => Best::OfBlocks,
        }
    }

    fn mark_best_of(&self, runs: &StudyRuns, block: &Block, rows: &mut [AblationRow]) -> Best {
        let comparable =
            |row: &AblationRow| !matches!(row.otherwise, Some(Otherwise::Incomparable(_)));
        if block.variants.iter().any(|&i| comparable(&rows[i]) && rows[i].outstanding > 0) {
            return Best::Incomplete;
        }
        let is_contender = |&i: &usize| comparable(&rows[i]) && rows[i].estimate.is_some();
        let contenders: Vec<usize> = block.variants.iter().copied().filter(is_contender).collect();
        let (best, may_be) = self.best(runs, &contenders);
        for (&i, may_be) in contenders.iter().zip(may_be) {
            rows[i].may_be_best = Some(may_be);
        }
        if best == Best::TooMany {
            let note = &mut rows[block.baseline.unwrap_or(contenders[0])].note;
            note.push_str(if note.is_empty() { "" } else { "; " });
            note.push_str(&format!(
                "which of the {} variants may be the best is computed for {MOST_VARIANTS} at most",
                contenders.len()
            ));
        }
        best
    }

    /// Question about a variant of a program whose runs are identical to those of the baseline.
    fn question(
        &self,
        study: &PlannedStudy,
        row: &AblationRow,
        baseline: Option<&AblationRow>,
    ) -> Option<String> {
        self.plan.program.as_ref()?;
        let levels = row.levels.iter().zip(&baseline?.levels);
        let changed = study.axes.iter().zip(levels).filter(|(_, (own, base))| own != base);
        let paths: Vec<String> = changed.map(|(axis, _)| format!("`{}`", axis.path)).collect();
        match &paths[..] {
            [] => Some("does what it changes reach the program?".to_owned()),
            [path] => Some(format!("does {path} reach the program?")),
            paths => Some(format!("do {} reach the program?", paths.join(" and "))),
        }
    }

    /// True if runs of a program gave bit-identical values for all of several seeds.
    fn ignore_their_seeds(&self, finished: &[&RunRecord]) -> bool {
        let same = |pair: &[&RunRecord]| self.same_values(pair[0], pair[1]);
        self.plan.program.is_some() && finished.len() > 1 && finished.windows(2).all(same)
    }

    /// Remark on the metric, where it is not what its name says in these finished runs.
    fn metric_remark<'a>(
        &self,
        finished: impl Iterator<Item = &'a RunRecord>,
    ) -> Option<&'static str> {
        let facts: Vec<&Facts> =
            finished.filter_map(|record| Some(&record.summary.as_ref()?.facts)).collect();
        self.trainer.metric_remark(self.metric(), &facts)
    }

    fn row(
        &self,
        (study, index): (usize, usize),
        variant: &PlannedVariant,
        (baseline, first): (Option<usize>, usize),
        runs: &StudyRuns,
        specs: &BTreeMap<&RunId, &RunSpec>,
    ) -> AblationRow {
        let compare = &self.plan.compare;
        let level = compare.level;
        let planned = &self.plan.studies[study];
        let values: Vec<f64> = runs.values(index).iter().flatten().copied().collect();
        let reference = baseline.map(|base| &planned.variants[base]);
        // Without a baseline there are no differences, but rows scored on other data must still be
        // marked.
        // Without a baseline, the first variant of the block says which examples are meant.
        let other = reference.or(planned.variants.get(first));
        let otherwise = other.and_then(|other| {
            let scored = |variant| self.scored(variant, specs);
            let name = if reference.is_some() { "the baseline" } else { &other.label };
            self.trainer.otherwise(&scored(variant)?, &scored(other)?, name)
        });
        let comparable = !matches!(otherwise, Some(Otherwise::Incomparable(_)));
        let delta = baseline.filter(|base| *base != index && comparable).and_then(|base| {
            let (treated, control): (Vec<f64>, Vec<f64>) =
                runs.pairs(index, base).flatten().unzip();
            let paired = match compare.test {
                PairedTest::SignFlip => {
                    let mut stream = Seed(0).stream(Purpose::Statistics, index as u64);
                    Paired::of(&treated, &control, level, || stream.bits())?
                }
                PairedTest::T => Paired::by_t(&treated, &control, level)?,
            };
            let paired = self.directed(paired);
            let floor = compare.test.smallest_p(paired.difference.n);
            let examples = self.examples.get(&(study, index)).copied();
            let equivalence = compare
                .negligible
                .filter(|_| paired.varies)
                .and_then(|margin| Equivalence::of(&paired.difference, margin, compare.alpha()));
            Some(Delta {
                examples,
                crossed: self.crossed.get(&(study, index)).copied(),
                equivalence,
                ..Delta::uncorrected(paired, floor)
            })
        });
        let compute = |v: usize| self.compute(&planned.variants[v], runs.finished(v), specs);
        let ratio = baseline.and_then(|base| ratio(compute(index)?, compute(base)?));
        let verdict = match baseline {
            None => Verdict::NoBaseline,
            Some(base) if base == index => Verdict::Baseline,
            Some(_) if !comparable => Verdict::NotComparable,
            Some(_) => Verdict::NoPairs,
        };
        let tuning = self.tuning(planned, variant);
        let provisional = tuning.as_ref().is_some_and(|tuning| tuning.incomplete > 0);
        let finished = || runs.finished(index);
        let waits = |record: &&RunRecord| record.status == RunStatus::Outstanding;
        AblationRow {
            label: variant.label.clone(),
            name: variant.name.clone(),
            levels: variant.levels.clone(),
            planned: variant.runs.len(),
            failed: runs.records(index).iter().filter(|record| is_lost(record)).count(),
            outstanding: if provisional {
                variant.runs.len()
            } else {
                let control = baseline.map_or(&[][..], |base| runs.records(base));
                let own = runs.records(index).iter().enumerate();
                own.filter(|(r, record)| waits(record) || control.get(*r).is_some_and(waits))
                    .count()
            },
            estimate: Estimate::of(&values, level),
            size: finished().next().and_then(|record| self.size(record)),
            shown: (self.metrics().shown.iter())
                .map(|name| {
                    let count = |r: &RunRecord| r.summary.as_ref()?.facts.get(name)?.as_u64();
                    mean_count(finished().filter_map(count))
                })
                .collect(),
            epochs: mean_of(
                finished().filter_map(|record| Some(record.summary.as_ref()?.epochs as f64)),
            ),
            compute_ratio: ratio,
            seconds: mean_of(finished().filter_map(|record| Some(record.timing.as_ref()?.seconds))),
            unread_examples: if delta.is_some() {
                let control = reference.map_or(&[][..], |reference| &reference.runs);
                let runs = control.iter().chain(&variant.runs);
                runs.filter(|run| self.unread_examples.contains_key(run)).cloned().collect()
            } else {
                Vec::new()
            },
            delta,
            unpaired: None,
            otherwise,
            tuning,
            verdict,
            identical: baseline.is_some_and(|base| {
                base != index && self.are_identical(runs.records(index), runs.records(base))
            }),
            may_be_best: None,
            note: String::new(),
        }
    }

    /// Facts on the scoring of a variant, from the first of its runs that reports them.
    pub(super) fn scored<'a>(
        &'a self,
        variant: &'a PlannedVariant,
        specs: &BTreeMap<&RunId, &'a RunSpec>,
    ) -> Option<Scored<'a>> {
        let (_, run, record) =
            self.replicates(variant).max_by_key(|(_, _, record)| record.summary.is_some())?;
        Some(specs.get(run)?.scored(Some(record)))
    }

    /// Size of the model of a run.
    pub(crate) fn size(&self, record: &RunRecord) -> Option<u64> {
        let size = self.metrics().size.as_ref()?;
        record.summary.as_ref()?.facts.get(size)?.as_u64()
    }

    /// Corrects over the comparisons of a study by step-down max-T, with one sign a seed in all of
    /// its blocks.
    fn correct_jointly(
        &self,
        rows: &mut [AblationRow],
        compared: &[usize],
        runs: &StudyRuns,
        references: &[Option<usize>],
    ) {
        let by_seed = |&i: &usize| match references[i] {
            Some(baseline) => runs.differences(i, baseline),
            None => vec![None; self.plan.seeds.len()],
        };
        let differences: Vec<Vec<Option<f64>>> = compared.iter().map(by_seed).collect();
        let own = |i: &usize| rows[*i].delta.map_or(1.0, |delta| delta.paired.test.p);
        let single: Vec<f64> = compared.iter().map(own).collect();
        let mut stream = Seed(0).stream(Purpose::Statistics, JOINT_SIGNS);
        let corrected = max_t(&differences, &single, || stream.bits());
        let (tested, seeds) = (corrected.p.iter().flatten().count(), self.plan.seeds.len());
        for (&i, p) in compared.iter().zip(&corrected.p) {
            if let Some(delta) = &mut rows[i].delta {
                delta.p_corrected = *p;
                delta.p_corrected_draws = corrected.draws;
                delta.smallest_p_corrected =
                    smallest_p_max_t(delta.paired.difference.n, seeds, tested);
            }
        }
    }

    /// Sentence on the finished runs of a variant that a limit ended before the setting that was to end
    /// them.
    fn ended_at_limit<'a>(
        &self,
        variant: &PlannedVariant,
        finished: impl Iterator<Item = &'a RunRecord>,
        specs: &BTreeMap<&RunId, &RunSpec>,
    ) -> Option<String> {
        let config = &specs.get(variant.runs.first()?)?.config;
        let of = |record: &RunRecord| self.trainer.ended_at_limit(config, record.summary.as_ref()?);
        let ended: Vec<[&str; 2]> = finished.filter_map(of).collect();
        let [limit, setting] = ended.first()?;
        Some(format!(
            "{} of {} runs ended by {limit}, not by {setting}: longer training may change them",
            ended.len(),
            variant.runs.len()
        ))
    }

    /// Work of a variant's training, the mean over its finished runs.
    fn compute<'a>(
        &self,
        variant: &PlannedVariant,
        finished: impl Iterator<Item = &'a RunRecord>,
        specs: &BTreeMap<&RunId, &RunSpec>,
    ) -> Option<Compute> {
        let config = &specs.get(variant.runs.first()?)?.config;
        let of = |record: &RunRecord| self.trainer.compute(config, record.summary.as_ref()?);
        let all: Vec<Compute> = finished.filter_map(of).collect();
        let per_example = mean_of(all.iter().map(|compute| compute.per_example))?;
        Some(Compute { per_example, examples: all[0].examples })
    }
}

fn ratio(own: Compute, reference: Compute) -> Option<f64> {
    let examples = match (own.examples, reference.examples) {
        (None, None) => 1.0,
        (Some(own), Some(reference)) => own as f64 / reference as f64,
        _ => return None,
    };
    Some(own.per_example / reference.per_example * examples)
}

/// Runs that were taken over from an earlier version of their program, of so many planned: a
/// sentence for each reason.
fn adoptions<'a>(finished: impl Iterator<Item = &'a RunRecord>, planned: usize) -> Vec<String> {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for record in finished {
        let facts = record.summary.as_ref().map(|summary| &summary.facts);
        let reason = facts.and_then(|facts| facts.get(ADOPTED_BECAUSE)?.as_str());
        if let Some(reason) = reason {
            *reasons.entry(reason).or_default() += 1;
        }
    }
    let sentence = |(reason, n): (&str, usize)| {
        format!("{n} of {planned} runs are of an earlier version of the program: {reason}")
    };
    reasons.into_iter().map(sentence).collect()
}

fn is_lost(record: &RunRecord) -> bool {
    matches!(record.status, RunStatus::Failed | RunStatus::Diverged)
}

fn mean_of(values: impl Iterator<Item = f64>) -> Option<f64> {
    mean(&values.collect::<Vec<_>>())
}

fn mean_count(values: impl Iterator<Item = u64>) -> Option<u64> {
    mean_of(values.map(|value| value as f64)).map(|mean| mean.round() as u64)
}

/// Corrects by Holm's method over the planned comparisons: one without a pair counts as p = 1.
fn correct_by_holm(rows: &mut [AblationRow], compared: &[usize]) {
    let over = |p: fn(&Delta) -> f64| {
        holm(
            &compared
                .iter()
                .map(|&i| rows[i].delta.as_ref().map_or(1.0, p))
                .collect::<Vec<_>>(),
        )
    };
    let (p, floor) = (over(|delta| delta.paired.test.p), over(|delta| delta.smallest_p));
    for (rank, &i) in compared.iter().enumerate() {
        if let Some(delta) = &mut rows[i].delta {
            delta.p_corrected = Some(p[rank]);
            delta.smallest_p_corrected = floor[rank];
        }
    }
}

/// Corrects p values of equivalence by Holm's method, whatever the correction of the differences:
/// max-T flips signs around a difference of zero, and says nothing about one at the margin. A
/// comparison without such a p value counts as p = 1.
fn correct_equivalence(rows: &mut [AblationRow], compared: &[usize]) {
    let own = |i: &usize| rows[*i].delta.and_then(|delta| delta.equivalence);
    let p: Vec<f64> = compared.iter().map(|i| own(i).map_or(1.0, |found| found.p)).collect();
    for (&i, p) in compared.iter().zip(holm(&p)) {
        if let Some(delta) = rows[i].delta.as_mut().filter(|delta| delta.equivalence.is_some()) {
            delta.p_equivalence_corrected = Some(p);
        }
    }
}

/// Notes on p values that are estimated from this many sign vectors: the single one and the corrected
/// one; `None` if all were enumerated.
pub(super) fn drawn(single: Option<u32>, corrected: Option<u32>) -> impl Iterator<Item = String> {
    let note =
        |which: &str, draws| format!("{which}p from {draws} random sign flips, not all of them");
    let single = single.map(|draws| note("", draws));
    single.into_iter().chain(corrected.map(|draws| note("corrected ", draws)))
}

/// Note on a test whose smallest p is above the level of significance; `needed` is the number of
/// seeds that could be enough.
pub(super) fn powerless(
    pairs: usize,
    smallest_p: f64,
    is_reached: bool,
    needed: Option<usize>,
) -> String {
    let seeds = count(pairs, "paired seed");
    let floor = (smallest_p * 1e4).round() / 1e4;
    let reached = if is_reached { ", reached here" } else { "" };
    let needed = needed.map_or_else(|| "more do not help".to_owned(), |n| format!("{n} could"));
    format!(
        "undecided: with {seeds} this test could not have shown a difference (smallest p {floor}{reached}); {needed}"
    )
}

/// Note on the smallest p that a test of this many pairs can give.
pub(super) fn smallest(pairs: usize) -> String {
    format!("p is the smallest that this test of {} can give", count(pairs, "paired seed"))
}

/// Sets the verdict of a row; `waiting` of the comparisons with which its p value is corrected have
/// outstanding runs. `question` is what a user should ask of identical runs.
fn judge(
    row: &mut AblationRow,
    compare: &Compare,
    can: &Feasibility,
    waiting: usize,
    metrics: &Metrics,
    (better, question): (Better, Option<&str>),
) {
    let mut notes = Vec::new();
    if let Some(Tuning { chosen, configurations, incomplete, at_the_end }) = &row.tuning {
        let provisional = if *incomplete > 0 {
            format!(", {incomplete} of them not complete yet")
        } else {
            String::new()
        };
        let by = match metrics.family.as_str() {
            "" => format!("by {}", metrics.select().words.short),
            _ => "on validation".to_owned(),
        };
        notes.push(format!("{chosen}: best {by} of {configurations} configurations{provisional}"));
        notes.extend(at_the_end.iter().cloned());
    }
    if row.failed > 0 {
        notes.push(format!("{} of {} runs failed or diverged", row.failed, row.planned));
    }
    if let Some(Otherwise::Incomparable(note) | Otherwise::Noted(note)) = &row.otherwise {
        notes.push(note.clone());
    }
    if row.identical {
        notes.push(format!(
            "the same as the baseline to the last bit: {}",
            question.unwrap_or("what is changed has no effect here")
        ));
    }
    let is_judged =
        !matches!(row.verdict, Verdict::Baseline | Verdict::NotComparable | Verdict::NoBaseline);
    let incomplete = is_judged && (row.outstanding > 0 || waiting > 0);
    if incomplete {
        row.verdict = Verdict::Incomplete;
        notes.push(match row.outstanding {
            0 if waiting == 1 => {
                "p is corrected together with 1 comparison that has incomplete pairs".to_owned()
            }
            0 => format!(
                "p is corrected together with {waiting} comparisons that have incomplete pairs"
            ),
            own => format!("{own} of {} incomplete", count(row.planned, "paired seed")),
        });
    }
    if let Some(delta) = &row.delta {
        let pairs = delta.paired.difference.n;
        let p = delta.p_corrected.unwrap_or(delta.paired.test.p);
        let difference = &delta.paired.difference;
        let too_few = delta.smallest_p_corrected > can.alpha;
        let is_best_p = p <= delta.smallest_p_corrected * (1.0 + 1e-12) && p < 1.0;
        // Of the built-in model such variants are found before training.
        let identical = row.identical && question.is_some();
        if !incomplete {
            let is_better = better.is_better(difference.mean, 0.0);
            row.verdict = match delta.is_equivalent(can.alpha) {
                _ if identical => Verdict::Identical,
                true if too_few || p > can.alpha => Verdict::Equivalent,
                true if is_better => Verdict::BetterNegligible,
                true => Verdict::WorseNegligible,
                false if too_few => Verdict::TooFewSeeds,
                false if p > can.alpha => Verdict::NoEvidence,
                false if is_better => Verdict::Better,
                false => Verdict::Worse,
            };
        }
        if pairs < row.planned {
            notes.push(format!(
                "compared on the {pairs} of {} seeds that both sides have",
                row.planned
            ));
        }
        notes.extend(drawn(delta.paired.test.draws, delta.p_corrected_draws));
        let excludes_zero = difference.interval.is_some_and(|i| i.low > 0.0 || i.high < 0.0);
        if row.verdict == Verdict::TooFewSeeds && excludes_zero && delta.paired.varies {
            notes.push("interval excludes 0; too few seeds for the test".to_owned());
        }
        if too_few && !incomplete && !identical {
            notes.push(powerless(pairs, delta.smallest_p_corrected, is_best_p, can.seeds_needed));
        } else if is_best_p && !incomplete {
            notes.push(smallest(pairs));
        }
        let tests_t = compare.test == PairedTest::T || compare.negligible.is_some();
        if tests_t && pairs > 1 && !delta.paired.varies && !incomplete && !identical {
            notes.push("every difference is the same: no t test without a spread".to_owned());
        }
        if compare.negligible.is_some() && pairs < EQUIVALENCE_PAIRS && !incomplete {
            notes.push(format!("equivalence takes {EQUIVALENCE_PAIRS} pairs"));
        }
    }
    if !row.unread_examples.is_empty() {
        let runs: Vec<&str> = row.unread_examples.iter().map(RunId::as_str).collect();
        let (examples, runs) = (&metrics.examples, runs.join(", "));
        notes.push(format!("no interval over {examples}: the scores of {runs} cannot be read"));
    }
    row.note = notes.join("; ");
}
