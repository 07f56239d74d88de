//! Columns of the axes: every table names an axis in the same way, whatever columns of its own it
//! has.

use std::collections::{BTreeMap, BTreeSet};

use super::ExperimentResults;
use super::cell::Value;
use crate::plan::PlannedStudy;

/// Axes of all studies: one column each, by key path.
pub(super) struct AxisColumns<'a>(Vec<(&'a str, String)>);

impl<'a> AxisColumns<'a> {
    /// The union over the studies. An axis whose short name is used by a column or another axis
    /// gets its whole path as name.
    pub(super) fn of(results: &'a ExperimentResults) -> Self {
        let taken = results.columns();
        let axes = || results.plan.studies.iter().flat_map(|study| &study.axes);
        let mut paths = BTreeMap::<&str, BTreeSet<&str>>::new();
        for axis in axes() {
            paths.entry(&axis.column).or_default().insert(&axis.path);
        }
        let mut columns: Vec<(&str, String)> = Vec::new();
        for axis in axes() {
            if columns.iter().any(|(path, _)| *path == axis.path) {
                continue;
            }
            let free = paths[axis.column.as_str()].len() == 1 && !taken.has(&axis.column);
            let whole = || format!("axis_{}", axis.path.replace(['.', '-'], "_"));
            columns.push((&axis.path, if free { axis.column.clone() } else { whole() }));
        }
        Self(columns)
    }

    /// Leaves out the axes with these key paths.
    pub(super) fn leave_out(&mut self, paths: &[String]) {
        self.0.retain(|(path, _)| !paths.iter().any(|other| other == path));
    }

    /// Column name of an axis.
    pub(super) fn name(&self, path: &str) -> &str {
        self.0.iter().find(|(known, _)| *known == path).map_or("", |(_, column)| column)
    }

    /// Column names of all axes.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(_, column)| column.clone())
    }

    /// A variant's level of every axis; empty for axes of other studies.
    pub(super) fn levels(
        &self,
        study: &'a PlannedStudy,
        levels: &'a [String],
    ) -> impl Iterator<Item = Value<'a>> {
        self.0.iter().map(move |(path, _)| {
            let at = study.axes.iter().position(|axis| axis.path == *path);
            at.and_then(|at| levels.get(at))
                .map_or(Value::Empty, |level| Value::level(level))
        })
    }
}
