//! Main effects and interactions of full grids on the terminal.

use crate::cli::Terminal;
use crate::cli::show::ablation::change;
use crate::cli::show::fitted::FittedTable;
use crate::cli::show::terminal::prose;
use crate::plan::PlannedStudy;
use crate::results::ExperimentResults;
use crate::results::effects::{Effect, Effects};
use crate::results::shapley::Shapley;
use crate::stats::Estimate;
use crate::text::p_value;

/// Prints the contrasts of every study that is a full grid of several factors; for one factor, the
/// ablation table shows them.
pub(crate) fn print(study: &ExperimentResults, terminal: &mut Terminal) -> anyhow::Result<()> {
    for effects in study.all_effects().iter().filter(|effects| effects.factors.len() > 1) {
        let planned = &study.plan.studies[effects.study];
        let p = study.plan.compare.correction.heading();
        let mut rows = FittedTable::new(&["effect", "against", "n", "change", p], &[0, 1])
            .dispensable(&["n", p]);
        for effect in effects.main.iter().chain(&effects.interactions) {
            let Some(contrast) = effect.contrast else { continue };
            let estimate = contrast.estimate;
            rows.add([
                effect.label(planned),
                references(planned, effects, effect),
                estimate.map_or(0, |estimate| estimate.n).to_string(),
                estimate.as_ref().map(change).unwrap_or_default(),
                estimate
                    .map(|_| p_value(contrast.p_corrected.unwrap_or(contrast.test.p)))
                    .unwrap_or_default(),
            ]);
        }
        let words = format!(
            "{}, effects: each the mean over every combination of the other axes, seed by seed; a x b: what a changes at \
             b, minus what it changes at b's reference",
            planned.name
        );
        writeln!(terminal.out, "\n{}", prose(&words))?;
        rows.print(terminal)?;
        if let Some(shapley) = study.shapley(effects.study) {
            print_shapley(planned, &shapley, terminal)?;
        }
    }
    Ok(())
}

fn print_shapley(
    planned: &PlannedStudy,
    shapley: &Shapley,
    terminal: &mut Terminal,
) -> anyhow::Result<()> {
    let mut rows = FittedTable::new(&["change", "n", "share"], &[0]).dispensable(&["n"]);
    let mut add = |name: String, estimate: Option<Estimate>| {
        let n = estimate.map_or(0, |estimate| estimate.n);
        let share = estimate.as_ref().map(change).unwrap_or_default();
        rows.add([name, n.to_string(), share]);
    };
    for share in &shapley.shares {
        let axis = &planned.axes[share.axis];
        let (from, to) = (&axis.levels[share.reference], &axis.levels[share.level]);
        add(format!("{} {from} to {to}", axis.column), share.estimate);
    }
    add("all together".to_owned(), shapley.whole);
    let words = format!(
        "{}, Shapley values: what each change adds, averaged over every order of making the changes, seed by seed; they \
         add up to all changes together",
        planned.name
    );
    writeln!(terminal.out, "\n{}", prose(&words))?;
    rows.print(terminal)?;
    Ok(())
}

fn references(planned: &PlannedStudy, effects: &Effects, effect: &Effect) -> String {
    let name =
        |&(axis, _): &(usize, usize)| planned.axes[axis].levels[effects.reference[axis]].clone();
    effect.at.iter().map(name).collect::<Vec<_>>().join(" x ")
}
