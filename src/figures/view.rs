//! View of one study of a plan, joined with its runs, for figures.

use super::looks::{Look, Looks};
use super::scale::{ValueAxis, extent};
use super::style::Color;
use crate::plan::{Plan, PlannedStudy, RunSpec};
use crate::record::{EpochRow, RunRecord, RunStatus};
use crate::results::ExperimentResults;
use crate::rng::Seed;
use crate::stats;
use crate::text::{self, percent};
use crate::trainer::{Better, Curve, Metric, Metrics, Otherwise, Scored, Trainer, Unit};

/// A mean and half the width of its interval; no width for a single value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct MeanInterval {
    pub(crate) mean: f64,
    pub(crate) half: Option<f64>,
}

impl MeanInterval {
    /// The mean and half the interval of an estimate.
    pub(crate) fn of(estimate: &stats::Estimate) -> Self {
        let half = estimate.interval.map(|interval| interval.high - estimate.mean);
        Self { mean: estimate.mean, half }
    }

    /// `93.5 ± 1.7`.
    pub(crate) fn words(self) -> String {
        text::estimate(self.mean, self.half)
    }
}

/// One study of a plan.
pub(crate) struct View<'a> {
    pub(crate) trainer: &'a dyn Trainer,
    pub(crate) metrics: &'a Metrics,
    metric: &'a Metric,
    pub(crate) plan: &'a Plan,
    pub(crate) planned: &'a PlannedStudy,
    pub(crate) variants: Vec<Variant<'a>>,
    pub(crate) baseline: Option<usize>,
    /// Index of the baseline of each variant: that of its block, or of the study.
    pub(crate) references: Vec<Option<usize>>,
    /// Colours and forms of the variants.
    pub(crate) looks: Looks,
    /// Half the width of an interval of `n` values, in standard errors, at index `n`.
    reach: Vec<f64>,
}

/// A variant and its runs, in the order of the plan's seeds.
pub(crate) struct Variant<'a> {
    pub(crate) label: &'a str,
    pub(crate) levels: &'a [String],
    pub(crate) replicates: Vec<Replicate<'a>>,
}

/// A run as a replicate of a variant.
pub(crate) struct Replicate<'a> {
    pub(crate) seed: Seed,
    pub(crate) spec: &'a RunSpec,
    pub(crate) record: &'a RunRecord,
    /// Value of the compared metric, if the run finished.
    pub(crate) score: Option<f64>,
}

static OUTSTANDING: RunRecord = RunRecord {
    status: RunStatus::Outstanding,
    error: None,
    summary: None,
    epochs: Vec::new(),
    timing: None,
};

impl<'a> View<'a> {
    /// View of one of the plan's studies.
    pub(crate) fn new(study: &'a ExperimentResults, planned: &'a PlannedStudy) -> Self {
        Self::by(study, planned, study.metric())
    }

    /// View of one of the plan's studies by another metric than the compared one.
    pub(crate) fn by(
        study: &'a ExperimentResults,
        planned: &'a PlannedStudy,
        metric: &'a Metric,
    ) -> Self {
        let plan = &study.plan;
        let specs = plan.by_id();
        let variants: Vec<Variant> = planned
            .variants
            .iter()
            .map(|variant| Variant {
                label: &variant.label,
                levels: &variant.levels,
                replicates: variant
                    .runs
                    .iter()
                    .zip(&plan.seeds)
                    .filter_map(|(id, &seed)| {
                        let record = study.records.get(id).unwrap_or(&OUTSTANDING);
                        Some(Replicate {
                            seed,
                            spec: specs.get(id)?,
                            record,
                            score: metric.of(record),
                        })
                    })
                    .collect(),
            })
            .collect();
        let baseline = study.baseline(planned);
        let reach = |n: usize| {
            if n < 2 {
                0.0
            } else {
                stats::t_quantile(f64::midpoint(1.0, plan.compare.level), (n - 1) as f64)
            }
        };
        // By the compared metric in every figure, so that a variant keeps its look.
        let value = |variant: &Variant| {
            let values = variant.replicates.iter().filter_map(|r| study.metric().of(r.record));
            stats::mean(&values.collect::<Vec<_>>())
        };
        let mut best: Vec<(usize, f64)> = variants
            .iter()
            .enumerate()
            .filter_map(|(i, variant)| Some((i, value(variant)?)))
            .collect();
        best.sort_by(|a, b| study.metric().better.order(a.1, b.1));
        let best: Vec<usize> = best.into_iter().map(|(i, _)| i).collect();
        Self {
            trainer: &*study.trainer,
            metrics: study.metrics(),
            metric,
            plan,
            planned,
            looks: Looks::of(planned, baseline, &best),
            variants,
            baseline,
            references: study.references(planned),
            reach: (0..=plan.seeds.len()).map(reach).collect(),
        }
    }

    /// Colour and form of the marks of a variant.
    pub(crate) fn look(&self, variant: usize) -> Look {
        self.looks.variants[variant]
    }

    /// Colour of a variant.
    pub(crate) fn color(&self, variant: usize) -> Color {
        self.look(variant).color()
    }

    /// Student's t quantile by number of values: half the width of an interval in standard errors.
    pub(crate) fn reach(&self) -> &[f64] {
        &self.reach
    }

    /// Mean and t interval of values over seeds, at most one value per seed.
    pub(crate) fn estimate(&self, values: &[f64]) -> Option<MeanInterval> {
        let n = values.len();
        let half = stats::sd(values).map(|sd| self.reach[n] * sd / (n as f64).sqrt());
        Some(MeanInterval { mean: stats::mean(values)?, half })
    }

    /// Compared metric.
    pub(crate) fn metric(&self) -> &'a Metric {
        self.metric
    }

    /// Curve of held-out examples that is drawn next to training, if runs have one.
    pub(crate) fn held_out(&self) -> Option<&'a Curve> {
        Some(&self.metrics.curves[self.metrics.held_out(self.metric)?])
    }

    /// Value of that curve in an epoch.
    pub(crate) fn held_out_of(&self, row: &EpochRow) -> f64 {
        self.metrics.held_out(self.metric).map_or(f64::NAN, |curve| row.values[curve])
    }

    /// Value of the training curve in an epoch.
    pub(crate) fn training_of(&self, row: &EpochRow) -> f64 {
        self.metrics.training.map_or(f64::NAN, |curve| row.values[curve])
    }

    /// Short name of the values of the compared metric.
    pub(crate) fn family(&self) -> &'a str {
        self.metrics.word(self.metric)
    }

    /// Name of the drawn curve: `validation NLL`, or the curve's own where metrics share no name.
    pub(crate) fn curve_name(&self) -> String {
        let Some(curve) = self.held_out() else { return String::new() };
        match self.metrics.family.as_str() {
            "" => curve.words.clone(),
            family => format!("{} {family}", curve.words),
        }
    }

    /// Unit of the drawn curve: that of the family, which a metric of another unit does not change.
    pub(crate) fn curve_unit(&self) -> &'a Unit {
        match self.metrics.family.is_empty() {
            true => self.held_out().map_or(&self.metric.unit, |curve| &curve.unit),
            false => &self.metrics.all[0].unit,
        }
    }

    /// Name of the values of the drawn curves.
    pub(crate) fn curve_family(&self) -> &'a str {
        match self.metrics.family.as_str() {
            "" => self.family(),
            family => family,
        }
    }

    /// `Epoch`, or `Step` of a program, which numbers its steps as it likes.
    pub(crate) fn step_word(&self) -> &'static str {
        if self.plan.program.is_some() { "Step" } else { "Epoch" }
    }

    /// Direction of the drawn curve.
    pub(crate) fn curve_better(&self) -> Better {
        self.held_out().and_then(|curve| curve.better).unwrap_or(self.metric.better)
    }

    /// `Lower is better.`
    pub(crate) fn direction(&self) -> String {
        format!("{} is better.", self.metric.better.word())
    }

    /// ` in nats per image`; empty if there is no unit.
    pub(crate) fn in_unit(&self) -> String {
        let unit = &self.metric.unit.long;
        if unit.is_empty() { String::new() } else { format!(" in {unit}") }
    }

    /// Axes with several levels, for a title: `ordering and skip`, or `5 settings`.
    pub(crate) fn axes_words(&self, axes: &[usize]) -> String {
        let names: Vec<&str> = axes.iter().map(|&i| self.planned.axes[i].column.as_str()).collect();
        match names[..] {
            [one] => one.to_owned(),
            [a, b] => format!("{a} and {b}"),
            [a, b, c] => format!("{a}, {b} and {c}"),
            [a, b, c, d] => format!("{a}, {b}, {c} and {d}"),
            _ => format!("{} settings", names.len()),
        }
    }

    /// Indices of the axes along which variants differ.
    pub(crate) fn varied(&self) -> Vec<usize> {
        let axes = &self.planned.axes;
        (0..axes.len()).filter(|&i| axes[i].levels.len() > 1 && !axes[i].tune).collect()
    }

    /// Name of the compared metric.
    pub(crate) fn metric_name(&self) -> &'a str {
        &self.metric.words.long
    }

    /// Examples on which variants were scored, by variant. An outstanding run does not report its
    /// binarisation yet, which is no difference: such variants are left out if others are told.
    fn scored(&self, variants: impl Iterator<Item = usize>) -> Vec<(usize, Scored<'a>)> {
        let runs = |v: usize| self.variants[v].replicates.iter();
        let is_told = |r: &Replicate| r.record.summary.is_some();
        let (told, others): (Vec<usize>, Vec<usize>) =
            variants.partition(|&v| runs(v).any(is_told));
        let variants = if told.is_empty() { others } else { told };
        let of = |v: usize| {
            let run = runs(v).max_by_key(|r| is_told(r))?;
            Some((v, run.spec.scored(Some(run.record))))
        };
        variants.into_iter().filter_map(of).collect()
    }

    /// True if variants are scored on data with comparable values.
    pub(crate) fn are_comparable(&self, variants: impl Iterator<Item = usize>) -> bool {
        let scored = self.scored(variants);
        scored.iter().all(|(_, own)| {
            let otherwise = self.trainer.otherwise(own, &scored[0].1, "");
            !matches!(otherwise, Some(Otherwise::Incomparable(_)))
        })
    }

    /// Sentence on the examples on which the variants were scored.
    pub(crate) fn data(&self) -> String {
        let mut data: Vec<(String, Vec<&str>)> = Vec::new();
        for (variant, scored) in self.scored(0..self.variants.len()) {
            let label = self.variants[variant].label;
            let words = self.trainer.data_words(&scored);
            if words.is_empty() {
                continue;
            }
            match data.iter_mut().find(|(known, _)| *known == words) {
                Some((_, labels)) => labels.push(label),
                None => data.push((words, vec![label])),
            }
        }
        match &data[..] {
            [] => String::new(),
            [(words, _)] => format!(" Data: {words}."),
            all => {
                // The labels of a study of several data sets as blocks repeat the names of the sets.
                let is_blocked = !self.plan.compare.within.is_empty();
                let of = |(words, labels): &(String, Vec<&str>)| match is_blocked {
                    true => words.clone(),
                    false => format!("{words} ({})", labels.join(", ")),
                };
                let each: Vec<String> = all.iter().map(of).collect();
                let warning = if self.are_comparable(0..self.variants.len()) {
                    String::new()
                } else {
                    let values = match self.metrics.family.as_str() {
                        "" => "values",
                        family => family,
                    };
                    format!(", and {values} on different data do not compare")
                };
                format!(" Data differ{warning}: {}.", each.join("; "))
            }
        }
    }

    /// Short form for the label of an axis.
    pub(crate) fn metric_label(&self) -> String {
        format!("{}{}", self.metric.words.axis, self.metric.unit.in_brackets())
    }

    /// Description of the error bars.
    pub(crate) fn bars(&self) -> String {
        match self.plan.seeds.len() {
            1 => "1 seed: no interval.".to_owned(),
            n => format!("Bars: {} % t interval over {n} seeds.", percent(self.plan.compare.level)),
        }
    }

    /// Vertical axis for estimates of the compared metric. Intervals may widen it, up to a limit: those of
    /// two or three seeds can be many times wider than the differences.
    pub(crate) fn value_axis(&self, estimates: &[MeanInterval]) -> Option<ValueAxis> {
        self.value_axis_with(estimates, &[])
    }

    /// The same axis with values of single seeds, which may widen it up to the same limit.
    pub(crate) fn value_axis_with(
        &self,
        estimates: &[MeanInterval],
        seeds: &[f64],
    ) -> Option<ValueAxis> {
        let (lo, hi) = reach_with(estimates, seeds)?;
        let axis = ValueAxis::airy(&self.metric_label(), lo, hi, 6);
        Some(axis.improving_up(self.metric.better))
    }

    /// Number of runs that are outstanding.
    pub(crate) fn outstanding(&self) -> usize {
        self.count(RunStatus::Outstanding)
    }

    fn count(&self, status: RunStatus) -> usize {
        self.variants
            .iter()
            .flat_map(|v| &v.replicates)
            .filter(|r| r.record.status == status)
            .count()
    }

    /// Sentence on the progress of the study.
    pub(crate) fn progress(&self) -> String {
        let total: usize = self.variants.iter().map(|v| v.replicates.len()).sum();
        let parts = [
            (RunStatus::Finished, "finished"),
            (RunStatus::Diverged, "diverged"),
            (RunStatus::Failed, "failed"),
            (RunStatus::Outstanding, "not run yet"),
        ];
        let parts: Vec<String> = parts
            .into_iter()
            .map(|(status, word)| (self.count(status), word))
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        match total {
            0 => "The study has no runs.".into(),
            1 if self.count(RunStatus::Finished) == 1 => "Its only run has finished.".into(),
            n if self.count(RunStatus::Finished) == n => format!("All {n} runs have finished."),
            n => {
                let open =
                    if self.count(RunStatus::Outstanding) > 0 { "Not complete yet. " } else { "" };
                format!("{open}Of {n} runs: {}.", parts.join(", "))
            }
        }
    }

    /// Sentence for the subtitle on runs without a value, otherwise empty: ` 2 failed, 1 diverged.`
    pub(crate) fn lost(&self) -> String {
        let words = [(RunStatus::Failed, "failed"), (RunStatus::Diverged, "diverged")];
        let counts = words.map(|(status, word)| (self.count(status), word));
        let parts = counts.iter().filter(|(n, _)| *n > 0);
        let parts: Vec<String> =
            parts.map(|(n, word)| format!("{} {word}", text::count(*n, "run"))).collect();
        if parts.is_empty() { String::new() } else { format!(" {}.", parts.join(", ")) }
    }

    /// Sentence for the subtitle while runs are outstanding, otherwise empty.
    pub(crate) fn unfinished(&self) -> String {
        match self.count(RunStatus::Outstanding) {
            0 => String::new(),
            1 => " 1 run is still to come.".into(),
            n => format!(" {n} runs are still to come."),
        }
    }
}

impl<'a> Variant<'a> {
    pub(crate) fn finished(&self) -> impl Iterator<Item = &Replicate<'a>> {
        self.replicates.iter().filter(|r| r.record.status == RunStatus::Finished)
    }

    pub(crate) fn diverged(&self) -> impl Iterator<Item = &Replicate<'a>> {
        self.replicates.iter().filter(|r| r.record.status == RunStatus::Diverged)
    }

    /// Compared metric over the finished seeds.
    pub(crate) fn score(&self, view: &View) -> Option<MeanInterval> {
        view.estimate(&self.replicates.iter().filter_map(|r| r.score).collect::<Vec<_>>())
    }

    /// Runs that the values lack: `1 of 3 diverged, 1 of 3 failed`; empty if all finished.
    pub(crate) fn missing(&self) -> String {
        let total = self.replicates.len();
        let words = [
            (RunStatus::Diverged, "diverged"),
            (RunStatus::Failed, "failed"),
            (RunStatus::Outstanding, "to run"),
        ];
        let counts = words.into_iter().map(|(status, word)| {
            (self.replicates.iter().filter(|r| r.record.status == status).count(), word)
        });
        let parts: Vec<String> = counts
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} of {total} {word}"))
            .collect();
        parts.join(", ")
    }

    /// Differences to the baseline over the seeds that both finished.
    pub(crate) fn differences(&self, baseline: &Variant) -> Vec<f64> {
        let pairs = self.replicates.iter().zip(&baseline.replicates);
        pairs.filter_map(|(own, other)| Some(own.score? - other.score?)).collect()
    }

    /// Size of the model, if a run reports it.
    pub(crate) fn size(&self, view: &View) -> Option<u64> {
        let name = view.metrics.size.as_ref()?;
        let of = |r: &Replicate| r.record.summary.as_ref()?.facts.get(name)?.as_u64();
        self.replicates.iter().find_map(of)
    }
}

/// Range of the means, widened by their intervals up to a limit.
pub(crate) fn reach(estimates: &[MeanInterval]) -> Option<(f64, f64)> {
    reach_with(estimates, &[])
}

/// The same range with further values, which widen it up to the same limit.
fn reach_with(estimates: &[MeanInterval], values: &[f64]) -> Option<(f64, f64)> {
    let (lo, hi) = extent(estimates.iter().map(|e| e.mean))?;
    let most = 0.75 * (hi - lo).max(0.01 * hi.abs());
    let ends = estimates
        .iter()
        .filter_map(|e| e.half.map(|half| [e.mean - half, e.mean + half]));
    let (low, high) = extent(ends.flatten().chain(values.iter().copied())).unwrap_or((lo, hi));
    Some((lo.min(low.max(lo - most)), hi.max(high.min(hi + most))))
}
