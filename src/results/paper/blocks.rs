//! A study over its blocks, for a paper: in how many blocks each variant is better than the
//! baseline, its mean rank, and the joint test.

use super::corrected;
use crate::results::ExperimentResults;
use crate::results::ablation::{Ablation, Verdict};
use crate::results::blocks::{MethodRow, OverBlocks};
use crate::text::{count, fixed, p_value, signed};

/// The table of one study over its blocks.
pub(super) struct BlocksPaper {
    pub(super) study: String,
    pub(super) caption: String,
    pub(super) rows: Vec<BlocksRow>,
    /// Sentences on the ranks.
    pub(super) ranks: Vec<String>,
}

/// A variant over all blocks; cells without a value are empty.
pub(super) struct BlocksRow {
    pub(super) label: String,
    /// Numbers of blocks in which it is better, worse, and neither.
    pub(super) outcomes: [String; 3],
    pub(super) mean_rank: String,
    pub(super) joint: Option<String>,
    pub(super) p: Option<String>,
    pub(super) verdict: String,
    pub(super) sentence: String,
}

impl BlocksPaper {
    pub(super) fn of(study: &ExperimentResults, ablation: &Ablation, over: &OverBlocks) -> Self {
        let tested = over.rows.iter().filter(|row| row.joint.is_some()).count();
        let caption = format!(
            "Over {} of {}: number of blocks in which a variant is better than the baseline of the block, worse, and \
             neither; mean of its ranks, 1 for the best. Joint: sum over the blocks of its studentised differences; p: \
             two-sided joint sign-flip test{}. {}",
            count(over.blocks.len(), "block"),
            over.axes.join(" and "),
            corrected(study.plan.compare.correction, tested),
            over.claim(ablation.test)
        );
        let heading = study.plan.compare.correction.heading();
        Self {
            study: ablation.study.clone(),
            caption,
            rows: over
                .rows
                .iter()
                .map(|row| BlocksRow::of(row, over.blocks.len(), heading))
                .collect(),
            ranks: over.ranking.words(ablation.feasibility.alpha),
        }
    }
}

impl BlocksRow {
    fn of(row: &MethodRow, blocks: usize, heading: &str) -> Self {
        let outcomes = row.outcomes.map(|o| [o.wins, o.losses, o.undecided]);
        let joint = row.joint.as_ref();
        Self {
            label: row.method.label.clone(),
            outcomes: outcomes.map_or_else(Default::default, |all| all.map(|n| n.to_string())),
            mean_rank: row.mean_rank.map(|rank| fixed(rank, 2)).unwrap_or_default(),
            joint: joint.map(|joint| signed(joint.statistic, 2)),
            p: joint.map(|joint| p_value(joint.p())),
            verdict: row.conclusion(),
            sentence: sentence(row, blocks, heading),
        }
    }
}

/// A sentence on a variant.
fn sentence(row: &MethodRow, blocks: usize, heading: &str) -> String {
    let mut parts = vec![match row.outcomes {
        Some(outcomes) => format!(
            "better in {}, worse in {}, undecided in {} of {}",
            outcomes.wins,
            outcomes.losses,
            outcomes.undecided,
            count(blocks, "block")
        ),
        None => "the reference of every block".to_owned(),
    }];
    parts.extend(row.mean_rank.map(|rank| format!("mean rank {}", fixed(rank, 2))));
    parts.extend(row.joint.as_ref().map(|joint| {
        format!(
            "joint statistic {} ({heading} = {})",
            signed(joint.statistic, 2),
            p_value(joint.p())
        )
    }));
    let verdict = match row.verdict {
        Verdict::Baseline | Verdict::NoBaseline => String::new(),
        _ => format!(": {}", row.conclusion()),
    };
    let note = if row.note.is_empty() { String::new() } else { format!("; {}", row.note) };
    format!("{}: {}{verdict}{note}.", row.method.label, parts.join(", "))
}
