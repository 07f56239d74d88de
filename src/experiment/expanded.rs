//! An experiment: a file expanded into named, checked variants, ready to become a plan.

use std::collections::{BTreeMap, BTreeSet};

use super::design::{Design, level_at};
use super::diagnostics::{Diagnostic, Span};
use super::draft::Draft;
use super::execution::{Budget, ExecutionSettings};
use super::expand::{Choice, Counts, DraftOrigin, Expanded};
use super::label::{Namer, other};
use super::point::Point;
use super::reader::Reader;
use crate::columns::Columns;
use crate::plan::{
    Axis, Compare, External, Method, MissingData, Plan, PlannedCandidate, PlannedStudy,
    PlannedVariant, PlotOptions, RunId, RunSpec, hashed, unfit,
};
use crate::rng::Seed;
use crate::text::{brief, count, nearest, some_of};
use crate::trainer::{Clash, Config, Metric, Trainer, TrainerError};

/// An experiment file, expanded and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Experiment {
    /// `name`, or the stem of the file.
    pub name: String,
    /// The question it asks.
    pub question: String,
    /// Notes.
    pub notes: String,
    /// Seeds, the same in every variant.
    pub seeds: Vec<Seed>,
    /// The baseline: plain tables and `--set`.
    pub baseline: Config,
    /// Its studies, at least one.
    pub studies: Vec<ExpandedStudy>,
    /// Values of other tools.
    pub external: Vec<External>,
    /// Options of comparing variants.
    pub compare: Compare,
    /// Options of drawing its figures.
    pub plots: PlotOptions,
    /// Limits of the cost of a sweep.
    pub budget: Budget,
    /// Options of executing runs; never part of their identity.
    pub execution: ExecutionSettings,
    /// Data sets that are not there, whose variants are left out.
    pub missing: Vec<MissingData>,
    /// Remarks that the tables do not show: repeated values, a grid without the baseline, ...
    pub remarks: Vec<String>,
    /// Labels or names of the variants selected by `--only`; empty = all.
    pub only: Vec<String>,
    /// Key paths of the settings that the file or the command line writes.
    pub written: BTreeSet<String>,
}

/// One study, expanded.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpandedStudy {
    /// Name, unique in the experiment.
    pub name: String,
    /// Question of the study; empty if there is only the experiment's.
    pub question: String,
    /// Notes of the study.
    pub notes: String,
    /// Combinations that it runs.
    pub design: Design,
    /// Its axes, as tables show them.
    pub axes: Vec<Axis>,
    /// Variants in expansion order, no two equal.
    pub variants: Vec<ExpandedVariant>,
    /// Index of the variant with which the others are compared: that of `[compare]`, the minimal
    /// system of `add-one`, or the baseline.
    pub reference: Option<usize>,
    /// Numbers of cells by outcome.
    pub counts: Counts,
    /// Number of variants that an earlier study has as well.
    pub shared: usize,
}

/// A variant of a study.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpandedVariant {
    /// Differences from the baseline, for people.
    pub label: String,
    /// Label in ASCII.
    pub name: String,
    /// The variant apart from its block; absent without `[compare] within`.
    pub method: Option<Method>,
    /// Level of each axis of the study.
    pub levels: Vec<String>,
    /// Every setting that differs from the baseline, those of `[[set]]` included.
    pub changes: Vec<Change>,
    /// Every setting, resolved; those of the first candidate if the variant is tuned.
    pub config: Config,
    /// Configurations that compete on validation to be this variant; empty if nothing is tuned.
    pub candidates: Vec<Candidate>,
}

impl ExpandedVariant {
    /// True if this is its label or name, or that of its method.
    pub(super) fn is_called(&self, name: &str) -> bool {
        let method = self.method.as_ref();
        self.label == name
            || self.name == name
            || method.is_some_and(|method| method.label == name || method.name == name)
    }
}

/// A configuration that competes to be its variant.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Levels of its tuned axes.
    pub label: String,
    /// Level of each axis of the study.
    pub levels: Vec<String>,
    /// Every setting, resolved.
    pub config: Config,
}

/// A setting that differs from the baseline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Key path.
    pub path: String,
    /// Value in the baseline.
    pub baseline: String,
    /// Value in the variant.
    pub value: String,
}

impl ExpandedStudy {
    /// Derivation of the number of variants: `36 cells - 3 collapsed - 4 excluded = 29 variants, 8
    /// shared`.
    pub fn count_line(&self) -> String {
        let Counts { cells, collapsed, excluded, extra, tuned, missing } = self.counts;
        let mut line = count(cells, "cell");
        for (sign, n, what) in [
            ("-", excluded, "excluded"),
            ("+", extra, "extra"),
            ("-", collapsed, "collapsed"),
            ("-", tuned, "candidates of a tuned variant"),
            ("-", missing, "without data"),
        ] {
            if n > 0 {
                line.push_str(&format!(" {sign} {n} {what}"));
            }
        }
        line.push_str(&format!(" = {}", count(self.variants.len(), "variant")));
        if self.shared > 0 {
            line.push_str(&format!(", {} shared with earlier studies", self.shared));
        }
        line
    }
}

impl Experiment {
    /// The plan: every variant with every seed, equal runs once.
    pub fn plan(&self, trainer: &dyn Trainer) -> Result<Plan, TrainerError> {
        self.plan_by(trainer, |config| trainer.fingerprint(config))
    }

    /// The plan, with fingerprints of data from another source than the trainer.
    pub fn plan_by<E>(
        &self,
        trainer: &dyn Trainer,
        mut fingerprint: impl FnMut(&Config) -> Result<String, E>,
    ) -> Result<Plan, E> {
        let mut index: BTreeSet<RunId> = BTreeSet::new();
        let mut runs: Vec<RunSpec> = Vec::new();
        let mut runs_of = |config: &Config| {
            let data = fingerprint(config)?;
            let hashed = hashed(trainer, config, &data);
            let ids: Vec<RunId> = self.seeds.iter().map(|seed| hashed.run(*seed)).collect();
            for (id, seed) in ids.iter().zip(&self.seeds) {
                if index.insert(id.clone()) {
                    runs.push(RunSpec {
                        id: id.clone(),
                        seed: *seed,
                        data: data.clone(),
                        config: config.clone(),
                        earlier: None,
                    });
                }
            }
            Ok::<_, E>(ids)
        };
        let mut studies = Vec::with_capacity(self.studies.len());
        for study in &self.studies {
            let mut variants = Vec::with_capacity(study.variants.len());
            for variant in &study.variants {
                let candidate = |candidate: &Candidate| {
                    let (label, levels) = (candidate.label.clone(), candidate.levels.clone());
                    Ok(PlannedCandidate { label, levels, runs: runs_of(&candidate.config)? })
                };
                let candidates: Vec<PlannedCandidate> =
                    variant.candidates.iter().map(candidate).collect::<Result<_, E>>()?;
                let runs = match candidates.first() {
                    Some(first) => first.runs.clone(),
                    None => runs_of(&variant.config)?,
                };
                let (label, name, levels) =
                    (variant.label.clone(), variant.name.clone(), variant.levels.clone());
                let method = variant.method.clone();
                variants.push(PlannedVariant { label, name, levels, runs, candidates, method });
            }
            studies.push(PlannedStudy {
                name: study.name.clone(),
                question: study.question.clone(),
                notes: study.notes.clone(),
                design: study.design.as_str().to_owned(),
                axes: study.axes.clone(),
                variants,
                baseline: study.reference,
            });
        }
        Ok(Plan {
            name: self.name.clone(),
            question: self.question.clone(),
            notes: self.notes.clone(),
            command: String::new(),
            studies,
            external: self.external.clone(),
            seeds: self.seeds.clone(),
            compare: self.compare.clone(),
            plots: self.plots.clone(),
            program: trainer.declaration().cloned().map(Box::new),
            data: Vec::new(),
            missing: self.missing.clone(),
            runs,
        })
    }

    /// Runs of `plan` selected by `--only`: those of its variants, and of the reference of every
    /// study that has one of them. All runs without `--only`.
    pub fn selected(&self, plan: &Plan) -> BTreeSet<RunId> {
        let mut selected = BTreeSet::new();
        for study in &plan.studies {
            let asked = |variant: &PlannedVariant| {
                self.only.iter().any(|only| *only == variant.label || *only == variant.name)
            };
            let any = self.only.is_empty() || study.variants.iter().any(asked);
            let references = study.references(&study.blocks(&plan.compare.within, study.baseline));
            let reference = |i: usize| references[i] == Some(i) && any;
            for (i, variant) in study.variants.iter().enumerate() {
                if self.only.is_empty() || asked(variant) || reference(i) {
                    selected.extend(variant.all_runs().cloned());
                }
            }
        }
        selected
    }
}

impl Reader<'_> {
    /// Names and resolves every cell, and makes the checks that need whole variants.
    pub(super) fn experiment(
        &mut self,
        draft: &Draft,
        expanded: &[Expanded],
        only: &[String],
    ) -> Experiment {
        let baseline = self.pool.config(&self.base);
        let metrics = self.trainer.metrics();
        let metric = metrics.get(&draft.compare.metric).unwrap_or(&metrics.all[0]);
        let (level, equivalence) = (draft.compare.level, draft.compare.equivalence_level());
        let namer = Namer::new(&draft.axes, &Columns::new(metrics, metric, level, equivalence));
        let mut earlier: BTreeSet<&Point> = BTreeSet::new();
        let mut studies = Vec::with_capacity(expanded.len());
        let mut clashes = BTreeMap::new();
        for one in expanded {
            let study = self.study(draft, one, &namer, &mut clashes);
            let known = |cell: &usize| earlier.contains(&one.cells[*cell].point);
            let shared = one.groups.iter().filter(|group| group.iter().all(known)).count();
            earlier.extend(one.cells.iter().map(|cell| &cell.point));
            studies.push(ExpandedStudy { shared, ..study });
        }
        for (clash, (place, others)) in clashes {
            self.report(clash, place, others);
        }
        self.unused_axes(draft);
        self.known_labels(draft, &studies, only);
        self.metric_is_reported(draft, &studies, metric);
        Experiment {
            name: draft.name.clone(),
            question: draft.question.clone(),
            notes: draft.notes.clone(),
            seeds: draft.seeds.clone(),
            baseline,
            studies,
            external: Vec::new(),
            compare: draft.compare.clone(),
            plots: draft.plots.clone(),
            budget: draft.budget.clone(),
            execution: draft.execution.clone(),
            missing: Vec::new(),
            remarks: std::mem::take(&mut self.notes),
            only: only.to_vec(),
            written: (self.settings.paths().zip(&draft.written))
                .filter(|&(_path, place)| place.is_some())
                .map(|(path, _place)| path.to_owned())
                .collect(),
        }
    }

    fn study(
        &mut self,
        draft: &Draft,
        expanded: &Expanded,
        namer: &Namer,
        clashes: &mut BTreeMap<Clash, (Vec<Option<Span>>, usize)>,
    ) -> ExpandedStudy {
        let base = self.base.clone();
        let labels = namer.labels(&self.pool, &base, expanded);
        let within = &draft.compare.within;
        let mut methods = namer.methods(&base, expanded, &labels, within).into_iter();
        let mut axes: Vec<Axis> = (expanded.axes.iter().zip(&expanded.study.axes))
            .map(|(axis, index)| Axis {
                path: axis.name.clone(),
                column: namer.column(*index).to_owned(),
                levels: axis.levels.iter().map(|level| level.text.clone()).collect(),
                tune: axis.tune,
            })
            .collect();
        let mut variants = Vec::with_capacity(expanded.groups.len());
        let mut taken = BTreeSet::new();
        for (group, (label, name)) in expanded.groups.iter().zip(labels) {
            let mut candidates = Vec::with_capacity(group.len());
            for cell in group.iter().map(|cell| &expanded.cells[*cell]) {
                let config = self.pool.config(&cell.point);
                for clash in self.trainer.clashes(&config) {
                    let written = |path: &&str| {
                        self.settings
                            .find(path)
                            .and_then(|leaf| Self::written(draft, expanded, cell, leaf))
                    };
                    let places = clash.settings.iter().map(written).collect();
                    clashes.entry(clash).or_insert((places, 0)).1 += 1;
                }
                let levels = self.levels_of(expanded, cell, &mut axes);
                candidates.push(Candidate {
                    label: namer.candidate(expanded, cell),
                    levels,
                    config,
                });
            }
            let cell = &expanded.cells[group[0]];
            self.fit_label(expanded, &label);
            if !taken.insert(label.clone()) {
                self.same_label(expanded, cell, &label);
            }
            let changes = self.changes(expanded, &cell.point);
            self.tuned_over_data(draft, expanded, group, &candidates);
            let (first, rest) = (candidates[0].clone(), candidates.len() > 1);
            if !rest {
                candidates.clear();
            }
            variants.push(ExpandedVariant {
                label,
                name,
                method: methods.next(),
                levels: first.levels,
                changes,
                config: first.config,
                candidates,
            });
        }
        axes.iter()
            .flat_map(|axis| [&axis.path].into_iter().chain(&axis.levels))
            .for_each(|text| self.fit_label(expanded, text));
        let named = draft.compare.baseline.as_ref();
        let named = named.and_then(|named| variants.iter().position(|v| v.is_called(named)));
        let of = |is: &dyn Fn(&super::expand::VariantDraft) -> bool| {
            expanded.groups.iter().position(|group| is(&expanded.cells[group[0]]))
        };
        let minimal = || of(&|cell| cell.origin == DraftOrigin::Minimal);
        let home = || of(&|cell| expanded.is_home(self.settings, cell, &base));
        let levels: Vec<Option<u32>> =
            expanded.axes.iter().map(|axis| level_at(axis, &base)).collect();
        let elsewhere = || {
            let found = of(&|cell| expanded.is_home_within(cell, &levels, within));
            found.filter(|_| !within.is_empty())
        };
        let reference = named.or_else(minimal).or_else(home).or_else(elsewhere);
        self.check_blocks(expanded, within, &variants, reference);
        if reference.is_none() {
            let study = &expanded.study.name;
            self.notes.push(format!(
                "{study}: the baseline is none of its variants, so they are compared with none"
            ));
        }
        ExpandedStudy {
            name: expanded.study.name.clone(),
            question: expanded.study.question.clone(),
            notes: expanded.study.notes.clone(),
            design: expanded.study.design,
            axes,
            variants,
            reference,
            counts: expanded.counts,
            shared: 0,
        }
    }

    /// Adds an error for candidates whose metrics are not comparable.
    fn tuned_over_data(
        &mut self,
        draft: &Draft,
        expanded: &Expanded,
        group: &[usize],
        candidates: &[Candidate],
    ) {
        let first = &candidates[0].config;
        for (cell, candidate) in group.iter().zip(candidates) {
            let Some(path) = self.trainer.scored_by(first, &candidate.config) else {
                continue;
            };
            let message = format!(
                "`{path}` is tuned, and the best would be chosen among candidates that are scored on other {}",
                self.trainer.metrics().examples
            );
            let leaf = self.settings.find(path);
            let place =
                leaf.and_then(|leaf| Self::written(draft, expanded, &expanded.cells[*cell], leaf));
            let error = Diagnostic::new(message)
                .at(place.unwrap_or(expanded.study.span), "these do not compare");
            self.errors.push(
                error.help(
                    "without `tune = true` it is an axis like others, a variant for each level",
                ),
            );
            return;
        }
    }

    /// Levels of a cell; values that are not a level of their axis are added to it, the baseline's
    /// at the front.
    fn levels_of(
        &self,
        expanded: &Expanded,
        cell: &super::expand::VariantDraft,
        axes: &mut [Axis],
    ) -> Vec<String> {
        let chosen = expanded.axes.iter().zip(&cell.choices).zip(axes);
        chosen
            .map(|((axis, choice), shown)| {
                let text = match choice {
                    Choice::Level(level) => return axis.levels[*level as usize].text.clone(),
                    Choice::Other => other(&self.pool, &cell.point, axis),
                    Choice::Absent => "none".to_owned(),
                };
                if !shown.levels.contains(&text) {
                    let at_base =
                        axis.leaves.iter().all(|leaf| cell.point[*leaf] == self.base[*leaf]);
                    let place = if at_base { 0 } else { shown.levels.len() };
                    shown.levels.insert(place, text.clone());
                }
                text
            })
            .collect()
    }

    fn changes(&self, expanded: &Expanded, point: &Point) -> Vec<Change> {
        let tuned = |leaf: usize| {
            expanded.axes.iter().any(|axis| axis.tune && axis.touches(self.settings, leaf))
        };
        // If a word changes, its constants are part of that change.
        let part = |leaf: usize| {
            self.settings
                .tag(leaf)
                .is_some_and(|(tagged, _)| point[tagged] != self.base[tagged])
        };
        let differs = (0..self.settings.len())
            .filter(|leaf| point[*leaf] != self.base[*leaf] && !part(*leaf) && !tuned(*leaf));
        let change = |leaf: usize| Change {
            path: self.settings[leaf].path.clone(),
            baseline: self.pool.show_at(&self.base, leaf),
            value: self.pool.show_at(point, leaf),
        };
        differs.map(change).collect()
    }

    /// Adds an error for a generated label that is not valid in a plan.
    fn fit_label(&mut self, expanded: &Expanded, label: &str) {
        if let Some(why) = unfit(label) {
            let error = Diagnostic::new(format!("the label {} {why}", brief(label)));
            self.errors.push(
                error
                    .at(expanded.study.span, "")
                    .help("[labels] gives levels names of their own"),
            );
        }
    }

    fn same_label(&mut self, expanded: &Expanded, cell: &super::expand::VariantDraft, label: &str) {
        let place = match cell.origin {
            DraftOrigin::Extra(i) => expanded.extras[i].span,
            _ => expanded.study.span,
        };
        let error = Diagnostic::new(format!(
            "two variants of the study \"{}\" are called \"{label}\"",
            expanded.study.name
        ));
        self.errors.push(error.at(place, "labels are unique"));
    }

    fn report(&mut self, clash: Clash, places: Vec<Option<Span>>, variants: usize) {
        let mut error = Diagnostic::new(clash.message);
        let mut first = true;
        for (path, place) in clash.settings.iter().zip(places) {
            let Some(place) = place else {
                error = error.help(format!("`{path}` has its default"));
                continue;
            };
            error = if first { error.at(place, *path) } else { error.related(Some(place), *path) };
            first = false;
        }
        let error = error.help(clash.help);
        self.errors.push(if variants > 1 {
            error.help(format!("{variants} variants are affected"))
        } else {
            error
        });
    }

    /// Adds an error if no variant reports the compared metric, and a remark on those that do not.
    fn metric_is_reported(&mut self, draft: &Draft, studies: &[ExpandedStudy], metric: &Metric) {
        let variants = || studies.iter().flat_map(|study| &study.variants);
        let lacks = |variant: &ExpandedVariant| {
            let mut configs = variant.candidates.iter().map(|candidate| &candidate.config);
            match variant.candidates[..] {
                [] => self.trainer.metric_needs(&variant.config, metric),
                // Of a tuned variant, any candidate may be the one that is compared.
                _ => configs.find_map(|config| self.trainer.metric_needs(config, metric)),
            }
        };
        let lacking: Vec<(&str, &str)> = variants()
            .filter_map(|variant| Some((variant.label.as_str(), lacks(variant)?)))
            .collect();
        let Some((_, needed)) = lacking.first() else { return };
        let name = &metric.name;
        if lacking.len() < variants().count() {
            let without = some_of(lacking.iter().map(|(label, _)| *label));
            self.notes.push(format!("no `{name}` of {without}: it needs {needed}"));
            return;
        }
        let error = Diagnostic::new(format!("no variant has a `{name}`: it needs {needed}"));
        let error = match draft.compared_by {
            Some(place) => error.at(place, format!("needs {needed}")),
            None => error,
        };
        self.errors.push(error.help(format!(
            "write {needed} in the baseline or as a level of an axis, or compare another metric"
        )));
    }

    fn unused_axes(&mut self, draft: &Draft) {
        for (i, axis) in draft.axes.iter().enumerate() {
            if draft.studies.iter().any(|study| study.axes.contains(&i)) {
                continue;
            }
            let source = &self.errors.sources[axis.span.file as usize].name;
            if source == "--axis" {
                let error =
                    Diagnostic::new(format!("no study of this experiment sweeps `{}`", axis.name));
                self.errors.push(
                    error
                        .at(axis.span, "")
                        .help("its [[study]] blocks name their axes; add it there"),
                );
            } else {
                self.notes.push(format!("the axis {} is used by no study", axis.name));
            }
        }
    }

    fn known_labels(&mut self, draft: &Draft, studies: &[ExpandedStudy], only: &[String]) {
        let variants: Vec<&ExpandedVariant> =
            studies.iter().flat_map(|study| &study.variants).collect();
        let unknown = |label: &str| !variants.iter().any(|v| v.is_called(label));
        let suggest = |error: Diagnostic, label: &str| {
            let names = || variants.iter().flat_map(|variant| [&*variant.label, &*variant.name]);
            match nearest(label, names()) {
                Some(_) => error.suggest(label, names()),
                None => {
                    let known = some_of(variants.iter().map(|variant| &*variant.name));
                    error.help(format!("variants: {known}"))
                }
            }
        };
        if let (Some(label), Some(span)) = (&draft.compare.baseline, draft.compared_with)
            && unknown(label)
        {
            let error =
                Diagnostic::new(format!("`compare.baseline` names no variant: \"{label}\""))
                    .at(span, "");
            self.errors.push(suggest(error, label));
        }
        for label in only.iter().filter(|label| unknown(label)) {
            let error = Diagnostic::new(format!("--only names no variant: \"{label}\""));
            self.errors.push(suggest(error, label));
        }
    }
}
