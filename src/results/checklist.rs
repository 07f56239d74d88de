//! Reviewers' checklist on error bars and compute, answered from a study's plan and records.
//!
//! The questions are those of conferences' checklists: definition of intervals, number of seeds,
//! selection of the model and its hyper-parameters, and total compute, including failed runs.

use std::collections::BTreeSet;

use super::ExperimentResults;
use crate::plan::{Correction, PairedTest, Plan, PlannedVariant};
use crate::record::{RunRecord, RunStatus, Timing};
use crate::text::{count, duration, p_value, short, some_of};
use crate::trainer::{Better, Declaration};

/// A question, and the study's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Short form, for a heading.
    pub question: &'static str,
    /// Answer in whole sentences.
    pub answer: String,
}

impl Plan {
    /// Name of wall time times threads. Of a program it is not known how many of its processors it
    /// used.
    pub fn time_word(&self) -> &'static str {
        match self.program {
            Some(_) => "reserved CPU time",
            None => "thread time",
        }
    }
}

impl ExperimentResults {
    /// The checklist of the study with this index in the plan, in a fixed order.
    ///
    /// # Panics
    /// If there is no such study.
    pub fn checklist(&self, index: usize) -> Vec<Item> {
        let records = self.records_of(index);
        let item = |question, answer: String| Item { question, answer };
        let mut items = vec![
            item("What is reported", self.reported()),
            item("What the intervals are", self.intervals(index)),
            item("What varies between replicates", self.varies()),
            item("Number of replicates", self.replicate_count(index)),
            item("Significance", self.significance(index)),
            item("Seeds and registration", self.registration(index)),
            item("Selection", self.selection(index)),
            item("Hyper-parameters", self.tuned(index)),
            item("Hardware", hardware(&records)),
            item("Compute", compute(&records, self.plan.program.as_deref())),
        ];
        if let Some(blocks) = self.blocks_answer(index) {
            items.insert(5, item("Blocks", blocks));
        }
        items
    }

    /// Sentences on the blocks of a study; `None` without `[compare] within`.
    fn blocks_answer(&self, index: usize) -> Option<String> {
        let ablation = self.ablation(index);
        let over = self.over_blocks(index, &ablation)?;
        let tested = over.rows.iter().filter(|row| row.joint.is_some()).count();
        let correction = match self.plan.compare.correction {
            Correction::MaxT => {
                format!("corrected over {} by step-down max-T", count(tested, "variant"))
            }
            Correction::Holm => {
                format!("corrected over {} by Holm's method", count(tested, "variant"))
            }
            Correction::None => "not corrected".to_owned(),
        };
        Some(format!(
            "Each of {} of {} ({}) has a baseline of its own; no value is compared or averaged over blocks. {} Its p values \
             are {correction}. {}",
            count(over.blocks.len(), "block"),
            over.axes.join(" and "),
            some_of(over.blocks.iter().map(String::as_str)),
            over.claim(ablation.test),
            over.ranking.words(ablation.feasibility.alpha).join(" ")
        ))
    }

    /// Records of the runs of a study, each once.
    fn records_of(&self, index: usize) -> Vec<&RunRecord> {
        let runs: BTreeSet<_> = self.plan.studies[index]
            .variants
            .iter()
            .flat_map(PlannedVariant::all_runs)
            .collect();
        runs.into_iter().map(|run| &self.records[run]).collect()
    }

    fn reported(&self) -> String {
        let metric = self.metric();
        format!("The {}. {} is better.", metric.words.exact, metric.better.word())
    }

    fn intervals(&self, index: usize) -> String {
        let level = self.plan.compare.percent();
        let examples = &self.metrics().examples;
        let second = if self.examples.keys().any(|(study, _)| *study == index) {
            &format!(
                " Columns with `{examples}` hold a second interval, over the test {examples} instead of the seeds: it \
                 answers \"another test set\", the first one \"another training\". The two are never pooled; columns with \
                 `crossed` hold an interval over both at once, from variance components of seeds and {examples}."
            )
        } else if self.plan.program.is_some() {
            " Whether all seeds are scored on one test set is up to the program and is not checked here; if they are, the \
             interval answers \"another training\", not \"another test set\"."
        } else {
            " All seeds share one test set: the interval answers \"another training\", not \"another test set\"."
        };
        format!(
            "{level} % Student t intervals, in closed form, of the mean over seeds; of a difference, of the mean over \
             the seeds' paired differences. Assumed: the seeds are independent and their values about normal. \
             Half-widths after \u{b1}, standard deviations in columns named sd (divisor n - 1), no standard errors.{second}"
        )
    }

    fn varies(&self) -> String {
        let configs: Vec<_> = self.plan.runs.iter().map(|run| &run.config).collect();
        self.trainer.varies(&configs)
    }

    fn replicate_count(&self, index: usize) -> String {
        let planned = self.plan.seeds.len();
        let variants = &self.plan.studies[index].variants;
        let lost: Vec<String> = variants
            .iter()
            .filter_map(|variant| {
                let n = variant.runs.iter().filter(|run| self.value(run).is_some()).count();
                (n < planned).then(|| format!("{} has {n}", variant.label))
            })
            .collect();
        let lost = match lost.as_slice() {
            [] => "; every variant has all of them.".to_owned(),
            some => format!(
                "; {}. Comparisons are made on the seeds that both sides have.",
                some.join(", ")
            ),
        };
        let (seeds, variants) = (count(planned, "seed"), count(variants.len(), "variant"));
        format!("{seeds} in each of {variants}{lost}")
    }

    fn significance(&self, index: usize) -> String {
        let ablation = self.ablation(index);
        if ablation.baseline.is_none() {
            return "The study does not hold its baseline: nothing was compared.".to_owned();
        }
        let correction = match self.plan.compare.correction {
            Correction::MaxT => format!(
                "corrected over the {} of the study by step-down max-T with joint sign flips (Westfall and Young 1993)",
                count(ablation.comparisons(), "comparison")
            ),
            Correction::Holm => {
                format!(
                    "Holm's correction over the {} of the study",
                    count(ablation.comparisons(), "comparison")
                )
            }
            Correction::None => "not corrected for the number of comparisons".to_owned(),
        };
        let deltas = || ablation.rows.iter().filter_map(|row| row.delta.as_ref());
        let drawn = deltas()
            .filter_map(|delta| delta.paired.test.draws.or(delta.p_corrected_draws))
            .max();
        let how = match drawn {
            _ if ablation.test == PairedTest::T => "which assumes that they are normal".to_owned(),
            Some(draws) => {
                format!(
                    "estimated from {draws} random flips, seeded, where p_draws or p_corrected_draws say so"
                )
            }
            None => "exact: every flip is counted".to_owned(),
        };
        let can = &ablation.feasibility;
        let reach = if can.reachable() {
            String::new()
        } else {
            format!(
                " That is above {}: no outcome of this study could have been significant; {}.",
                short(can.alpha),
                can.seeds_needed.map_or_else(
                    || "nor with more seeds".to_owned(),
                    |n| format!("{} could", count(n, "seed"))
                )
            )
        };
        let equivalence = ablation.equivalence_words().map_or_else(String::new, |words| {
            format!(" Equivalence was tested at the same level; {words}.")
        });
        // A t test has no smallest p.
        let floor = if can.smallest_p > 0.0 {
            format!(
                " Smallest p that {} can give: {}, corrected {}.",
                count(can.seeds, "seed"),
                p_value(can.smallest_p),
                p_value(can.smallest_p_corrected)
            )
        } else {
            String::new()
        };
        format!(
            "Two-sided {} of the paired differences, {how}; {correction}; level {}.{floor}{reach}{equivalence}",
            ablation.test.words(),
            short(can.alpha),
        )
    }

    /// Sentences on what was fixed before the runs, and on seeds that changed afterwards.
    fn registration(&self, index: usize) -> String {
        let Some(past) = &self.past else {
            return "These results have no record of their past.".to_owned();
        };
        let study = &past.studies[index];
        let mut sentences = study.notes();
        if study.registered.is_none() {
            sentences.insert(0, "exploratory: no design was registered before the runs".into());
        }
        if study.earlier.is_empty() {
            let told = if study.is_known {
                "no other seeds of these comparisons were seen before its table"
            } else {
                "it cannot be known from the record whether other seeds of these comparisons were seen \
                 before its table"
            };
            sentences.push(told.into());
        }
        sentences.extend(past.unreadable.iter().map(|reason| {
            format!(
                "the record of the past is incomplete, so that more may have been seen: {reason}"
            )
        }));
        let sentence = |text: String| {
            let mut letters = text.chars();
            let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
            format!("{first}{}.", letters.as_str())
        };
        sentences.into_iter().map(sentence).collect::<Vec<_>>().join(" ")
    }

    fn selection(&self, index: usize) -> String {
        let selects = self.metric().selects;
        let biased = match self.metric().better {
            Better::Lower => "low",
            Better::Higher => "high",
        };
        let test = if selects {
            format!(
                " The number compared is of the validation set itself, so it is biased {biased}."
            )
        } else {
            let past = self.past.as_ref().map(|past| &past.studies[index]);
            past.map_or_else(String::new, |past| {
                format!(" {}", past.ledger(self.plan.program.is_some()))
            })
        };
        (self.trainer.selection() + &test).trim().to_owned()
    }

    /// Sentences on the selection of hyper-parameters.
    fn tuned(&self, index: usize) -> String {
        let planned = &self.plan.studies[index];
        let axes: Vec<&str> = planned
            .axes
            .iter()
            .filter(|axis| axis.tune)
            .map(|axis| axis.path.as_str())
            .collect();
        let most = planned
            .variants
            .iter()
            .map(|variant| variant.candidates.len())
            .max()
            .unwrap_or(0);
        if most == 0 {
            return "Not tuned per variant: every variant has the baseline's hyper-parameters but for what its label \
                    names."
                .to_owned();
        }
        let alone = planned.variants.iter().filter(|variant| variant.candidates.is_empty()).count();
        let select = self.metrics().select();
        let alone = if alone > 0 {
            format!(" {} had one configuration and no choice.", count(alone, "variant"))
        } else {
            String::new()
        };
        format!(
            "{} tuned in every variant over up to {most} configurations: the one with the {} mean {} over \
             all seeds stands for the variant and is reported on the test set. Nothing else was tuned per \
             variant.{alone}",
            axes.join(", "),
            select.better.extreme(),
            select.words.short
        )
    }
}

fn hardware(records: &[&RunRecord]) -> String {
    let unique = |values: Vec<String>| {
        values.into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    let hosts = unique(
        records
            .iter()
            .filter_map(|record| Some(record.timing.as_ref()?.host.clone()))
            .collect(),
    );
    if hosts.is_empty() {
        return "No run has finished yet.".to_owned();
    }
    let kernels = unique(
        records
            .iter()
            .filter_map(|record| {
                record.summary.as_ref()?.facts.get("kernel")?.as_str().map(str::to_owned)
            })
            .collect(),
    );
    let threads = records.iter().filter_map(|record| Some(record.timing.as_ref()?.threads));
    let (least, most) = (threads.clone().min().unwrap_or(1), threads.max().unwrap_or(1));
    let threads = match (least, most) {
        (1, 1) => "1 thread".to_owned(),
        (least, most) if least == most => format!("{least} threads"),
        (least, most) => format!("{least} to {most} threads"),
    };
    if kernels.is_empty() {
        return format!("{threads} a run; on {}.", hosts.join(", "));
    }
    format!(
        "Processors only ({}), {threads} a run; on {}.",
        kernels.join(", "),
        hosts.join(", ")
    )
}

fn compute(records: &[&RunRecord], program: Option<&Declaration>) -> String {
    let of = |status: RunStatus| -> Vec<f64> {
        let own = records.iter().filter(|record| record.status == status);
        own.filter_map(|record| record.timing.as_ref()).map(thread_seconds).collect()
    };
    let mut sentences = Vec::new();
    let mut total = 0.0;
    for (status, word) in [
        (RunStatus::Finished, "finished"),
        (RunStatus::Diverged, "diverged"),
        (RunStatus::Failed, "failed"),
    ] {
        let mut times = of(status);
        if times.is_empty() {
            continue;
        }
        times.sort_by(f64::total_cmp);
        let sum: f64 = times.iter().sum();
        total += sum;
        let (least, most) = (times[0], times[times.len() - 1]);
        sentences.push(format!(
            "{} {word}: {} each (from {} to {}), {} together",
            times.len(),
            duration(sum / times.len() as f64),
            duration(least),
            duration(most),
            duration(sum)
        ));
    }
    if sentences.is_empty() {
        return "No run has finished yet.".to_owned();
    }
    let what = match program {
        Some(program) => format!(
            "Reserved CPU time: wall time of the commands times {} (program.cpus)",
            count(program.conduct.cpus, "processor")
        ),
        None => "Thread time, training, scoring and sampling".to_owned(),
    };
    format!(
        "{what}. {}. In all {}. Not counted: attempts that failed before their run \
         finished, and whatever was tried before this study.",
        sentences.join("; "),
        duration(total)
    )
}

/// Wall time times threads [s].
fn thread_seconds(timing: &Timing) -> f64 {
    timing.seconds * timing.threads as f64
}
