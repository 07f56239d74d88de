//! Names of variants and columns: the differences from the baseline, and nothing else.
//!
//! A label is for people (`depth 2, masks 8`), a name for tables and files (`depth-2_masks-8`).
//! Both follow the order of the settings, not of the axes, so that re-ordering a file renames
//! nothing, and neither can be mistaken for a date, a formula, a number or a missing value when a
//! table is read.

use std::collections::{BTreeMap, BTreeSet};

use super::axis::AxisDraft;
use super::design::level_at;
use super::expand::{Choice, DraftOrigin, Expanded};
use super::misread::unsafe_label;
use super::point::{Point, ValuePool};
use crate::columns::Columns;
use crate::plan::Method;

/// Names of the axes of an experiment.
pub(super) struct Namer {
    /// Shortest unique suffix of the name of each axis.
    keys: Vec<String>,
    /// Column of each axis.
    columns: Vec<String>,
    /// Labels of levels that belong to more than one axis.
    ambiguous: BTreeSet<String>,
}

impl Namer {
    pub(super) fn new(axes: &[AxisDraft], taken: &Columns) -> Self {
        let names: Vec<&str> = axes.iter().map(|axis| axis.name.as_str()).collect();
        let keys: Vec<String> =
            names.iter().map(|name| suffix(name, &names, |_| true).to_owned()).collect();
        let mut columns: Vec<String> = Vec::new();
        for name in &names {
            let free = |candidate: &str| !taken.has(&column(candidate));
            let mut wanted = column(suffix(name, &names, free));
            while taken.has(&wanted) || columns.contains(&wanted) {
                wanted = format!("axis_{wanted}");
            }
            columns.push(wanted);
        }
        let mut owners: BTreeMap<&str, usize> = BTreeMap::new();
        for axis in axes {
            for level in axis.levels.iter().filter(|level| level.named) {
                *owners.entry(&level.text).or_default() += 1;
            }
        }
        let ambiguous = owners
            .into_iter()
            .filter(|(_, n)| *n > 1)
            .map(|(text, _)| text.to_owned())
            .collect();
        Self { keys, columns, ambiguous }
    }

    pub(super) fn column(&self, axis: usize) -> &str {
        &self.columns[axis]
    }

    /// Label of a candidate of a variant: the levels of its tuned axes.
    pub(super) fn candidate(
        &self,
        expanded: &Expanded,
        cell: &super::expand::VariantDraft,
    ) -> String {
        let axes = expanded.axes.iter().zip(&expanded.study.axes).zip(&cell.choices);
        let parts =
            axes.filter(|((axis, _), _)| axis.tune).filter_map(|((axis, index), choice)| {
                match choice {
                    Choice::Level(level) => Some(self.level(axis, *index, *level)),
                    Choice::Other | Choice::Absent => None,
                }
            });
        parts.collect::<Vec<_>>().join(", ")
    }

    /// Part of a label that states the level of an axis.
    fn part(&self, axis: usize, text: &str, named: bool) -> String {
        if named && !self.ambiguous.contains(text) {
            text.to_owned()
        } else {
            format!("{} {text}", self.keys[axis])
        }
    }

    /// Label and name of every variant of a study. Names are unique; labels are as unique as the
    /// file makes them.
    pub(super) fn labels(
        &self,
        pool: &ValuePool,
        base: &Point,
        expanded: &Expanded,
    ) -> Vec<(String, String)> {
        let indices = &expanded.study.axes;
        let order = label_order(expanded, |_| true);
        let home: Vec<Option<u32>> =
            expanded.axes.iter().map(|axis| level_at(axis, base)).collect();
        let at_home = |i: usize| match home[i] {
            Some(level) => self.level(expanded.axes[i], indices[i], level),
            None => self.part(indices[i], &other(pool, base, expanded.axes[i]), false),
        };
        let parts: Vec<Vec<String>> = (expanded.axes.iter().zip(indices))
            .map(|(axis, index)| {
                (0..axis.levels.len() as u32)
                    .map(|level| self.level(axis, *index, level))
                    .collect()
            })
            .collect();
        let mut taken = BTreeSet::new();
        let label = |cell: &super::expand::VariantDraft| match cell.origin {
            DraftOrigin::Extra(i) => expanded.extras[i].label.clone(),
            _ if expanded.is_home(pool.settings(), cell, base) => "baseline".to_owned(),
            DraftOrigin::Minimal => "minimal".to_owned(),
            DraftOrigin::Plus(axis) => format!("minimal + {}", at_home(axis)),
            DraftOrigin::Design => {
                let differs = order.iter().filter_map(|&i| match cell.choices[i] {
                    Choice::Level(level) if Some(level) != home[i] => {
                        Some(parts[i][level as usize].as_str())
                    }
                    _ => None,
                });
                differs.collect::<Vec<_>>().join(", ")
            }
        };
        let mut all = Vec::with_capacity(expanded.groups.len());
        for group in &expanded.groups {
            let label = label(&expanded.cells[group[0]]);
            let name = unique(&label, &mut taken);
            all.push((label, name));
        }
        all
    }

    /// Each variant of a study apart from its block: its label without the levels of the axes
    /// `within`, the same name wherever the label is the same. Empty without such axes.
    pub(super) fn methods(
        &self,
        base: &Point,
        expanded: &Expanded,
        labels: &[(String, String)],
        within: &[String],
    ) -> Vec<Method> {
        if within.is_empty() {
            return Vec::new();
        }
        let order = label_order(expanded, |axis| !within.contains(&axis.name));
        let home: Vec<Option<u32>> =
            expanded.axes.iter().map(|axis| level_at(axis, base)).collect();
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        let mut taken = BTreeSet::new();
        let mut all = Vec::with_capacity(labels.len());
        for (group, (label, _)) in expanded.groups.iter().zip(labels) {
            let cell = &expanded.cells[group[0]];
            let label = match cell.origin {
                DraftOrigin::Extra(_) => label.clone(),
                _ if expanded.is_home_within(cell, &home, within) => "baseline".to_owned(),
                _ => {
                    let differs = order.iter().filter_map(|&i| match cell.choices[i] {
                        Choice::Level(level) if Some(level) != home[i] => {
                            Some(self.level(expanded.axes[i], expanded.study.axes[i], level))
                        }
                        _ => None,
                    });
                    differs.collect::<Vec<_>>().join(", ")
                }
            };
            let name = names.entry(label.clone()).or_insert_with(|| unique(&label, &mut taken));
            all.push(Method { name: name.clone(), label });
        }
        all
    }

    fn level(&self, axis: &AxisDraft, index: usize, level: u32) -> String {
        let level = &axis.levels[level as usize];
        self.part(index, &level.text, level.named)
    }
}

/// Axes that label variants, of those for which `counts` holds, in the order of the settings.
fn label_order(expanded: &Expanded, counts: impl Fn(&AxisDraft) -> bool) -> Vec<usize> {
    let mut order: Vec<usize> = (0..expanded.axes.len())
        .filter(|i| !expanded.axes[*i].tune && counts(expanded.axes[*i]))
        .collect();
    order.sort_by_key(|i| (expanded.axes[*i].leaves.iter().min(), &expanded.axes[*i].name));
    order
}

/// Name of a label that no other label has.
fn unique(label: &str, taken: &mut BTreeSet<String>) -> String {
    let mut name = ascii(label);
    if taken.contains(&name) {
        name = format!("{name}-{}", &blake3::hash(label.as_bytes()).to_hex()[..6]);
    }
    taken.insert(name.clone());
    name
}

/// Values of an axis at a point that is at none of its levels.
pub(super) fn other(pool: &ValuePool, point: &Point, axis: &AxisDraft) -> String {
    axis.leaves
        .iter()
        .map(|leaf| pool.show(*leaf, point[*leaf]))
        .collect::<Vec<_>>()
        .join(" & ")
}

/// Shortest suffix of a path, in whole words, that is not a suffix of another path and that `free`
/// accepts.
fn suffix<'n>(name: &'n str, names: &[&str], free: impl Fn(&str) -> bool) -> &'n str {
    let starts = name.rmatch_indices('.').map(|(i, _)| i + 1);
    let candidates = starts.map(|start| &name[start..]).chain([name]);
    let ends = |other: &str, tail: &str| {
        other == tail || other.strip_suffix(tail).is_some_and(|rest| rest.ends_with('.'))
    };
    let unique = |tail: &str| names.iter().filter(|other| ends(other, tail)).count() == 1;
    candidates.into_iter().find(|tail| unique(tail) && free(tail)).unwrap_or(name)
}

fn column(name: &str) -> String {
    let clean: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if clean.starts_with(|c: char| c.is_ascii_alphabetic()) {
        clean
    } else {
        format!("axis_{clean}")
    }
}

/// Converts a label to the alphabet of names.
pub(super) fn ascii(label: &str) -> String {
    const LONGEST: usize = 80;
    let mut name = String::with_capacity(label.len());
    for c in label.replace(", ", "_").replace(" + ", "_").chars() {
        let c = if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') { c } else { '-' };
        if !(c == '-' && name.ends_with(['-', '_'])) {
            name.push(c);
        }
    }
    let mut name = name.trim_end_matches(['-', '.']).to_owned();
    if name.len() > LONGEST {
        name.truncate(LONGEST);
        name = format!("{name}-{}", &blake3::hash(label.as_bytes()).to_hex()[..6]);
    }
    let fits = name.starts_with(|c: char| c.is_ascii_alphabetic()) && unsafe_label(&name).is_none();
    if fits {
        name
    } else {
        format!("v-{}", name.trim_start_matches('-')).trim_end_matches('-').to_owned()
    }
}
