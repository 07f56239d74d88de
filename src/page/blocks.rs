//! Table of a study over its blocks (`[compare] within`), and its headline.

use maud::{Markup, html};

use crate::figures::view::View;
use crate::results::ablation::{Ablation, Verdict};
use crate::results::blocks::{MethodRow, NO_RANKS, OverBlocks};
use crate::text::{count, p_value, typeset};

/// Result over all blocks in a sentence: the best mean rank, and the evidence for it.
pub(super) fn headline(view: &View, over: &OverBlocks) -> String {
    let ranked = over.rows.iter().filter_map(|row| Some((row, row.mean_rank?)));
    let Some((best, rank)) = ranked.min_by(|a, b| a.1.total_cmp(&b.1)) else {
        return match view.outstanding() {
            _ if over.ranking.methods < 2 => NO_RANKS.to_owned(),
            0 => format!("No block has a value of every variant. {}", view.progress()),
            _ => "No block has a value of every variant yet.".to_owned(),
        };
    };
    let blocks = count(over.ranking.blocks, "block");
    let lead =
        format!("Lowest mean rank over {blocks}: {}, {}", best.method.label, typeset(rank, 2));
    match (best.verdict, best.outcomes) {
        (Verdict::Baseline, _) | (_, None) => format!("{lead}. That is the baseline."),
        (_, Some(outcomes)) => format!(
            "{lead}; better than the baseline in {}, worse in {}, undecided in {}; joint sign-flip test: {}.",
            outcomes.wins,
            outcomes.losses,
            outcomes.undecided,
            best.conclusion()
        ),
    }
}

/// The table, and what it claims.
pub(super) fn table(view: &View, ablation: &Ablation, over: &OverBlocks) -> Markup {
    let heads = ["variant", "better", "worse", "undecided", "mean rank", "joint"];
    html! {
        h3 { "Over " (count(over.blocks.len(), "block")) " of " (over.axes.join(" and ")) }
        p.muted {
            "Blocks in which a variant is better than the baseline of the block, worse, or compared without either; its mean rank, \
             1 for the best " (view.metric_name()) "; and the sum over blocks of its studentised differences with the p of their \
             joint sign-flip test. " (over.claim(ablation.test))
        }
        div.wrap tabindex="0" role="group" aria-label="Table over blocks" {
            table data-part="blocks" {
                thead {
                    tr {
                        @for head in heads { th scope="col" { (head) } }
                        th scope="col" { (ablation.correction.heading()) }
                        th.l scope="col" { "verdict" }
                    }
                }
                tbody { @for row in &over.rows { (table_row(row)) } }
            }
        }
        @for sentence in over.ranking.words(ablation.feasibility.alpha) { p.muted { (sentence) } }
        @for row in over.rows.iter().filter(|row| !row.note.is_empty()) {
            p.muted { (row.method.label) ": " (row.note) "." }
        }
    }
}

fn table_row(row: &MethodRow) -> Markup {
    let outcomes = row.outcomes;
    let joint = row.joint.as_ref();
    html! {
        tr {
            td.l { (row.method.label) }
            @for n in [outcomes.map(|o| o.wins), outcomes.map(|o| o.losses), outcomes.map(|o| o.undecided)] {
                td { @if let Some(n) = n { (n) } }
            }
            td { @if let Some(rank) = row.mean_rank { (typeset(rank, 2)) } }
            td { @if let Some(joint) = joint { (typeset(joint.statistic, 2)) } }
            td { @if let Some(joint) = joint { (p_value(joint.p())) } }
            td.l { (row.conclusion()) }
        }
    }
}
