//! Main effects and interactions of full grids on the terminal.

use crate::cli::Terminal;
use crate::cli::show::ablation::{change, narrow};
use crate::cli::show::terminal::table;
use crate::plan::PlannedStudy;
use crate::results::ExperimentResults;
use crate::results::effects::{Effect, Effects};
use crate::text::p_value;

/// Prints the contrasts of every study that is a full grid of several factors; for one factor, the
/// ablation table shows them.
pub(crate) fn print(study: &ExperimentResults, terminal: &mut Terminal) -> anyhow::Result<()> {
    for effects in study.all_effects().iter().filter(|effects| effects.factors.len() > 1) {
        let planned = &study.plan.studies[effects.study];
        let mut rows = table(
            &["effect", "against", "n", "change", study.plan.compare.correction.heading()],
            2,
        );
        for effect in effects.main.iter().chain(&effects.interactions) {
            let Some(contrast) = effect.contrast else { continue };
            let estimate = contrast.estimate;
            rows.add_row([
                level_names(planned, effect),
                references(planned, effects, effect),
                estimate.map_or(0, |estimate| estimate.n).to_string(),
                estimate.as_ref().map(change).unwrap_or_default(),
                estimate
                    .map(|_| p_value(contrast.p_corrected.unwrap_or(contrast.test.p)))
                    .unwrap_or_default(),
            ]);
        }
        narrow(&mut rows, Some(1));
        writeln!(
            terminal.out,
            "\n{}, effects: each the mean over every combination of the other axes,",
            planned.name
        )?;
        writeln!(
            terminal.out,
            "seed by seed; a x b: what a changes at b, minus what it changes at b's reference"
        )?;
        writeln!(terminal.out, "{rows}")?;
    }
    Ok(())
}

fn level_names(planned: &PlannedStudy, effect: &Effect) -> String {
    let name = |&(axis, level): &(usize, usize)| {
        let axis = &planned.axes[axis];
        format!("{} {}", axis.column, axis.levels[level])
    };
    effect.at.iter().map(name).collect::<Vec<_>>().join(" x ")
}

fn references(planned: &PlannedStudy, effects: &Effects, effect: &Effect) -> String {
    let name =
        |&(axis, _): &(usize, usize)| planned.axes[axis].levels[effects.reference[axis]].clone();
    effect.at.iter().map(name).collect::<Vec<_>>().join(" x ")
}
