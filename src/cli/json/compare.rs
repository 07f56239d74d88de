//! `ablade compare --json`: verdicts of an experiment, or the changes between two.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::{HasSchema, IntervalFacts, JsonDocument, MetricFacts, number};
use crate::plan::{Axis, Correction, PairedTest, PlannedStudy};
use crate::results::ExperimentResults;
use crate::results::ablation::{Ablation, AblationRow, Verdict};
use crate::results::blocks::{MethodRow, OverBlocks};
use crate::results::compare::{ExperimentComparison, VariantComparison};
use crate::results::crossed::narrower_with;
use crate::results::effects::{Effect, Effects};
use crate::results::past::StudyPast;
use crate::results::shapley::Shapley;
use crate::stats::Estimate;

facts! {
    /// Results of an experiment: each variant with its mean, its difference from the baseline and the
    /// verdict.
    pub(crate) struct CompareFacts {
        /// Name of the experiment.
        experiment: String,
        /// Compared metric.
        metric: MetricFacts,
        /// Confidence level of intervals.
        level: f64,
        /// Largest p value that is significant.
        alpha: f64,
        /// Test of a difference: `sign-flip` or `t`.
        test: String,
        /// Correction over the comparisons of a study: `max-t`, `holm` or `none`.
        correction: String,
        /// Largest difference of no interest; null without `[compare] negligible`.
        negligible: Option<f64>,
        /// Axes that make blocks: `[compare] within`.
        within: Vec<String>,
        /// Seeds of every variant.
        seeds: Vec<u64>,
        /// The studies, in the order of the file.
        studies: Vec<ComparedStudyFacts>,
        /// Sentences on variants that are left out because their data are not there.
        left_out: Vec<String>,
        /// Remarks and warnings that are also on stderr.
        notes: Vec<String>,
    }
}

impl JsonDocument for CompareFacts {
    const NAME: &'static str = "compare";
}

facts! {
    /// A study with its comparisons.
    pub(crate) struct ComparedStudyFacts {
        /// Name of the study.
        study: String,
        /// `exploratory`, `confirmatory`, or `registered, with deviations`.
        status: Option<&'static str>,
        /// Label of the baseline; null if the study has none, or each block its own.
        baseline: Option<String>,
        /// Number of comparisons that the correction counts.
        n_comparisons: usize,
        /// Sentence on the variants that may be the best; null if they are not computed.
        best: Option<String>,
        /// One row for each variant, in the order of the printed table; `ablation.csv` has the same
        /// study and variant, and may have another order.
        rows: Vec<ComparisonFacts>,
        /// Results of other tools, compared with the baseline.
        external: Vec<ComparisonFacts>,
        /// The variants over all blocks; null without `[compare] within`.
        over_blocks: Option<OverBlocksFacts>,
        /// Main effects and interactions; empty unless the study is a full grid.
        effects: Vec<EffectFacts>,
        /// Shapley values; empty unless three or more axes have two levels each.
        shapley: Vec<ShapleyFacts>,
        /// Answers to what reviewers ask about error bars and compute.
        checklist: Vec<ChecklistFacts>,
        /// Sentences below the table that are about the whole study.
        notes: Vec<String>,
    }
}

facts! {
    /// A variant with its comparison.
    pub(crate) struct ComparisonFacts {
        /// Label of the variant, as on the terminal.
        label: String,
        /// Name of the variant in ASCII, as in the column `variant`.
        variant: String,
        /// Block of the variant; null without `[compare] within`.
        block: Option<String>,
        /// Level of each axis of the study.
        levels: BTreeMap<String, String>,
        /// Seeds that finished.
        n: usize,
        /// Seeds that failed or diverged.
        n_failed: usize,
        /// Seeds that are planned.
        n_planned: usize,
        /// Seeds whose comparison waits for a run.
        n_outstanding: usize,
        /// Mean of the metric over the finished seeds.
        mean: Option<f64>,
        /// Standard deviation over the finished seeds; null below two.
        sd: Option<f64>,
        /// Interval of the mean; null below two seeds.
        interval: Option<IntervalFacts>,
        /// Verdict.
        verdict: VerdictWord,
        /// Verdict as the table prints it: with the number of seeds where some are missing.
        conclusion: String,
        /// Seeds that finished in both the variant and the baseline.
        n_pairs: Option<usize>,
        /// Mean difference from the baseline: variant minus baseline.
        difference: Option<f64>,
        /// Interval of the difference.
        difference_interval: Option<IntervalFacts>,
        /// Mean of the differences over their standard deviation.
        effect_dz: Option<f64>,
        /// Two-sided p value before the correction.
        p: Option<f64>,
        /// p value after the correction; null without one.
        p_corrected: Option<f64>,
        /// Correction of `p_corrected`.
        correction: Option<&'static str>,
        /// Smallest p value that this number of pairs can give.
        smallest_p: Option<f64>,
        /// Smallest p value after the correction.
        smallest_p_corrected: Option<f64>,
        /// Random sign flips behind `p`; null if all were enumerated.
        p_draws: Option<u32>,
        /// Random sign flips behind `p_corrected`; null if all were enumerated.
        p_corrected_draws: Option<u32>,
        /// Seeds on which the variant is better than the baseline.
        wins: Option<usize>,
        /// Seeds on which it is worse.
        losses: Option<usize>,
        /// Correlation of variant and baseline over the seeds.
        pair_correlation: Option<f64>,
        /// Difference over test examples instead of seeds; null if runs saved no values of examples.
        over_examples: Option<OverExamplesFacts>,
        /// Difference over seeds and test examples at once.
        crossed: Option<CrossedFacts>,
        /// Test of equivalence with the baseline; null without `[compare] negligible`.
        equivalence: Option<EquivalenceFacts>,
        /// False if a test rules out that the variant is the best; null if that is not computed.
        may_be_best: Option<bool>,
        /// Candidates that a tuned variant was chosen from.
        configurations: Option<usize>,
        /// Size of the model, such as its number of parameters.
        size: Option<u64>,
        /// Further sizes by their columns, such as `connected_parameters`.
        sizes: BTreeMap<String, Option<u64>>,
        /// Mean number of epochs.
        epochs_mean: Option<f64>,
        /// Training compute relative to the baseline.
        compute_ratio: Option<f64>,
        /// Reader's note on the row; empty if there is none.
        note: String,
    }
}

/// Verdict as a word of the tables.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VerdictWord(Verdict);

impl Serialize for VerdictWord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.words())
    }
}

impl HasSchema for VerdictWord {
    fn schema() -> Value {
        json!({ "type": "string", "enum": Verdict::ALL.map(Verdict::words) })
    }
}

facts! {
    /// Difference over test examples.
    pub(crate) struct OverExamplesFacts {
        /// Test examples.
        n: usize,
        /// Mean difference from the baseline.
        difference: Option<f64>,
        /// Its interval.
        interval: Option<IntervalFacts>,
    }
}

facts! {
    /// Difference over seeds and test examples at once.
    pub(crate) struct CrossedFacts {
        /// Interval of the difference.
        interval: IntervalFacts,
        /// Degrees of freedom.
        df: Option<f64>,
        /// Source of error of which more would make the interval narrower.
        narrower_with: String,
    }
}

facts! {
    /// Test of equivalence by two one-sided t tests.
    pub(crate) struct EquivalenceFacts {
        /// Interval that must be inside the margin.
        interval: IntervalFacts,
        /// p value before the correction.
        p: f64,
        /// p value after Holm's correction; null without one.
        p_corrected: Option<f64>,
    }
}

facts! {
    /// A study over its blocks.
    pub(crate) struct OverBlocksFacts {
        /// Names of the blocks.
        blocks: Vec<String>,
        /// One row for each variant apart from its block.
        rows: Vec<OverBlocksRowFacts>,
        /// Blocks that are ranked.
        n_ranked: usize,
        /// Friedman's chi-squared over the ranked blocks; null below six.
        friedman: Option<f64>,
        /// Its p value.
        friedman_p: Option<f64>,
        /// Difference of two mean ranks that is significant; null below ten blocks.
        critical_difference: Option<f64>,
        /// Sentences on the joint test and the ranks.
        notes: Vec<String>,
    }
}

facts! {
    /// A variant over all blocks.
    pub(crate) struct OverBlocksRowFacts {
        /// Label of the variant apart from its block.
        label: String,
        /// Its name in ASCII, as in `blocks.csv`.
        variant: String,
        /// Blocks that have it.
        n_blocks: usize,
        /// Blocks in which it is better than the baseline; null for the baseline.
        wins: Option<usize>,
        /// Blocks in which it is worse.
        losses: Option<usize>,
        /// Blocks in which neither was shown.
        undecided: Option<usize>,
        /// Mean of its ranks, 1 for the best.
        mean_rank: Option<f64>,
        /// Sum over the blocks of its studentised differences.
        joint_statistic: Option<f64>,
        /// Blocks with a pair.
        joint_blocks: Option<usize>,
        /// Seeds with a pair.
        joint_seeds: Option<usize>,
        /// p value of the joint sign-flip test.
        joint_p: Option<f64>,
        /// The same after the correction over the variants.
        joint_p_corrected: Option<f64>,
        /// Smallest p value that this number of seeds can give.
        joint_smallest_p: Option<f64>,
        /// Verdict of the joint test.
        verdict: VerdictWord,
        /// Verdict as the table prints it.
        conclusion: String,
        /// Reader's note on the row; empty if there is none.
        note: String,
    }
}

facts! {
    /// Main effect of a level, or interaction of two.
    pub(crate) struct EffectFacts {
        /// Its levels with their axes, as on the terminal.
        label: String,
        /// One axis with its level for a main effect, two for an interaction.
        at: Vec<EffectLevelFacts>,
        /// Seeds of the mean at these levels.
        n: usize,
        /// Mean at these levels over the rest of the grid.
        mean: Option<f64>,
        /// Interval of the mean.
        interval: Option<IntervalFacts>,
        /// Seeds of the effect; null at a reference level.
        n_effect: Option<usize>,
        /// Change from the reference levels.
        effect: Option<f64>,
        /// Interval of the change.
        effect_interval: Option<IntervalFacts>,
        /// Two-sided p value before the correction.
        p: Option<f64>,
        /// p value corrected over all effects of the study.
        p_corrected: Option<f64>,
    }
}

facts! {
    /// Level of an axis in an effect.
    pub(crate) struct EffectLevelFacts {
        /// Axis.
        axis: String,
        /// Level.
        level: String,
        /// Level with which it is compared.
        reference: String,
    }
}

facts! {
    /// Shapley value of the change of one axis.
    pub(crate) struct ShapleyFacts {
        /// Axis; null for all changes together.
        axis: Option<String>,
        /// Level before the change.
        reference: Option<String>,
        /// Level after the change.
        level: Option<String>,
        /// Seeds.
        n: usize,
        /// Share of the change.
        share: Option<f64>,
        /// Interval of the share.
        interval: Option<IntervalFacts>,
    }
}

facts! {
    /// Question of reviewers with its answer.
    pub(crate) struct ChecklistFacts {
        /// Question in short.
        question: &'static str,
        /// Answer in whole sentences.
        answer: String,
    }
}

facts! {
    /// Two experiments, matched by variant and seed.
    pub(crate) struct ChangesFacts {
        /// Name of the first experiment.
        first: String,
        /// Name of the second experiment.
        second: String,
        /// Compared metric.
        metric: MetricFacts,
        /// One row for each variant that both have.
        rows: Vec<ChangeFacts>,
        /// Labels of variants in the first alone.
        only_in_first: Vec<String>,
        /// Labels of variants in the second alone.
        only_in_second: Vec<String>,
        /// Pairs of runs with the same values to the last bit.
        n_identical: usize,
        /// Pairs of runs with other values.
        n_changed: usize,
        /// Runs that one of the experiments alone plans.
        n_unpaired: usize,
        /// Sentences below the table.
        remarks: Vec<String>,
        /// Remarks and warnings that are also on stderr.
        notes: Vec<String>,
    }
}

impl JsonDocument for ChangesFacts {
    const NAME: &'static str = "changes";
}

facts! {
    /// A variant in two experiments.
    pub(crate) struct ChangeFacts {
        /// Label of the variant, after its study where an experiment has several.
        label: String,
        /// Seeds of both.
        n_seeds: usize,
        /// Seeds with the same values to the last bit.
        n_identical: usize,
        /// Seeds with other values.
        n_changed: usize,
        /// Seeds without a value in one of them.
        n_unfinished: usize,
        /// Mean in the first experiment over the seeds that have a value in both.
        first_mean: Option<f64>,
        /// The same in the second.
        second_mean: Option<f64>,
        /// Mean of second minus first over the changed seeds.
        mean_change: Option<f64>,
        /// Change that is farthest from zero.
        largest_change: Option<f64>,
        /// Settings that changed, as `path old -> new`.
        settings: Vec<String>,
        /// Reason why the variant is not compared; null if it is.
        not_compared: Option<String>,
    }
}

impl CompareFacts {
    /// The facts of an experiment.
    pub(crate) fn of(
        results: &ExperimentResults,
        ablations: &[Ablation],
        notes: Vec<String>,
    ) -> Self {
        let compare = &results.plan.compare;
        Self {
            experiment: results.plan.name.clone(),
            metric: MetricFacts::of(results.metric()),
            level: compare.level,
            alpha: alpha(compare.alpha()),
            test: test(compare.test).to_owned(),
            correction: compare.correction.word().to_owned(),
            negligible: compare.negligible,
            within: compare.within.clone(),
            seeds: results.plan.seeds.iter().map(|seed| seed.0).collect(),
            studies: ablations.iter().enumerate().map(|(i, a)| study(results, i, a)).collect(),
            left_out: results.plan.left_out(),
            notes,
        }
    }
}

/// Name of a test in the experiment file.
pub(crate) fn test(test: PairedTest) -> &'static str {
    match test {
        PairedTest::SignFlip => "sign-flip",
        PairedTest::T => "t",
    }
}

/// Level of significance without the rounding error of `1 - level`.
pub(crate) fn alpha(alpha: f64) -> f64 {
    (alpha * 1e12).round() / 1e12
}

fn study(results: &ExperimentResults, index: usize, ablation: &Ablation) -> ComparedStudyFacts {
    let planned = &results.plan.studies[index];
    let past = results.past.as_ref().map(|past| &past.studies[index]);
    let is_blocked = !results.plan.compare.within.is_empty();
    let mut rows = Vec::new();
    for block in &ablation.blocks {
        let name = is_blocked.then_some(block.name.as_str());
        let of = |&v: &usize| row(results, planned, &ablation.rows[v], (name, ablation.correction));
        rows.extend(block.variants.iter().map(of));
    }
    let correction = ablation.external_correction();
    let external = ablation.external.iter();
    let effects = results.effects(index);
    let shapley = results.shapley(index);
    let remark = ablation.metric_remark;
    let remark = remark.map(|remark| format!("{}: {remark}", ablation.metric.words.head));
    ComparedStudyFacts {
        study: ablation.study.clone(),
        status: past.map(StudyPast::word),
        baseline: ablation
            .baseline
            .filter(|_| !is_blocked)
            .map(|v| ablation.rows[v].label.clone()),
        n_comparisons: ablation.comparisons(),
        best: ablation.best_in_words(),
        rows,
        external: external.map(|own| row(results, planned, own, (None, correction))).collect(),
        over_blocks: results.over_blocks(index, ablation).map(|over| over_blocks(&over, ablation)),
        effects: effects.map_or_else(Vec::new, |found| effect_rows(planned, &found)),
        shapley: shapley.map_or_else(Vec::new, |found| shapley_rows(planned, &found)),
        checklist: results
            .checklist(index)
            .into_iter()
            .map(|item| ChecklistFacts { question: item.question, answer: item.answer })
            .collect(),
        notes: remark
            .into_iter()
            .chain(ablation.equivalence_words())
            .chain(past.iter().flat_map(|past| past.notes()))
            .collect(),
    }
}

fn row(
    results: &ExperimentResults,
    planned: &PlannedStudy,
    row: &AblationRow,
    (block, correction): (Option<&str>, Correction),
) -> ComparisonFacts {
    let delta = row.delta.as_ref();
    let paired = delta.map(|delta| &delta.paired);
    let (difference, p) = (row.difference(), row.p());
    let crossed = delta.and_then(|delta| delta.crossed);
    let levels = planned.axes.iter().zip(&row.levels);
    ComparisonFacts {
        label: row.label.clone(),
        variant: row.name.clone(),
        block: block.map(str::to_owned),
        levels: levels.map(|(axis, level)| (axis.path.clone(), level.clone())).collect(),
        n: row.estimate.map_or(0, |estimate| estimate.n),
        n_failed: row.failed,
        n_planned: row.planned,
        n_outstanding: row.outstanding,
        mean: row.estimate.and_then(|estimate| number(estimate.mean)),
        sd: row.estimate.and_then(|estimate| estimate.sd).and_then(number),
        interval: IntervalFacts::of_estimate(row.estimate),
        verdict: VerdictWord(row.verdict),
        conclusion: row.conclusion(),
        n_pairs: paired.map(|paired| paired.difference.n),
        difference: difference.and_then(|difference| number(difference.mean)),
        difference_interval: IntervalFacts::of_estimate(difference),
        effect_dz: paired.and_then(|paired| paired.dz).and_then(number),
        p: p.map(|(p, _)| p),
        p_corrected: p.and_then(|(_, corrected)| corrected),
        correction: p.map(|_| correction.word()),
        smallest_p: delta.map(|delta| delta.smallest_p),
        smallest_p_corrected: delta
            .filter(|delta| delta.p_corrected.is_some())
            .map(|delta| delta.smallest_p_corrected),
        p_draws: paired.and_then(|paired| paired.test.draws),
        p_corrected_draws: delta.and_then(|delta| delta.p_corrected_draws),
        wins: paired.map(|paired| paired.wins),
        losses: paired.map(|paired| paired.losses),
        pair_correlation: paired.and_then(|paired| paired.correlation).and_then(number),
        over_examples: delta.and_then(|delta| delta.examples).map(|found| OverExamplesFacts {
            n: found.n,
            difference: number(found.mean),
            interval: IntervalFacts::of_estimate(Some(found)),
        }),
        crossed: crossed.map(|crossed| CrossedFacts {
            interval: IntervalFacts::of(crossed.interval),
            df: number(crossed.df),
            narrower_with: narrower_with(&crossed, results.metrics()),
        }),
        equivalence: delta.and_then(|delta| {
            let found = delta.equivalence?;
            Some(EquivalenceFacts {
                interval: IntervalFacts::of(found.interval),
                p: found.p,
                p_corrected: delta.p_equivalence_corrected,
            })
        }),
        may_be_best: row.may_be_best,
        configurations: row.tuning.as_ref().map(|tuning| tuning.configurations),
        size: row.size,
        sizes: results.metrics().shown.iter().cloned().zip(row.shown.iter().copied()).collect(),
        epochs_mean: row.epochs.and_then(number),
        compute_ratio: row.compute_ratio.and_then(number),
        note: row.note.clone(),
    }
}

fn over_blocks(over: &OverBlocks, ablation: &Ablation) -> OverBlocksFacts {
    let ranking = &over.ranking;
    let claim = over.claim(ablation.test);
    OverBlocksFacts {
        blocks: over.blocks.clone(),
        rows: over.rows.iter().map(over_blocks_row).collect(),
        n_ranked: ranking.blocks,
        friedman: ranking.friedman.and_then(|test| number(test.statistic)),
        friedman_p: ranking.friedman.map(|test| test.p),
        critical_difference: ranking.critical_difference.and_then(number),
        notes: std::iter::once(claim)
            .chain(ranking.words(ablation.feasibility.alpha))
            .collect(),
    }
}

fn over_blocks_row(row: &MethodRow) -> OverBlocksRowFacts {
    let (outcomes, joint) = (row.outcomes, row.joint.as_ref());
    OverBlocksRowFacts {
        label: row.method.label.clone(),
        variant: row.method.name.clone(),
        n_blocks: row.variants.iter().flatten().count(),
        wins: outcomes.map(|outcomes| outcomes.wins),
        losses: outcomes.map(|outcomes| outcomes.losses),
        undecided: outcomes.map(|outcomes| outcomes.undecided),
        mean_rank: row.mean_rank.and_then(number),
        joint_statistic: joint.and_then(|joint| number(joint.statistic)),
        joint_blocks: joint.map(|joint| joint.blocks),
        joint_seeds: joint.map(|joint| joint.seeds),
        joint_p: joint.map(|joint| joint.test.p),
        joint_p_corrected: joint.and_then(|joint| joint.p_corrected),
        joint_smallest_p: joint.map(|joint| joint.smallest_p),
        verdict: VerdictWord(row.verdict),
        conclusion: row.conclusion(),
        note: row.note.clone(),
    }
}

fn effect_rows(planned: &PlannedStudy, effects: &Effects) -> Vec<EffectFacts> {
    let all = effects.main.iter().chain(&effects.interactions);
    all.map(|effect| effect_row(planned, effects, effect)).collect()
}

fn effect_row(planned: &PlannedStudy, effects: &Effects, effect: &Effect) -> EffectFacts {
    let contrast = effect.contrast;
    let change = contrast.and_then(|contrast| contrast.estimate);
    let tested = contrast.filter(|contrast| contrast.estimate.is_some());
    let n = |estimate: Option<Estimate>| estimate.map_or(0, |estimate| estimate.n);
    let place = |&(axis, level): &(usize, usize)| {
        let Axis { path, levels, .. } = &planned.axes[axis];
        EffectLevelFacts {
            axis: path.clone(),
            level: levels[level].clone(),
            reference: levels[effects.reference[axis]].clone(),
        }
    };
    EffectFacts {
        label: effect.label(planned),
        at: effect.at.iter().map(place).collect(),
        n: n(effect.mean),
        mean: effect.mean.and_then(|estimate| number(estimate.mean)),
        interval: IntervalFacts::of_estimate(effect.mean),
        n_effect: contrast.map(|_| n(change)),
        effect: change.and_then(|estimate| number(estimate.mean)),
        effect_interval: IntervalFacts::of_estimate(change),
        p: tested.map(|contrast| contrast.test.p),
        p_corrected: tested.and_then(|contrast| contrast.p_corrected),
    }
}

fn shapley_rows(planned: &PlannedStudy, shapley: &Shapley) -> Vec<ShapleyFacts> {
    let row = |names: Option<[&String; 3]>, estimate: Option<Estimate>| {
        let [axis, reference, level] =
            names.map_or([const { None }; 3], |names| names.map(|name| Some(name.clone())));
        ShapleyFacts {
            axis,
            reference,
            level,
            n: estimate.map_or(0, |estimate| estimate.n),
            share: estimate.and_then(|estimate| number(estimate.mean)),
            interval: IntervalFacts::of_estimate(estimate),
        }
    };
    let shares = shapley.shares.iter().map(|share| {
        let axis = &planned.axes[share.axis];
        row(
            Some([&axis.path, &axis.levels[share.reference], &axis.levels[share.level]]),
            share.estimate,
        )
    });
    shares.chain([row(None, shapley.whole)]).collect()
}

impl ChangesFacts {
    /// The facts of two experiments.
    pub(crate) fn of(
        [first, second]: [&ExperimentResults; 2],
        comparison: &ExperimentComparison,
        notes: Vec<String>,
    ) -> Self {
        let [only_in_first, only_in_second] = comparison.only_in.clone();
        Self {
            first: first.plan.name.clone(),
            second: second.plan.name.clone(),
            metric: MetricFacts::of(first.metric()),
            rows: comparison.variants.iter().map(|row| change(comparison, row)).collect(),
            only_in_first,
            only_in_second,
            n_identical: comparison.n_identical,
            n_changed: comparison.n_changed,
            n_unpaired: comparison.n_unpaired,
            remarks: comparison.remarks([&first.plan.name, &second.plan.name]),
            notes,
        }
    }
}

fn change(comparison: &ExperimentComparison, row: &VariantComparison) -> ChangeFacts {
    let settings = comparison.settings.iter();
    let means = row.means();
    ChangeFacts {
        label: row.label.clone(),
        n_seeds: row.n_seeds(),
        n_identical: row.n_identical,
        n_changed: row.differences.len(),
        n_unfinished: row.n_unfinished,
        first_mean: means.and_then(|means| number(means[0])),
        second_mean: means.and_then(|means| number(means[1])),
        mean_change: row.mean_difference().and_then(number),
        largest_change: row.largest_difference().and_then(number),
        settings: settings
            .filter(|(_, variants)| variants.contains(&row.label))
            .map(|(setting, _)| setting.clone())
            .collect(),
        not_compared: row.incomparable.clone(),
    }
}
