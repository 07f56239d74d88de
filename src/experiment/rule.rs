//! Rules over cells: `[[exclude]]` removes those that match, `[[set]]` changes settings in them.

use super::diagnostics::{Diagnostic, Span};
use super::expr::Expr;
use super::limits::BLOCKS;
use super::point::{Assignment, Point, ValuePool};
use super::reader::Reader;
use super::tree::{Node, TomlTable};
use crate::trainer::Leaf;

/// Maximum number of values of a setting that an error lists.
pub(super) const LISTED: usize = 8;

/// One `[[exclude]]` or `[[set]]`.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) span: Span,
    matches: Vec<Assignment>,
    condition: Option<Expr>,
    /// Reason stated in the file.
    pub(super) reason: Option<String>,
    /// Assignments of a `[[set]]`; empty for an `[[exclude]]`.
    pub(super) values: Vec<Assignment>,
}

impl Rule {
    pub(super) fn holds(&self, pool: &ValuePool, point: &Point) -> bool {
        let matches = self
            .matches
            .iter()
            .all(|a| point[a.leaf] == a.value && pool.at(point, a.leaf).is_some());
        matches
            && self
                .condition
                .as_ref()
                .is_none_or(|condition| condition.holds(&|leaf| pool.at(point, leaf)))
    }

    /// Maximum number of comparisons to evaluate the rule.
    pub(super) fn size(&self) -> usize {
        1 + self.matches.len() + self.condition.as_ref().map_or(0, Expr::size)
    }

    /// Settings on which the rule depends.
    pub(super) fn leaves(&self) -> Vec<Leaf> {
        let mut leaves: Vec<Leaf> = self.matches.iter().map(|a| a.leaf).collect();
        if let Some(condition) = &self.condition {
            condition.leaves(&mut leaves);
        }
        leaves.sort_unstable();
        leaves.dedup();
        leaves
    }
}

impl Reader<'_> {
    /// Reads the rules of an `[[exclude]]`, or of a `[[set]]` if `sets`.
    pub(super) fn rules(&mut self, name: &str, node: Option<&Node>, sets: bool) -> Vec<Rule> {
        let tables = self.tables(name, node);
        if !self.has_at_most(
            BLOCKS,
            tables.len(),
            &format!("[[{name}]] blocks"),
            node.map(|node| node.span),
        ) {
            return Vec::new();
        }
        tables
            .into_iter()
            .filter_map(|(table, span)| self.rule(name, table, span, sets))
            .collect()
    }

    fn rule(&mut self, name: &str, table: &TomlTable, span: Span, sets: bool) -> Option<Rule> {
        let place = format!("[[{name}]]");
        self.only(
            &place,
            table,
            if sets {
                &["match", "where", "values", "reason"]
            } else {
                &["match", "where", "reason"]
            },
        );
        let before = self.errors.len();
        let reason = table.get("reason").and_then(|node| self.text("reason", node));
        let matches = table.get("match").and_then(|node| self.table("match", node)).map_or_else(
            Vec::new,
            |pattern| {
                self.pattern = true;
                let matches = self.settings("", pattern);
                self.pattern = false;
                matches
            },
        );
        let condition = table.get("where").and_then(|node| self.condition("where", node));
        let values = match table.get("values") {
            Some(node) if sets => self
                .table("values", node)
                .map(|values| self.settings("", values))
                .unwrap_or_default(),
            _ => Vec::new(),
        };
        if self.errors.len() > before {
            return None;
        }
        if matches.is_empty() && condition.is_none() {
            let error = Diagnostic::new(format!("{place} has neither `match` nor `where`"));
            self.errors.push(error.at(span, "this would hold for every run"));
            return None;
        }
        if sets && values.is_empty() {
            let error = Diagnostic::new(format!("{place} changes nothing"))
                .at(span, "expected values = { setting = value }");
            self.errors.push(error);
            return None;
        }
        Some(Rule { span, matches, condition, reason, values })
    }

    /// Error for a rule that applies to no cell; `seen` returns the values that its settings do
    /// have.
    pub(super) fn holds_nowhere(
        &mut self,
        what: &str,
        rule: &Rule,
        seen: impl Fn(Leaf) -> Vec<String>,
    ) {
        let mut error =
            Diagnostic::new(format!("this [[{what}]] matches no run")).at(rule.span, "");
        for leaf in rule.leaves() {
            let mut values = seen(leaf);
            let more = values.len() > LISTED;
            values.truncate(LISTED);
            let list = values.join(", ");
            error = match values.len() {
                0 => {
                    error.help(format!("`{}` does not exist in any run", self.settings[leaf].path))
                }
                1 => error.help(format!("`{}` is {list} in every run", self.settings[leaf].path)),
                _ => error.help(format!(
                    "`{}` takes {list}{}",
                    self.settings[leaf].path,
                    if more { ", ..." } else { "" }
                )),
            };
        }
        self.errors.push(error);
    }
}

/// Assigns values at a point.
pub(super) fn apply(point: &mut Point, values: &[Assignment]) {
    for assignment in values {
        point[assignment.leaf] = assignment.value;
    }
}
