//! `effects.csv`: main effects and interactions of the studies that are full grids.

use super::ExperimentResults;
use super::axis_columns::AxisColumns;
use super::cell::{Table, Value};
use super::effects::{Effect, Effects};
use super::shapley::Shapley;
use crate::columns::{EFFECTS, SHAPLEY};
use crate::stats::Estimate;

/// The table; without rows if no study is a full grid.
pub(super) fn effects<'a>(study: &'a ExperimentResults, effects: &'a [Effects]) -> Table<'a> {
    let axes = AxisColumns::of(study);
    let shapley: Vec<Option<Shapley>> =
        effects.iter().map(|effects| study.shapley(effects.study)).collect();
    let has_shapley = shapley.iter().any(Option::is_some);
    let mut columns = study.columns().named(EFFECTS);
    if has_shapley {
        columns.extend(study.columns().named(SHAPLEY));
    }
    let rows = effects.iter().zip(shapley).flat_map(move |(effects, shapley)| {
        let all = effects
            .main
            .iter()
            .map(|e| ("main", e))
            .chain(effects.interactions.iter().map(|e| ("interaction", e)));
        let cells = |(kind, effect)| {
            let mut cells = row(study, &axes, effects, kind, effect);
            if has_shapley {
                cells.extend(share(shapley.as_ref(), effect));
            }
            cells
        };
        all.map(cells).collect::<Vec<_>>()
    });
    Table { columns, rows: Box::new(rows) }
}

/// Shapley value and interval of a main effect's change; empty for other rows.
fn share<'a>(shapley: Option<&Shapley>, effect: &Effect) -> [Value<'a>; 3] {
    let share = match (shapley, effect.at.as_slice()) {
        (Some(shapley), &[(axis, level)]) => shapley.of(axis, level),
        _ => None,
    };
    let estimate = share.and_then(|share| share.estimate);
    let interval = estimate.and_then(|estimate| estimate.interval);
    [
        Value::number(estimate.map(|estimate| estimate.mean)),
        Value::number(interval.map(|interval| interval.low)),
        Value::number(interval.map(|interval| interval.high)),
    ]
}

fn row<'a>(
    study: &'a ExperimentResults,
    axes: &AxisColumns,
    effects: &'a Effects,
    kind: &'a str,
    effect: &Effect,
) -> Vec<Value<'a>> {
    let planned = &study.plan.studies[effects.study];
    let label = Value::text(effect.label(planned));
    let mut cells = vec![Value::text(planned.name.as_str()), Value::text(kind), label];
    for factor in 0..2 {
        let Some(&(axis, level)) = effect.at.get(factor) else {
            cells.extend([Value::Empty, Value::Empty, Value::Empty]);
            continue;
        };
        let levels = &planned.axes[axis].levels;
        cells.push(Value::text(axes.name(&planned.axes[axis].path).to_owned()));
        cells
            .extend([Value::level(&levels[level]), Value::level(&levels[effects.reference[axis]])]);
    }
    let contrast = effect.contrast;
    let estimates = [effect.mean, contrast.and_then(|contrast| contrast.estimate)];
    for (estimate, there) in estimates.into_iter().zip([true, contrast.is_some()]) {
        let n = estimate.map_or(0, |estimate: Estimate| estimate.n as u64);
        let interval = estimate.and_then(|estimate| estimate.interval);
        cells.extend([
            Value::int(there.then_some(n)),
            Value::number(estimate.map(|estimate| estimate.mean)),
            Value::number(interval.map(|interval| interval.low)),
            Value::number(interval.map(|interval| interval.high)),
        ]);
    }
    let tested = contrast.filter(|contrast| contrast.estimate.is_some());
    cells.extend([
        Value::number(tested.map(|contrast| contrast.test.p)),
        Value::number(tested.and_then(|contrast| contrast.p_corrected)),
        tested.map_or(Value::Empty, |_| Value::text(study.plan.compare.correction.word())),
        Value::int(tested.and_then(|contrast| contrast.test.draws).map(u64::from)),
        Value::int(tested.and(effects.p_corrected_draws).map(u64::from)),
        Value::Int(effects.planned as u64),
    ]);
    cells
}
