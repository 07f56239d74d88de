//! Expansion: the cells of a study, in a fixed order of steps.
//!
//! 1. axes and zip: the design's combinations of levels, over the baseline, each crossed with the
//!    axes that are tuned;
//! 2. when: an axis whose condition is false falls back to the baseline, axis by axis in declared
//!    order;
//! 3. exclude, first the file's, then the study's;
//! 4. set, the same;
//! 5. extra, the same;
//! 6. dedupe: equal configurations become one variant, the first.
//!
//! Cells that differ in tuned axes alone are candidates of one variant. Seeds come last, when the
//! plan is made.

use std::collections::{BTreeMap, BTreeSet};

use super::axis::AxisDraft;
use super::design::{Design, level_at};
use super::diagnostics::{Diagnostic, Span};
use super::draft::{Draft, Extra, StudyDraft};
use super::point::Point;
use super::reader::Reader;
use super::rule::{LISTED, Rule, apply};
use crate::trainer::{Leaf, Settings};

/// State of an axis in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Choice {
    /// The axis is at one of its levels.
    Level(u32),
    /// The axis is at a value that is none of its levels: the baseline's, or an extra's.
    Other,
    /// The axis is over a constant of a word that is not chosen.
    Absent,
}

/// Source of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum DraftOrigin {
    Design,
    /// Minimal system of `add-one`.
    Minimal,
    /// Minimal system with this axis switched.
    Plus(usize),
    /// Extra of the study with this index.
    Extra(usize),
}

/// A variant, or a candidate of one, before it has a name.
#[derive(Debug, Clone)]
pub(super) struct VariantDraft {
    pub(super) point: Point,
    pub(super) choices: Vec<Choice>,
    pub(super) origin: DraftOrigin,
    /// The `[[set]]` rules that changed it.
    pub(super) sets: Vec<u32>,
}

/// Numbers of cells by outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Cells that the design generates.
    pub cells: usize,
    /// Cells merged with an equal one.
    pub collapsed: usize,
    /// Cells removed by an `[[exclude]]`.
    pub excluded: usize,
    /// Cells added by an `[[extra]]`.
    pub extra: usize,
    /// Candidates of variants besides the first of each.
    pub tuned: usize,
    /// Variants whose data are not there.
    pub missing: usize,
}

/// The cells of one study.
pub(super) struct Expanded<'d> {
    pub(super) study: &'d StudyDraft,
    pub(super) axes: Vec<&'d AxisDraft>,
    pub(super) cells: Vec<VariantDraft>,
    /// Indices of the cells of each variant: one, or those that its tuned axes choose between.
    pub(super) groups: Vec<Vec<usize>>,
    pub(super) extras: Vec<&'d Extra>,
    pub(super) sets: Vec<&'d Rule>,
    pub(super) counts: Counts,
}

impl Expanded<'_> {
    /// True if a cell is the baseline, at any level of its tuned axes.
    pub(super) fn is_home(&self, settings: &Settings, cell: &VariantDraft, base: &Point) -> bool {
        let tuned =
            |leaf: Leaf| self.axes.iter().any(|axis| axis.tune && axis.touches(settings, leaf));
        cell.point == *base
            || (0..base.len()).all(|leaf| cell.point[leaf] == base[leaf] || tuned(leaf))
    }
}

/// Number of cells in which each rule of the file applied, over all studies.
#[derive(Debug, Default)]
pub(super) struct Hits {
    excludes: Vec<usize>,
    sets: Vec<usize>,
    seen: BTreeMap<Leaf, Vec<u32>>,
}

/// Combinations of a study's axes: those of its design over the axes that form variants, each
/// crossed with every combination of the tuned axes.
fn combinations(
    study: &StudyDraft,
    axes: &[&AxisDraft],
    base: &Point,
) -> Result<Vec<Vec<Option<u32>>>, Diagnostic> {
    let (tuned, plain): (Vec<usize>, Vec<usize>) = (0..axes.len()).partition(|i| axes[*i].tune);
    let of = |indices: &[usize]| indices.iter().map(|i| axes[*i]).collect::<Vec<_>>();
    let variants = study.design.cells(&of(&plain), base)?;
    if tuned.is_empty() {
        return Ok(variants);
    }
    let candidates = Design::Grid.cells(&of(&tuned), base)?;
    let whole = |variant: &[Option<u32>], candidate: &[Option<u32>]| {
        let mut cell = vec![None; axes.len()];
        plain
            .iter()
            .zip(variant)
            .chain(tuned.iter().zip(candidate))
            .for_each(|(i, level)| cell[*i] = *level);
        cell
    };
    Ok(variants
        .iter()
        .flat_map(|variant| candidates.iter().map(move |candidate| whole(variant, candidate)))
        .collect())
}

/// Groups of cells that differ only in tuned axes, in order of their first cell.
fn groups(axes: &[&AxisDraft], cells: &[VariantDraft]) -> Vec<Vec<usize>> {
    let mut found: Vec<Vec<usize>> = Vec::with_capacity(cells.len());
    if !axes.iter().any(|axis| axis.tune) {
        found.extend((0..cells.len()).map(|cell| vec![cell]));
        return found;
    }
    let mut known: BTreeMap<(Vec<Choice>, DraftOrigin), usize> = BTreeMap::new();
    for (i, cell) in cells.iter().enumerate() {
        let plain = axes
            .iter()
            .zip(&cell.choices)
            .filter(|(axis, _)| !axis.tune)
            .map(|(_, choice)| *choice)
            .collect();
        let group = *known.entry((plain, cell.origin)).or_insert_with(|| {
            found.push(Vec::new());
            found.len() - 1
        });
        found[group].push(i);
    }
    found
}

impl Reader<'_> {
    /// The cells of every study of the file.
    pub(super) fn expand<'d>(&mut self, draft: &'d Draft, narrowed: bool) -> Vec<Expanded<'d>> {
        let mut hits = Hits {
            excludes: vec![0; draft.excludes.len()],
            sets: vec![0; draft.sets.len()],
            ..Hits::default()
        };
        if !self.is_within_bounds(draft) {
            return Vec::new();
        }
        let before = self.errors.len();
        let studies: Vec<Expanded> = draft
            .studies
            .iter()
            .filter_map(|study| self.expand_study(draft, study, narrowed, &mut hits))
            .collect();
        if self.errors.len() == before && self.has_bounded_runs(draft, &studies) {
            self.unmatched("exclude", &draft.excludes, &hits.excludes, narrowed, &hits.seen);
            self.unmatched("set", &draft.sets, &hits.sets, narrowed, &hits.seen);
        }
        studies
    }

    fn unmatched(
        &mut self,
        what: &str,
        rules: &[Rule],
        hits: &[usize],
        narrowed: bool,
        seen: &BTreeMap<Leaf, Vec<u32>>,
    ) {
        for (rule, _) in rules.iter().zip(hits).filter(|(_, hits)| **hits == 0) {
            if narrowed {
                let line = self.errors.line(rule.span);
                self.notes.push(format!(
                    "the [[{what}]] at {line} matches no run, as the command line changed them"
                ));
                continue;
            }
            let values = |leaf: Leaf| {
                let seen = seen.get(&leaf).into_iter().flatten().take(LISTED + 1);
                seen.map(|value| self.pool.show(leaf, *value)).collect()
            };
            let values: BTreeMap<Leaf, Vec<String>> =
                rule.leaves().into_iter().map(|leaf| (leaf, values(leaf))).collect();
            self.holds_nowhere(what, rule, |leaf| values.get(&leaf).cloned().unwrap_or_default());
        }
    }

    fn expand_study<'d>(
        &mut self,
        draft: &'d Draft,
        study: &'d StudyDraft,
        narrowed: bool,
        hits: &mut Hits,
    ) -> Option<Expanded<'d>> {
        let axes: Vec<&AxisDraft> = study.axes.iter().map(|i| &draft.axes[*i]).collect();
        self.overlapping(study, &axes)?;
        let combinations = match combinations(study, &axes, &self.base) {
            Ok(combinations) => combinations,
            Err(error) => {
                self.errors.push(error);
                return None;
            }
        };
        let mut counts = Counts { cells: combinations.len(), ..Counts::default() };
        let mut cells = self.placed(study, &axes, combinations);
        self.never_active(study, &axes, &cells);
        let leaves: BTreeSet<Leaf> =
            draft.excludes.iter().chain(&draft.sets).flat_map(Rule::leaves).collect();
        self.see(&leaves, &cells, &mut hits.seen);

        let before = cells.len();
        let mut own = vec![0; study.excludes.len()];
        self.exclude(study, &mut cells, &draft.excludes, true, &mut hits.excludes);
        let (own_leaves, mut own_seen) =
            (study.excludes.iter().chain(&study.sets).flat_map(Rule::leaves), BTreeMap::new());
        let own_leaves: BTreeSet<Leaf> = own_leaves.collect();
        self.see(&own_leaves, &cells, &mut own_seen);
        self.exclude(study, &mut cells, &study.excludes, false, &mut own);
        counts.excluded = before - cells.len();
        self.unmatched("study.exclude", &study.excludes, &own, narrowed, &own_seen);

        let sets: Vec<&Rule> = draft.sets.iter().chain(&study.sets).collect();
        let mut held = vec![0; sets.len()];
        self.set(study, &axes, &mut cells, &sets, &mut held);
        for (total, held) in hits.sets.iter_mut().zip(&held) {
            *total += held;
        }
        self.unmatched("study.set", &study.sets, &held[draft.sets.len()..], narrowed, &own_seen);

        let extras: Vec<&Extra> = draft
            .extras
            .iter()
            .filter(|extra| extra.is_in(study))
            .chain(&study.extras)
            .collect();
        cells.extend(extras.iter().enumerate().map(|(i, extra)| self.extra(i, extra, &axes)));
        counts.extra = extras.len();
        counts.collapsed = self.dedupe(&mut cells, &extras, study);
        let groups = groups(&axes, &cells);
        counts.tuned = cells.len() - groups.len();
        Some(Expanded { study, axes, cells, groups, extras, sets, counts })
    }

    /// Adds an error if two axes of a study change the same setting; a setting and a constant of it
    /// may both be axes.
    fn overlapping(&mut self, study: &StudyDraft, axes: &[&AxisDraft]) -> Option<()> {
        let mut moved: BTreeMap<Leaf, &AxisDraft> = BTreeMap::new();
        for axis in axes {
            for leaf in &axis.leaves {
                if let Some(other) = moved.insert(*leaf, axis) {
                    let path = &self.settings[*leaf].path;
                    let error = Diagnostic::new(format!(
                        "two axes of the study \"{}\" move `{path}`",
                        study.name
                    ));
                    self.errors.push(
                        error
                            .at(axis.span, "the second one")
                            .related(Some(other.span), "the first one"),
                    );
                    return None;
                }
            }
        }
        Some(())
    }

    /// Combinations as cells over the baseline; inactive axes are at the baseline's value.
    fn placed(
        &self,
        study: &StudyDraft,
        axes: &[&AxisDraft],
        combinations: Vec<Vec<Option<u32>>>,
    ) -> Vec<VariantDraft> {
        let home: Vec<Choice> = axes
            .iter()
            .map(|axis| level_at(axis, &self.base).map_or(Choice::Other, Choice::Level))
            .collect();
        // A setting must be set before its constants, in any order of the axes.
        let mut order: Vec<usize> = (0..axes.len()).collect();
        order
            .sort_by_key(|i| axes[*i].leaves.iter().any(|leaf| self.settings.tag(*leaf).is_some()));
        let conditional: Vec<usize> = (0..axes.len())
            .filter(|i| {
                axes[*i].when.is_some()
                    || axes[*i].leaves.iter().any(|l| self.settings.tag(*l).is_some())
            })
            .collect();
        let candidates: usize =
            axes.iter().filter(|axis| axis.tune).map(|axis| axis.levels.len()).product();
        let last = (combinations.len() / candidates).saturating_sub(1);
        let plain: Vec<usize> = (0..axes.len()).filter(|i| !axes[*i].tune).collect();
        let placed = combinations.into_iter().enumerate().map(|(index, combination)| {
            let mut choices: Vec<Choice> = combination
                .iter()
                .zip(&home)
                .map(|(level, home)| level.map_or(*home, Choice::Level))
                .collect();
            let mut point = self.at_levels(axes, &order, &choices);
            for &i in &conditional {
                let held = axes[i]
                    .when
                    .as_ref()
                    .is_none_or(|when| when.holds(&|leaf| self.pool.at(&point, leaf)));
                let exists =
                    axes[i].leaves.iter().any(|leaf| self.pool.at(&point, *leaf).is_some());
                if !held || !exists {
                    choices[i] = if exists { home[i] } else { Choice::Absent };
                    point = self.at_levels(axes, &order, &choices);
                }
            }
            self.pool.normalise(&mut point);
            let index = index / candidates;
            let origin = match study.design {
                Design::AddOne if index == 0 => DraftOrigin::Minimal,
                Design::AddOne if index < last => DraftOrigin::Plus(plain[index - 1]),
                _ => DraftOrigin::Design,
            };
            VariantDraft { point, choices, origin, sets: Vec::new() }
        });
        placed.collect()
    }

    fn at_levels(&self, axes: &[&AxisDraft], order: &[usize], choices: &[Choice]) -> Point {
        let mut point = self.base.clone();
        for &i in order {
            if let Choice::Level(level) = choices[i] {
                apply(&mut point, &axes[i].levels[level as usize].set);
            }
        }
        point
    }

    /// Adds an error for an axis whose condition is never true where it would matter.
    fn never_active(&mut self, study: &StudyDraft, axes: &[&AxisDraft], cells: &[VariantDraft]) {
        for (i, axis) in axes.iter().enumerate() {
            let moves = |cell: &VariantDraft| {
                axis.levels.len() == 1
                    || axis.leaves.iter().any(|l| cell.point[*l] != self.base[*l])
            };
            let constant = axis.leaves.iter().any(|leaf| self.settings.tag(*leaf).is_some());
            if (axis.when.is_some() || constant)
                && !cells.iter().any(|cell| cell.choices[i] != Choice::Absent && moves(cell))
            {
                let error = Diagnostic::new(format!(
                    "`{}` never moves in the study \"{}\"",
                    axis.name, study.name
                ));
                let why = if axis.when.is_some() {
                    "its condition holds in no cell"
                } else {
                    "its word is chosen in no cell"
                };
                let error = error.at(axis.span, why);
                self.errors.push(
                    error.help(
                        "name the axes of this study without it, or sweep what it depends on",
                    ),
                );
            }
        }
    }

    fn see(
        &self,
        leaves: &BTreeSet<Leaf>,
        cells: &[VariantDraft],
        seen: &mut BTreeMap<Leaf, Vec<u32>>,
    ) {
        for &leaf in leaves {
            let mut values: BTreeSet<u32> =
                seen.remove(&leaf).unwrap_or_default().into_iter().collect();
            values.extend(
                cells
                    .iter()
                    .filter(|c| self.pool.at(&c.point, leaf).is_some())
                    .map(|c| c.point[leaf]),
            );
            seen.insert(leaf, values.into_iter().collect());
        }
    }

    fn exclude(
        &mut self,
        study: &StudyDraft,
        cells: &mut Vec<VariantDraft>,
        rules: &[Rule],
        of_file: bool,
        hits: &mut [usize],
    ) {
        for (rule, hits) in rules.iter().zip(hits) {
            let (mut refused, before) = (None, cells.len());
            cells.retain(|cell| {
                let holds = rule.holds(&self.pool, &cell.point);
                *hits += usize::from(holds);
                if holds && of_file {
                    let baseline = cell.point == self.base;
                    refused =
                        refused.or((baseline || study.design != Design::Grid).then_some(baseline));
                }
                !holds
            });
            if let (Some(reason), true) = (&rule.reason, cells.len() < before) {
                self.notes.push(format!(
                    "{}: {} excluded: {reason}",
                    study.name,
                    before - cells.len()
                ));
            }
            if let Some(baseline) = refused {
                let what = if baseline {
                    "the baseline".to_owned()
                } else {
                    format!("a variant of a {} study", study.design.as_str())
                };
                let error = Diagnostic::new(format!(
                    "this [[exclude]] removes {what} (\"{}\")",
                    study.name
                ));
                let error =
                    error.at(rule.span, "a row of the ablation table would silently be missing");
                self.errors
                    .push(error.help(
                        "write it below its [[study]] as [[study.exclude]] if that is meant",
                    ));
            }
        }
    }

    fn set(
        &mut self,
        study: &StudyDraft,
        axes: &[&AxisDraft],
        cells: &mut [VariantDraft],
        rules: &[&Rule],
        hits: &mut [usize],
    ) {
        for (index, rule) in rules.iter().enumerate() {
            let swept = rule.values.iter().find_map(|a| {
                axes.iter()
                    .find(|axis| axis.touches(self.settings, a.leaf))
                    .map(|axis| (a, *axis))
            });
            let mut on_baseline = false;
            for cell in cells.iter_mut() {
                if !rule.holds(&self.pool, &cell.point) {
                    continue;
                }
                hits[index] += 1;
                on_baseline |= cell.point == self.base;
                apply(&mut cell.point, &rule.values);
                self.pool.normalise(&mut cell.point);
                cell.sets.push(index as u32);
            }
            if let (Some((assignment, axis)), true) = (swept, hits[index] > 0) {
                let path = &self.settings[assignment.leaf].path;
                let error = Diagnostic::new(format!(
                    "a [[set]] changes `{path}`, an axis of the study \"{}\"",
                    study.name
                ));
                let error = error.at(assignment.span, "would hide what the axis says");
                self.errors.push(error.related(Some(axis.span), "the axis"));
            } else if on_baseline {
                let error = Diagnostic::new(format!(
                    "this [[set]] changes the baseline of the study \"{}\"",
                    study.name
                ));
                self.errors.push(
                    error.at(rule.span, "").help("change the baseline's own tables, or match less"),
                );
            }
        }
    }

    fn extra(&self, index: usize, extra: &Extra, axes: &[&AxisDraft]) -> VariantDraft {
        let mut point = self.base.clone();
        apply(&mut point, &extra.values);
        self.pool.normalise(&mut point);
        let choice = |axis: &&AxisDraft| match level_at(axis, &point) {
            _ if axis.leaves.iter().all(|leaf| self.pool.at(&point, *leaf).is_none()) => {
                Choice::Absent
            }
            Some(level) => Choice::Level(level),
            None => Choice::Other,
        };
        let choices = axes.iter().map(choice).collect();
        VariantDraft {
            point,
            choices,
            origin: DraftOrigin::Extra(index),
            sets: Vec::new(),
        }
    }

    /// Removes all but the first of equal cells, and returns the number removed. A remark is added
    /// for an extra that exists already.
    fn dedupe(
        &mut self,
        cells: &mut Vec<VariantDraft>,
        extras: &[&Extra],
        study: &StudyDraft,
    ) -> usize {
        let before = cells.len();
        let mut first = BTreeSet::new();
        let mut repeated = Vec::new();
        cells.retain(|cell| {
            let new = first.insert(cell.point.clone());
            if let (DraftOrigin::Extra(i), false) = (cell.origin, new) {
                repeated.push(extras[i].label.clone());
            }
            new
        });
        for label in repeated {
            self.notes.push(format!(
                "{}: the extra \"{label}\" is a variant of the study already",
                study.name
            ));
        }
        before - cells.len()
    }

    /// Place at which the value of a setting in a cell is written: in a `[[set]]`, an extra, an
    /// axis, or the baseline.
    pub(super) fn written(
        draft: &Draft,
        expanded: &Expanded,
        cell: &VariantDraft,
        leaf: Leaf,
    ) -> Option<Span> {
        let of = |set: &[super::point::Assignment]| {
            set.iter().rev().find(|a| a.leaf == leaf).map(|a| a.span)
        };
        let by_set = cell.sets.iter().rev().find_map(|i| of(&expanded.sets[*i as usize].values));
        let by_extra = || match cell.origin {
            DraftOrigin::Extra(i) => of(&expanded.extras[i].values),
            _ => None,
        };
        let by_axis = || {
            expanded.axes.iter().zip(&cell.choices).find_map(|(axis, choice)| match choice {
                Choice::Level(level) if !matches!(cell.origin, DraftOrigin::Extra(_)) => {
                    of(&axis.levels[*level as usize].set)
                }
                _ => None,
            })
        };
        by_set.or_else(by_extra).or_else(by_axis).or(draft.written[leaf])
    }
}
