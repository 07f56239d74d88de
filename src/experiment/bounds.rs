//! Limits of the size of an experiment: a file of a few kilobytes can ask for more than any machine
//! holds. All are checked before memory is allocated or work is done.

use super::axis::AxisDraft;
use super::design::Design;
use super::diagnostics::{Diagnostic, Span};
use super::draft::{Draft, Extra, StudyDraft};
use super::expand::Expanded;
use super::limits::{COMBINATIONS, COMPARISONS, LEVELS, LISTED_LEVELS, SETTINGS_BYTES};
use super::point::ValuePool;
use super::reader::Reader;
use super::rule::Rule;
use crate::text::{count, thousands};

/// Work and memory that the expansion of an experiment takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Effort {
    combinations: u64,
    levels: u64,
    comparisons: u64,
}

impl Effort {
    fn of(study: &StudyDraft, draft: &Draft) -> Self {
        let axes: Vec<&AxisDraft> = study.axes.iter().map(|i| &draft.axes[*i]).collect();
        let (tuned, plain): (Vec<&AxisDraft>, Vec<&AxisDraft>) =
            axes.iter().partition(|axis| axis.tune);
        let levels = axes.iter().map(|axis| axis.levels.len() as u64).sum::<u64>();
        let of_file = draft.extras.iter().filter(|extra: &&Extra| extra.is_in(study)).count();
        let extras = (of_file + study.extras.len()) as u64;
        let combinations = study
            .design
            .size(&plain)
            .saturating_mul(Design::Grid.size(&tuned))
            .saturating_add(extras);
        let rules = [&draft.excludes, &draft.sets, &study.excludes, &study.sets];
        let rules = rules.into_iter().flatten().map(Rule::size).sum::<usize>();
        let conditions = axes
            .iter()
            .filter_map(|axis| axis.when.as_ref())
            .map(super::expr::Expr::size)
            .sum::<usize>();
        // An extra is compared with every level, to find the one that it matches.
        let comparisons = combinations
            .saturating_mul((rules + conditions) as u64)
            .saturating_add(extras * levels);
        Self { combinations, levels, comparisons }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            combinations: self.combinations.saturating_add(other.combinations),
            levels: self.levels.saturating_add(other.levels),
            comparisons: self.comparisons.saturating_add(other.comparisons),
        }
    }
}

impl Reader<'_> {
    /// Returns true if an experiment can be expanded within the limits; otherwise adds an error.
    pub(super) fn is_within_bounds(&mut self, draft: &Draft) -> bool {
        let efforts: Vec<Effort> =
            draft.studies.iter().map(|study| Effort::of(study, draft)).collect();
        let total = efforts.iter().fold(Effort::default(), |sum, one| sum.plus(*one));
        let bytes = total.combinations.saturating_mul(self.pool.longest());
        let excess = [
            (total.combinations, COMBINATIONS, "combinations of levels"),
            (total.levels, LISTED_LEVELS, "levels, counted once for each study"),
            (
                total.comparisons,
                COMPARISONS,
                "comparisons by the conditions and rules of its combinations",
            ),
            (bytes, SETTINGS_BYTES, "bytes of settings, as texts and lists are that long"),
        ];
        let Some((found, most, what)) = excess.into_iter().find(|(found, most, _)| found > most)
        else {
            return true;
        };
        let largest = (0..efforts.len())
            .max_by_key(|i| (efforts[*i].combinations, std::cmp::Reverse(*i)))
            .unwrap_or(0);
        let study = &draft.studies[largest];
        let found = if found == u64::MAX { "far too many".to_owned() } else { thousands(found) };
        let error = Diagnostic::new(format!(
            "this experiment has {found} {what}: at most {}",
            thousands(most)
        ));
        let label = format!("the largest study: {}", sizes(study, draft));
        self.errors.push(divided(error.at(study.span, label), study.design));
        false
    }

    /// Returns true if there are not too many runs; otherwise adds an error.
    pub(super) fn has_bounded_runs(&mut self, draft: &Draft, expanded: &[Expanded]) -> bool {
        let cells: u64 = expanded.iter().map(|study| study.cells.len() as u64).sum();
        let seeds = draft.seeds.len() as u64;
        if cells * seeds <= COMBINATIONS {
            return true;
        }
        let (runs, most) = (thousands(cells * seeds), thousands(COMBINATIONS));
        let error = Diagnostic::new(format!(
            "this experiment has {runs} runs, {} with {} each: at most {most}",
            count(cells as usize, "variant"),
            count(seeds as usize, "seed")
        ));
        let place = draft.studies.first().map_or(Span::new(0, 0..0), |study| study.span);
        self.errors.push(divided(error.at(place, ""), Design::OneAtATime));
        false
    }

    /// Counts the levels of one more axis; returns false and adds an error if there are too many.
    pub(super) fn has_room_for(&mut self, levels: usize, span: Span) -> bool {
        self.levels = self.levels.saturating_add(levels);
        let fits = self.levels <= LEVELS;
        if !fits {
            let (found, most) = (thousands(self.levels as u64), thousands(LEVELS as u64));
            let error = Diagnostic::new(format!(
                "the axes so far have {found} levels together: at most {most}"
            ));
            self.errors.push(
                error
                    .at(span, "")
                    .help("divide them over several files; equal runs are done once"),
            );
        }
        fits
    }

    /// Returns true if there are at most `most` of something; otherwise adds an error.
    pub(super) fn has_at_most(
        &mut self,
        most: usize,
        found: usize,
        what: &str,
        span: Option<Span>,
    ) -> bool {
        if found > most {
            let (found, most) = (thousands(found as u64), thousands(most as u64));
            let error = Diagnostic::new(format!("{found} {what}: at most {most} in an experiment"));
            let error = error.help("divide them over several files; equal runs are done once");
            self.errors.push(span.map_or(error.clone(), |span| error.at(span, "")));
        }
        found <= most
    }
}

impl ValuePool<'_> {
    /// Size of the longest settings of a combination as text [bytes].
    fn longest(&self) -> u64 {
        self.texts()
            .map(|texts| texts.map(|text| text.len() as u64).max().unwrap_or(0))
            .sum()
    }
}

/// Adds advice on dividing an experiment that is too large.
fn divided(error: Diagnostic, design: Design) -> Diagnostic {
    let error = error.help("divide it over several files; runs that two files share are done once");
    if design != Design::Grid {
        return error;
    }
    error
        .help("design = \"one-at-a-time\" grows with the sum of the levels, not with their product")
}

/// Number of levels of the axes of a study as text, as a product if its design is one.
fn sizes(study: &StudyDraft, draft: &Draft) -> String {
    let between = if study.design == Design::Grid { " x " } else { " + " };
    let sizes: Vec<String> =
        study.axes.iter().map(|i| draft.axes[*i].levels.len().to_string()).collect();
    if sizes.is_empty() { "no axes".to_owned() } else { sizes.join(between) }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::path::Path;

    use super::*;
    use crate::experiment::{Diagnostics, Experiment, Overrides, load_with};
    use crate::trainers::made::MadeTrainer;

    fn load(text: &str) -> Result<Experiment, Diagnostics> {
        let made = MadeTrainer::shared();
        load_with(Path::new("big.toml"), &Overrides::default(), &*made, &|_| Ok(text.to_owned()))
    }

    /// Axes of two settings with this many levels each.
    fn grid(levels: [usize; 2]) -> String {
        let [epochs, batches] = levels;
        format!(
            "[axes]\ntrain.epochs = {{ from = 1, to = {epochs}, step = 1 }}\n\
             train.batch = {{ from = 1, to = {batches}, step = 1 }}\n"
        )
    }

    fn repeated(count: usize, block: impl Fn(usize) -> String) -> String {
        (1..=count).fold(String::new(), |mut text, i| {
            let _ = writeln!(text, "{}", block(i));
            text
        })
    }

    #[test]
    fn what_is_too_large_as_a_whole_is_refused_with_both_numbers_and_a_way_out() {
        let long = vec!["1"; 10_000].join(", ");
        let generators = ["train.epochs", "train.batch", "train.patience"];
        let generators = generators
            .map(|axis| format!("{axis} = {{ from = 1, to = 40000, step = 1 }}\n"))
            .concat();
        let cases = [
            // Each study is small, but all together are not.
            (
                grid([100, 100]) + &repeated(500, |i| format!("[[study]]\nname = \"s{i}\"")),
                "5,000,000 combinations",
            ),
            (grid([1000, 1000]), "1,000,000 combinations"),
            ("design = \"one-at-a-time\"\n".to_owned() + &grid([1000, 1000]), ""),
            // Combinations that an [[exclude]] removes are work nevertheless.
            (
                grid([600, 500]) + "[[exclude]]\nwhere = \"train.epochs > 1\"\n",
                "300,000 combinations",
            ),
            (
                grid([280, 500])
                    + &repeated(280, |i| format!("[[exclude]]\nmatch = {{ train.epochs = {i} }}")),
                "comparisons",
            ),
            (
                "seeds = 10000\n[axes]\ntrain.epochs = { from = 1, to = 100, step = 1 }\n"
                    .to_owned(),
                "1,000,000 runs, 100 variants with 10,000 seeds",
            ),
            (format!("[axes]\n{generators}"), "120,000 levels"),
            (format!("[model]\nhidden = [{long}]\n{}", grid([400, 50])), "bytes of settings"),
            (repeated(1_001, |i| format!("[[study]]\nname = \"s{i}\"")), "1,001 studies"),
            (
                repeated(10_001, |i| format!("[[extra]]\nlabel = \"e{i}\"\ntrain.batch = {i}")),
                "10,001 [[extra]] blocks",
            ),
            (
                repeated(257, |i| format!("[[zip]]\nname = \"g{i}\"\ntrain.epochs = [1, 2]")),
                "257 axes and groups",
            ),
        ];
        for (text, expected) in cases {
            let found = load(&text);
            if expected.is_empty() {
                assert!(found.is_ok(), "{}", found.unwrap_err());
                continue;
            }
            let message = found.map(|_| ()).unwrap_err().to_string();
            assert!(
                message.contains(expected) && message.contains("at most"),
                "{expected}: {message}"
            );
            assert!(message.contains("several files"), "{message}");
        }
    }

    #[test]
    fn no_design_makes_more_combinations_than_were_counted() {
        for design in Design::WORDS.iter().map(|(word, _)| *word) {
            for tune in ["false", "true"] {
                let text = format!(
                    "seeds = 1\ndesign = \"{design}\"\nmodel.skip = true\n[axes]\nmodel.skip = [false, true]\n\
                     train.decay = [0.0, 0.5]\nmodel.ordering = {{ values = [\"raster\", \"random\"], tune = {tune} }}\n"
                );
                let Ok(experiment) = load(&text) else { continue };
                let counts = experiment.studies[0].counts;
                let axes = if tune == "true" { 2 } else { 3 };
                let most = match design {
                    "grid" => 8,
                    "one-at-a-time" => (1 + 2 * axes) * if tune == "true" { 2 } else { 1 },
                    _ => (2 + axes) * if tune == "true" { 2 } else { 1 },
                };
                assert!(
                    counts.cells <= most,
                    "{design}, tune = {tune}: {} of {most}",
                    counts.cells
                );
            }
        }
    }

    #[test]
    fn a_million_mistakes_are_counted_and_only_the_first_are_kept() {
        let text = repeated(30_000, |i| format!("k{i} = 1"));
        let errors = load(&text).unwrap_err();
        assert!(errors.list().len() <= 1_000, "{} are kept", errors.list().len());
        assert!(errors.to_string().ends_with("and 29950 more errors"));
    }
}
