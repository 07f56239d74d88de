//! A study over its blocks (`[compare] within`): wins, ranks, and one joint test a variant.
//!
//! Within a block, `ablation` compares each variant with the block's own baseline. Here nothing is
//! averaged in a unit: counts of verdicts, ranks, and sums of studentised differences alone. The
//! joint test shares the sign of a seed between blocks, so that its claim is about these blocks, and
//! no others; `docs/reference/methodology.md` has the formulas.

use super::ExperimentResults;
use super::ablation::{Ablation, Verdict, drawn, powerless, smallest};
use super::study_runs::StudyRuns;
use crate::plan::{Block, Compare, Correction, Method, PairedTest};
use crate::rng::{Purpose, Seed};
use crate::stats::{
    Feasibility, Friedman, TestResult, critical_difference, friedman, holm, join_blocks, max_t,
    mean, mid_ranks, sign_flip, smallest_p, smallest_p_max_t,
};
use crate::text::count;
use crate::trainer::Better;

/// Number of blocks below which ranks are not tested: two variants over five blocks cannot reach
/// 5 %.
pub const FEWEST_TESTED: usize = 6;

/// Number of blocks from which mean ranks have a critical difference (Demsar 2006).
pub const FEWEST_CRITICAL: usize = 10;

/// Sentence where nothing can be ranked.
pub const NO_RANKS: &str = "There are no ranks: fewer than two variants are in every block.";

/// Indices of random streams, next to `ablation::JOINT_SIGNS`: joint signs over blocks, orders of
/// ranks, and the signs of a single method, counted downwards.
const JOINT_SIGNS_OVER_BLOCKS: u64 = u64::MAX - 1;
const ORDERS: u64 = u64::MAX - 2;
const SIGNS_OF_ONE: u64 = u64::MAX - 3;

/// A study over its blocks.
#[derive(Debug, Clone, PartialEq)]
pub struct OverBlocks {
    /// Key paths of the axes that make blocks.
    pub axes: Vec<String>,
    /// Names of the blocks, in the order of the table.
    pub blocks: Vec<String>,
    /// One row per method, in the order in which the study first has it.
    pub rows: Vec<MethodRow>,
    /// Ranks of the methods.
    pub ranking: Ranking,
}

/// A variant over all blocks.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodRow {
    /// The variant apart from its block.
    pub method: Method,
    /// Its variant of each block, by index among the study's variants.
    pub variants: Vec<Option<usize>>,
    /// True if it is the baseline of the blocks.
    pub is_baseline: bool,
    /// Numbers of blocks in which it is better than the baseline, worse, and compared without either;
    /// `None` for the baseline.
    pub outcomes: Option<Outcomes>,
    /// Its rank in each ranked block, 1 for the best.
    pub ranks: Vec<f64>,
    /// Mean of its ranks over the ranked blocks.
    pub mean_rank: Option<f64>,
    /// Joint test over the blocks; `None` for the baseline, and without a paired seed.
    pub joint: Option<Joint>,
    /// Conclusion of the joint test.
    pub verdict: Verdict,
    /// Note that a reader of the row needs; may be empty.
    pub note: String,
}

/// Numbers of blocks by the verdict in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcomes {
    /// Blocks in which it is significantly better.
    pub wins: usize,
    /// Blocks in which it is significantly worse.
    pub losses: usize,
    /// Every other block in which it has a pair with the baseline.
    pub undecided: usize,
}

/// Joint test of a variant over all blocks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Joint {
    /// Sum over the blocks of the sum of differences over the root of their sum of squares.
    pub statistic: f64,
    /// Number of blocks with a pair.
    pub blocks: usize,
    /// Number of seeds with a pair in some block.
    pub seeds: usize,
    /// Number of seeds with a pair in each of these blocks.
    pub complete: usize,
    /// Number of planned seeds.
    pub planned: usize,
    /// Two-sided sign-flip test, with one sign a seed for all blocks.
    pub test: TestResult,
    /// p value corrected over the variants; `None` without a correction.
    pub p_corrected: Option<f64>,
    /// Smallest p value of this number of seeds, corrected where p is.
    pub smallest_p: f64,
    /// Number of sign vectors from which the corrected p value is estimated; `None` if all were
    /// enumerated.
    pub p_corrected_draws: Option<u32>,
}

impl Joint {
    /// The p value on which the verdict is based.
    pub fn p(&self) -> f64 {
        self.p_corrected.unwrap_or(self.test.p)
    }
}

impl MethodRow {
    /// Verdict as tables show it: where a seed is missing in a block for good, with the number of
    /// seeds that all blocks have.
    pub fn conclusion(&self) -> String {
        let words = self.verdict.words();
        match self
            .joint
            .filter(|test| self.verdict.is_judged() && test.complete < test.planned)
        {
            Some(test) => format!("{words} on {} of {} seeds", test.complete, test.planned),
            None => words.to_owned(),
        }
    }
}

/// A block without ranks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unranked {
    /// Name of the block.
    pub block: String,
    /// Its name in sentences.
    pub title: String,
    /// Reason why it is not ranked.
    pub why: String,
}

/// Ranks of the methods over the blocks.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    /// Number of methods that every block has; without two of them there are no ranks.
    pub methods: usize,
    /// Number of blocks that are ranked.
    pub blocks: usize,
    /// Blocks that are not.
    pub left_out: Vec<Unranked>,
    /// Labels of methods that are not, because the study does not have them in every block.
    pub unranked: Vec<String>,
    /// Friedman's test, from `FEWEST_TESTED` blocks.
    pub friedman: Option<Friedman>,
    /// Smallest p value that a comparison of two methods over this number of blocks can have.
    pub smallest_p: f64,
    /// Difference of two mean ranks that is significant, from `FEWEST_CRITICAL` blocks.
    pub critical_difference: Option<f64>,
}

impl OverBlocks {
    /// Sentences on the joint test: what it claims, and its name where that of a block is another.
    pub fn claim(&self, test: PairedTest) -> String {
        let other = match test {
            PairedTest::SignFlip => String::new(),
            PairedTest::T => format!(" Within a block the test is the {}.", test.words()),
        };
        format!(
            "The joint sign-flip test is about {} of {}, not about others: one sign a seed is flipped in all of them.{other}",
            match self.blocks.len() {
                1 => "this one block".to_owned(),
                n => format!("these {}", count(n, "block")),
            },
            self.axes.join(" and ")
        )
    }
}

impl Ranking {
    /// Sentences on the ranks: Friedman's test, the critical difference, and what is left out.
    pub fn words(&self, alpha: f64) -> Vec<String> {
        let mut words = Vec::new();
        let blocks = count(self.blocks, "block");
        if self.methods < 2 {
            words.push(NO_RANKS.to_owned());
        } else if self.blocks > 0 {
            words.push(match &self.friedman {
                None => format!(
                    "Ranks over {blocks} are not tested: two variants need {FEWEST_TESTED}; the smallest p that {} can give is {}.",
                    self.blocks,
                    crate::text::p_value(self.smallest_p)
                ),
                Some(test) => {
                    let how = match test.draws {
                        Some(draws) => format!("{draws} random orders"),
                        None => "exact".to_owned(),
                    };
                    format!(
                        "Friedman's test of {} over {blocks}: chi-squared {}, p {} ({how}).",
                        count(self.methods, "mean rank"),
                        crate::text::fixed(test.statistic, 2),
                        crate::text::p_value(test.p),
                    )
                }
            });
        }
        if let Some(difference) = self.critical_difference {
            words.push(format!(
                "Critical difference of two mean ranks (Nemenyi) at {}: {}.",
                crate::text::short(alpha),
                crate::text::fixed(difference, 2)
            ));
        }
        words.extend(
            self.left_out
                .iter()
                .map(|block| format!("{} is not ranked: {}.", block.title, block.why)),
        );
        words.extend(self.unranked_in_words());
        words
    }

    /// Sentence on the variants that are not ranked; `None` if there are none.
    pub fn unranked_in_words(&self) -> Option<String> {
        let labels = self.unranked.join("; ");
        (!labels.is_empty())
            .then(|| format!("Not ranked, because not every block has it: {labels}."))
    }
}

impl Compare {
    /// Smallest p values of the joint sign-flip test over blocks, whatever the test within a block,
    /// with this number of seeds and tested variants.
    pub fn joint_feasibility(&self, seeds: usize, variants: usize) -> Feasibility {
        Self { test: PairedTest::SignFlip, ..self.clone() }.feasibility(seeds, variants)
    }
}

impl ExperimentResults {
    /// Label of a variant in a table of several blocks: its block, and the variant apart from it.
    pub fn label_in_block(&self, ablation: &Ablation, block: &Block, variant: usize) -> String {
        let planned = self.plan.studies.iter().find(|study| study.name == ablation.study);
        let method = planned.and_then(|study| study.variants[variant].method.as_ref());
        match method {
            Some(method) => format!("{}: {}", block.title, method.label),
            None => ablation.rows[variant].label.clone(),
        }
    }

    /// The study with this index in the plan over its blocks, of which `ablation` is the table;
    /// `None` without `[compare] within`.
    ///
    /// # Panics
    /// If there is no such study.
    pub fn over_blocks(&self, index: usize, ablation: &Ablation) -> Option<OverBlocks> {
        let (study, compare) = (&self.plan.studies[index], &self.plan.compare);
        if compare.within.is_empty() {
            return None;
        }
        let blocks = &ablation.blocks;
        let mut rows: Vec<MethodRow> = Vec::new();
        let mut index = std::collections::BTreeMap::new();
        for (b, block) in blocks.iter().enumerate() {
            for &v in &block.variants {
                let Some(method) = &study.variants[v].method else { continue };
                let at = *index.entry(method).or_insert_with(|| {
                    rows.push(MethodRow {
                        method: method.clone(),
                        variants: vec![None; blocks.len()],
                        is_baseline: false,
                        outcomes: None,
                        ranks: Vec::new(),
                        mean_rank: None,
                        joint: None,
                        verdict: Verdict::NoBaseline,
                        note: String::new(),
                    });
                    rows.len() - 1
                });
                rows[at].variants[b] = Some(v);
                rows[at].is_baseline |= block.baseline == Some(v);
            }
        }
        let runs = self.study_runs(study);
        let of_blocks: Vec<Vec<Vec<Option<f64>>>> =
            rows.iter().map(|row| by_block(&runs, ablation, row)).collect();
        for (i, (row, of_blocks)) in rows.iter_mut().zip(&of_blocks).enumerate() {
            self.join(ablation, row, of_blocks, i as u64);
        }
        let parts: Vec<Vec<Option<f64>>> =
            of_blocks.iter().map(|blocks| join_blocks(blocks)).collect();
        correct(&mut rows, &parts, compare.correction, self.plan.seeds.len());
        self.conclude(ablation, &mut rows);
        let ranking = self.rank(&runs, ablation, &mut rows);
        Some(OverBlocks {
            axes: compare.within.clone(),
            blocks: blocks.iter().map(|block| block.name.clone()).collect(),
            rows,
            ranking,
        })
    }

    /// Every study over its blocks, in order; empty without `[compare] within`.
    pub fn all_over_blocks(&self, ablations: &[Ablation]) -> Vec<OverBlocks> {
        ablations
            .iter()
            .enumerate()
            .filter_map(|(i, table)| self.over_blocks(i, table))
            .collect()
    }

    /// Counts outcomes and makes the joint test of one method, from its differences [n_blocks][n_seeds].
    fn join(
        &self,
        ablation: &Ablation,
        row: &mut MethodRow,
        blocks: &[Vec<Option<f64>>],
        index: u64,
    ) {
        if row.is_baseline {
            row.verdict = Verdict::Baseline;
            return;
        }
        let mut outcomes = Outcomes::default();
        for v in row.variants.iter().flatten() {
            let own = &ablation.rows[*v];
            match own.verdict {
                _ if own.delta.is_none() => {}
                Verdict::Better | Verdict::BetterNegligible => outcomes.wins += 1,
                Verdict::Worse | Verdict::WorseNegligible => outcomes.losses += 1,
                _ => outcomes.undecided += 1,
            }
        }
        row.outcomes = Some(outcomes);
        if blocks.is_empty() {
            return;
        }
        row.verdict = Verdict::NoPairs;
        let parts: Vec<f64> = join_blocks(blocks).into_iter().flatten().collect();
        if parts.is_empty() {
            return;
        }
        let mut stream = Seed(0).stream(Purpose::Statistics, SIGNS_OF_ONE - index);
        let floor = smallest_p(parts.len());
        let tested: Vec<&Vec<Option<f64>>> =
            blocks.iter().filter(|block| block.iter().any(Option::is_some)).collect();
        let is_complete = |r: &usize| tested.iter().all(|block| block[*r].is_some());
        let planned = self.plan.seeds.len();
        row.joint = Some(Joint {
            statistic: parts.iter().sum(),
            blocks: tested.len(),
            seeds: parts.len(),
            complete: (0..planned).filter(is_complete).count(),
            planned,
            test: sign_flip(&parts, || stream.bits()),
            p_corrected: None,
            smallest_p: floor,
            p_corrected_draws: None,
        });
    }

    /// Sets verdicts and notes of the joint tests.
    fn conclude(&self, ablation: &Ablation, rows: &mut [MethodRow]) {
        let tested = rows.iter().filter(|row| row.joint.is_some()).count();
        let can = self.plan.compare.joint_feasibility(self.plan.seeds.len(), tested);
        let alpha = can.alpha;
        let waits = |row: &MethodRow| {
            let own = row.variants.iter().flatten();
            own.filter(|&&v| ablation.rows[v].is_compared() && ablation.rows[v].outstanding > 0)
                .count()
        };
        let joint = self.plan.compare.correction == Correction::MaxT;
        let waiting: usize = rows.iter().map(waits).sum();
        for row in rows.iter_mut().filter(|row| !row.is_baseline) {
            let own = waits(row);
            let mut notes = Vec::new();
            if own > 0 {
                notes.push(format!(
                    "runs are outstanding in {own} of {}",
                    count(ablation.blocks.len(), "block")
                ));
            }
            if let Some(test) = &row.joint {
                row.verdict = match () {
                    () if own > 0 || (joint && waiting > 0) => Verdict::Incomplete,
                    () if test.smallest_p > alpha => Verdict::TooFewSeeds,
                    () if test.p() > alpha => Verdict::NoEvidence,
                    () if self.metric().better.is_better(test.statistic, 0.0) => Verdict::Better,
                    () => Verdict::Worse,
                };
                if test.blocks < ablation.blocks.len() {
                    notes.push(format!(
                        "tested over {} of {}",
                        test.blocks,
                        count(ablation.blocks.len(), "block")
                    ));
                }
                if test.complete < test.planned && row.verdict != Verdict::Incomplete {
                    notes.push(format!(
                        "{} of {} have a pair in every block of the test",
                        test.complete,
                        count(test.planned, "seed")
                    ));
                }
                notes.extend(drawn(test.test.draws, test.p_corrected_draws));
                let is_best_p = test.p() <= test.smallest_p * (1.0 + 1e-12) && test.p() < 1.0;
                if row.verdict == Verdict::TooFewSeeds {
                    let needed = can.seeds_needed;
                    notes.push(powerless(test.seeds, test.smallest_p, is_best_p, needed));
                } else if is_best_p && row.verdict != Verdict::Incomplete {
                    notes.push(smallest(test.seeds));
                }
            } else if own > 0 {
                row.verdict = Verdict::Incomplete;
            }
            row.note = notes.join("; ");
        }
    }

    /// Ranks the methods that every block has, over the blocks in which each of them has a value
    /// for every seed.
    fn rank(&self, runs: &StudyRuns, ablation: &Ablation, rows: &mut [MethodRow]) -> Ranking {
        let everywhere = |row: &&mut MethodRow| row.variants.iter().all(Option::is_some);
        let (mut ranked, others): (Vec<_>, Vec<_>) = rows.iter_mut().partition(everywhere);
        let unranked = others.iter().map(|row| row.method.label.clone()).collect();
        let better = self.metric().better;
        let mut left_out = Vec::new();
        let mut ranks: Vec<Vec<f64>> = Vec::new();
        // A rank of one alone is no result.
        let enough = if ranked.len() < 2 { 0 } else { ablation.blocks.len() };
        for (b, block) in ablation.blocks.iter().enumerate().take(enough) {
            let mut values = Vec::with_capacity(ranked.len());
            let mut reasons = Vec::new();
            for row in &ranked {
                let Some(v) = row.variants[b] else { continue };
                let lacks = runs.values(v).iter().filter(|value| value.is_none()).count();
                let own = &ablation.rows[v];
                match own.estimate {
                    _ if own.verdict == Verdict::NotComparable => {
                        reasons.push(format!("{} is scored on other data", row.method.label));
                    }
                    Some(estimate) if lacks == 0 => values.push(match better {
                        Better::Lower => estimate.mean,
                        Better::Higher => -estimate.mean,
                    }),
                    _ => {
                        let planned = own.planned;
                        let label = &row.method.label;
                        reasons.push(format!("{label} lacks {lacks} of {}", count(planned, "run")));
                    }
                }
            }
            if reasons.is_empty() {
                ranks.push(mid_ranks(&values));
            } else {
                left_out.push(Unranked {
                    block: block.name.clone(),
                    title: block.title.clone(),
                    why: first_of(&reasons),
                });
            }
        }
        let (methods, blocks) = (ranked.len(), ranks.len());
        for (i, row) in ranked.iter_mut().enumerate() {
            row.ranks = ranks.iter().map(|ranks| ranks[i]).collect();
            row.mean_rank = mean(&row.ranks);
        }
        let mut stream = Seed(0).stream(Purpose::Statistics, ORDERS);
        let alpha = self.plan.compare.alpha();
        Ranking {
            methods,
            blocks,
            left_out,
            unranked,
            friedman: (blocks >= FEWEST_TESTED)
                .then(|| friedman(&ranks, || stream.bits()))
                .flatten(),
            smallest_p: smallest_p(blocks),
            critical_difference: (blocks >= FEWEST_CRITICAL)
                .then(|| critical_difference(methods, blocks, alpha))
                .flatten(),
        }
    }
}

/// Differences of a method to the baseline [n_blocks][n_seeds]; empty for the baseline.
fn by_block(runs: &StudyRuns, ablation: &Ablation, row: &MethodRow) -> Vec<Vec<Option<f64>>> {
    if row.is_baseline {
        return Vec::new();
    }
    let of = |(variant, block): (&Option<usize>, &Block)| {
        let v = variant.filter(|&v| ablation.rows[v].is_compared())?;
        let baseline = block.baseline.filter(|&base| base != v)?;
        Some(runs.differences(v, baseline))
    };
    row.variants.iter().zip(&ablation.blocks).filter_map(of).collect()
}

/// Reasons joined, of many the first three.
fn first_of(reasons: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = reasons[..reasons.len().min(SHOWN)].join("; ");
    match reasons.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}

/// Corrects the joint tests over the methods; `parts` are those of the seeds in each statistic.
fn correct(
    rows: &mut [MethodRow],
    parts: &[Vec<Option<f64>>],
    correction: Correction,
    seeds: usize,
) {
    let tested: Vec<usize> = (0..rows.len()).filter(|&i| rows[i].joint.is_some()).collect();
    let single: Vec<f64> =
        tested.iter().filter_map(|&i| Some(rows[i].joint.as_ref()?.test.p)).collect();
    let (p, draws, floors): (Vec<Option<f64>>, _, Vec<f64>) = match correction {
        Correction::None => return,
        Correction::Holm => {
            let floors: Vec<f64> = tested
                .iter()
                .filter_map(|&i| Some(rows[i].joint.as_ref()?.smallest_p))
                .collect();
            (holm(&single).into_iter().map(Some).collect(), None, holm(&floors))
        }
        Correction::MaxT => {
            let own: Vec<Vec<Option<f64>>> = tested.iter().map(|&i| parts[i].clone()).collect();
            let mut stream = Seed(0).stream(Purpose::Statistics, JOINT_SIGNS_OVER_BLOCKS);
            let corrected = max_t(&own, &single, || stream.bits());
            let floor = |&i: &usize| {
                let pairs = rows[i].joint.as_ref().map_or(0, |joint| joint.seeds);
                smallest_p_max_t(pairs, seeds, tested.len())
            };
            (corrected.p, corrected.draws, tested.iter().map(floor).collect())
        }
    };
    for ((&i, p), floor) in tested.iter().zip(p).zip(floors) {
        if let Some(joint) = &mut rows[i].joint {
            (joint.p_corrected, joint.smallest_p, joint.p_corrected_draws) = (p, floor, draws);
        }
    }
}
