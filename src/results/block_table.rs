//! Rows of `blocks.csv`: a study over its blocks.

use super::blocks::{MethodRow, OverBlocks};
use super::cell::Value;

/// Cells of a method after its name and its levels.
pub(super) fn cells<'a>(
    over: &'a OverBlocks,
    row: &'a MethodRow,
    correction: &'static str,
) -> Vec<Value<'a>> {
    let count = |n: usize| Value::Int(n as u64);
    let outcome = |n: Option<usize>| Value::int(n.map(|n| n as u64));
    let (outcomes, joint, ranking) = (row.outcomes, row.joint.as_ref(), &over.ranking);
    let draws = |n: Option<u32>| Value::int(n.map(u64::from));
    let friedman = ranking.friedman.filter(|_| row.mean_rank.is_some());
    vec![
        count(row.variants.iter().flatten().count()),
        outcome(outcomes.map(|o| o.wins)),
        outcome(outcomes.map(|o| o.losses)),
        outcome(outcomes.map(|o| o.undecided)),
        Value::number(row.mean_rank),
        count(if row.mean_rank.is_some() { ranking.blocks } else { 0 }),
        Value::number(joint.map(|joint| joint.statistic)),
        outcome(joint.map(|joint| joint.blocks)),
        outcome(joint.map(|joint| joint.seeds)),
        Value::number(joint.map(|joint| joint.test.p)),
        Value::number(joint.and_then(|joint| joint.p_corrected)),
        Value::number(joint.map(|joint| joint.smallest_p)),
        joint.map_or(Value::Empty, |_| Value::text(correction)),
        draws(joint.and_then(|joint| joint.test.draws)),
        draws(joint.and_then(|joint| joint.p_corrected_draws)),
        Value::text(row.conclusion()),
        Value::number(friedman.map(|test| test.statistic)),
        Value::number(friedman.map(|test| test.p)),
        draws(friedman.and_then(|test| test.draws)),
        Value::number(row.mean_rank.map(|_| ranking.smallest_p)),
        Value::number(row.mean_rank.and(ranking.critical_difference)),
        Value::text(
            ranking
                .left_out
                .iter()
                .map(|block| block.block.as_str())
                .collect::<Vec<_>>()
                .join("; "),
        ),
        Value::text(row.note.as_str()),
    ]
}
