//! Results of other tools, compared with the baseline of a study: paired where their seeds are those
//! of the plan, otherwise by Welch's t test. They are a family of comparisons of their own.

use super::ExperimentResults;
use super::ablation::{Ablation, AblationRow, Delta, Unpaired, Verdict};
use crate::plan::{Correction, External, PlannedStudy};
use crate::record::RunStatus;
use crate::rng::{Purpose, Seed};
use crate::stats::{Estimate, Paired, Welch, holm, smallest_p};
use crate::text::count;
use crate::trainer::Otherwise;

/// Index of the first random stream for their sign vectors; variants use small indices.
const FIRST_STREAM: u64 = 1 << 62;

/// Number of seeds that a note lists.
const MOST_SEEDS: usize = 12;

impl Ablation {
    /// Correction of the p values of other tools: Holm's method, where there is a correction.
    pub fn external_correction(&self) -> Correction {
        match self.correction {
            Correction::None => Correction::None,
            Correction::MaxT | Correction::Holm => Correction::Holm,
        }
    }
}

impl ExperimentResults {
    /// A row for each result of another tool that a study is compared with.
    pub(super) fn external_rows(
        &self,
        study: &PlannedStudy,
        baseline: Option<usize>,
    ) -> Vec<AblationRow> {
        let own = self.plan.external.iter().enumerate();
        let own = own.filter(|(_, external)| external.is_in(&study.name));
        let mut rows: Vec<AblationRow> = own
            .map(|(i, external)| self.external_row(i, external, study, baseline))
            .collect();
        let p: Vec<f64> = rows.iter().filter_map(|row| Some(row.p()?.0)).collect();
        let floors: Vec<f64> = rows
            .iter()
            .filter(|row| row.p().is_some())
            .map(|row| row.delta.map_or(0.0, |delta| delta.smallest_p))
            .collect();
        if self.plan.compare.correction != Correction::None {
            let corrected = holm(&p).into_iter().zip(holm(&floors));
            let compared = rows.iter_mut().filter(|row| row.p().is_some());
            for (row, (p, floor)) in compared.zip(corrected) {
                if let Some(delta) = &mut row.delta {
                    (delta.p_corrected, delta.smallest_p_corrected) = (Some(p), floor);
                }
                if let Some(unpaired) = &mut row.unpaired {
                    unpaired.p_corrected = Some(p);
                }
                if floors.len() > 1 {
                    let tools = count(floors.len(), "other tool");
                    row.note += &format!("; p corrected over {tools} by Holm's method");
                }
            }
        }
        for row in &mut rows {
            self.judge_external(row);
        }
        rows
    }

    fn external_row(
        &self,
        index: usize,
        external: &External,
        study: &PlannedStudy,
        baseline: Option<usize>,
    ) -> AblationRow {
        let level = self.plan.compare.level;
        let values: Vec<f64> = external.values.iter().map(|own| own.value).collect();
        let runs = baseline.map(|base| &study.variants[base].runs);
        let waits = |run: &&_| self.records[*run].status == RunStatus::Outstanding;
        let outstanding = runs.map_or(0, |runs| runs.iter().filter(waits).count());
        let mut notes = vec![format!("results of another tool: {}", external.file)];
        // Baseline and number of test examples, where its runs saved the metric of each.
        let scored = (self.examples.iter())
            .find(|((study_index, _), _)| self.plan.studies[*study_index].name == study.name)
            .map(|(_, estimate)| estimate.n);
        let otherwise = match (external.examples, scored) {
            (Some(own), Some(scored)) if own != scored => Some(Otherwise::Incomparable(format!(
                "scored on {own} examples, the baseline on {scored}"
            ))),
            _ => None,
        };
        let (mut delta, mut unpaired) = (None, None);
        if let Some(Otherwise::Incomparable(why)) = &otherwise {
            notes.push(why.clone());
        } else if let Some(runs) = runs {
            let control: Vec<Option<f64>> = runs.iter().map(|run| self.value(run)).collect();
            match self.other_seeds(external) {
                None => {
                    let pair = |(seed, value): (&Seed, &Option<f64>)| {
                        Some((external.of(*seed)?, (*value)?))
                    };
                    let pairs = self.plan.seeds.iter().zip(&control).filter_map(pair);
                    let (treated, control): (Vec<f64>, Vec<f64>) = pairs.unzip();
                    delta = self.paired(index, &treated, &control);
                    notes.push("paired by seed".to_owned());
                }
                Some(why) => {
                    let control: Vec<f64> = control.into_iter().flatten().collect();
                    let welch = Welch::of(&values, &control, level);
                    unpaired = welch.map(|welch| Unpaired { welch, p_corrected: None });
                    notes.push(format!("not paired, by Welch's t test: {why}"));
                }
            }
            notes.push("that it was scored on the same data is not checked".to_owned());
        }
        AblationRow {
            label: format!("{} (external)", external.label),
            name: external.name.clone(),
            levels: Vec::new(),
            planned: values.len(),
            failed: 0,
            outstanding,
            estimate: Estimate::of(&values, level),
            delta,
            unpaired,
            size: None,
            shown: vec![None; self.metrics().shown.len()],
            epochs: None,
            compute_ratio: None,
            seconds: None,
            unread_examples: Vec::new(),
            otherwise,
            tuning: None,
            verdict: if baseline.is_some() { Verdict::NoPairs } else { Verdict::NoBaseline },
            identical: false,
            may_be_best: None,
            note: notes.join("; "),
        }
    }

    /// Difference between the seeds of another tool's results and those of the plan; `None` if they
    /// are the same.
    fn other_seeds(&self, external: &External) -> Option<String> {
        let seeds = &self.plan.seeds;
        let lacks: Vec<String> = seeds
            .iter()
            .filter(|seed| external.of(**seed).is_none())
            .map(|seed| seed.0.to_string())
            .collect();
        let others: Vec<String> = external
            .values
            .iter()
            .filter(|own| !seeds.contains(&own.seed))
            .map(|own| own.seed.0.to_string())
            .collect();
        let listed = |all: &[String]| {
            let (shown, rest) = all.split_at(all.len().min(MOST_SEEDS));
            let rest = if rest.is_empty() {
                String::new()
            } else {
                format!(" and {} more", rest.len())
            };
            shown.join(", ") + &rest
        };
        match (lacks.is_empty(), others.is_empty()) {
            (true, true) => None,
            (false, true) => Some(format!("it lacks the seeds {}", listed(&lacks))),
            (true, false) => Some(format!("it has other seeds besides, {}", listed(&others))),
            (false, false) => Some(format!(
                "it lacks the seeds {} and has others, {}",
                listed(&lacks),
                listed(&others)
            )),
        }
    }

    fn paired(&self, index: usize, treated: &[f64], control: &[f64]) -> Option<Delta> {
        let mut stream = Seed(0).stream(Purpose::Statistics, FIRST_STREAM + index as u64);
        let level = self.plan.compare.level;
        let paired = Paired::of(treated, control, level, || stream.bits())?;
        let floor = smallest_p(paired.difference.n);
        Some(Delta::uncorrected(self.directed(paired), floor))
    }

    fn judge_external(&self, row: &mut AblationRow) {
        if matches!(row.otherwise, Some(Otherwise::Incomparable(_))) {
            row.verdict = Verdict::NotComparable;
        } else if row.verdict != Verdict::NoBaseline && row.outstanding > 0 {
            row.verdict = Verdict::Incomplete;
            let seeds = count(self.plan.seeds.len(), "seed");
            row.note += &format!("; {} of {seeds} of the baseline incomplete", row.outstanding);
        } else if let (Some(difference), Some((p, corrected))) = (row.difference(), row.p()) {
            let alpha = self.plan.compare.alpha();
            let floor = row.delta.map_or(0.0, |delta| delta.smallest_p_corrected);
            row.verdict = match () {
                () if floor > alpha => Verdict::TooFewSeeds,
                () if corrected.unwrap_or(p) > alpha => Verdict::NoEvidence,
                () if self.metric().better.is_better(difference.mean, 0.0) => Verdict::Better,
                () => Verdict::Worse,
            };
        }
    }
}
