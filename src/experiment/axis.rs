//! Axes: a setting, or a group of settings that change together, with the levels that it takes.

use super::diagnostics::{Diagnostic, Span};
use super::expr::Expr;
use super::generator::{FORMS, RESERVED, generate, range_word};
use super::misread::unsafe_label;
use super::point::{Assignment, Point};
use super::reader::{Reader, join};
use super::tree::{Key, Node, Toml, TomlTable};
use crate::text::count;
use crate::trainer::kind::Kind;
use crate::trainer::{Leaf, Settings};

/// One level of an axis.
#[derive(Debug, Clone)]
pub(super) struct LevelDraft {
    /// Text of the level in tables.
    pub(super) text: String,
    /// True if the user wrote the text, which then is a label by itself.
    pub(super) named: bool,
    pub(super) set: Vec<Assignment>,
}

/// An axis.
#[derive(Debug, Clone)]
pub(super) struct AxisDraft {
    /// Key path, or name of the group.
    pub(super) name: String,
    /// Place of the declaration.
    pub(super) span: Span,
    /// Settings that it changes.
    pub(super) leaves: Vec<Leaf>,
    pub(super) levels: Vec<LevelDraft>,
    pub(super) when: Option<Expr>,
    /// True if its levels compete on validation within every variant instead of forming variants.
    pub(super) tune: bool,
}

impl LevelDraft {
    pub(super) fn same(&self, other: &Self) -> bool {
        let key = |level: &Self| level.set.iter().map(|a| (a.leaf, a.value)).collect::<Vec<_>>();
        key(self) == key(other)
    }

    /// True if a point has this level's values.
    pub(super) fn is_at(&self, point: &Point) -> bool {
        self.set.iter().all(|a| point[a.leaf] == a.value)
    }
}

impl AxisDraft {
    /// True if this axis changes `leaf`, a part of it, or the setting of which it is a constant.
    pub(super) fn touches(&self, settings: &Settings, leaf: Leaf) -> bool {
        self.leaves.iter().any(|own| overlap(settings, *own, leaf))
    }
}

/// True if a label is the one that tables reserve for the baseline.
pub(super) fn is_baseline(label: &str) -> bool {
    label.eq_ignore_ascii_case("baseline")
}

/// True if two settings are the same, or one a constant of the other.
pub(super) fn overlap(settings: &Settings, a: Leaf, b: Leaf) -> bool {
    let inside =
        |inner: Leaf, outer: Leaf| settings.tag(inner).is_some_and(|(tagged, _)| tagged == outer);
    a == b || inside(a, b) || inside(b, a)
}

impl Reader<'_> {
    /// The axes of `[axes]`.
    pub(super) fn axes(&mut self, prefix: &str, table: &TomlTable) -> Vec<AxisDraft> {
        let mut axes = Vec::new();
        for (key, node) in &table.0 {
            let path = join(prefix, &key.name);
            match self.settings.find(&path) {
                Some(leaf) if self.holds_constants(leaf, node) => {
                    for (word, below) in node.table().map_or(&[][..], |table| &table.0) {
                        axes.extend(
                            below
                                .table()
                                .map(|table| self.axes(&join(&path, &word.name), table))
                                .unwrap_or_default(),
                        );
                    }
                }
                Some(leaf) => axes.extend(self.axis(leaf, key.span, node)),
                None if self.settings.is_group(&path) => match &node.value {
                    Toml::Table(below) => axes.extend(self.axes(&path, below)),
                    _ => {
                        let error = Diagnostic::new(format!(
                            "`{path}` is a table of settings and cannot be swept"
                        ));
                        self.errors.push(error.at(node.span, "expected a table of axes"));
                    }
                },
                None => self.unknown(&path, key),
            }
        }
        axes
    }

    /// True if a table at a tagged setting contains axes over its constants:
    /// `train.optimizer.adam.lr = [...]`.
    fn holds_constants(&self, leaf: Leaf, node: &Node) -> bool {
        let Some(table) = node.table() else { return false };
        let is_constant = |word: &str, key: &Key| {
            self.settings
                .find(&format!("{}.{word}.{}", self.settings[leaf].path, key.name))
                .is_some()
        };
        !table.0.is_empty()
            && table.0.iter().all(|(word, below)| {
                below.table().is_some_and(|t| {
                    !t.0.is_empty() && t.0.iter().all(|(key, _)| is_constant(&word.name, key))
                })
            })
    }

    /// The axis of one setting.
    pub(super) fn axis(&mut self, leaf: Leaf, span: Span, node: &Node) -> Option<AxisDraft> {
        let name = self.settings[leaf].path.clone();
        let (when, levels) = (self.when(node), self.levels(leaf, node));
        let tune = node.table().is_some_and(|table| self.tune(table));
        let (Some(when), Some(levels)) = (when, levels) else {
            self.failed.push(name);
            return None;
        };
        Some(AxisDraft { name, span, leaves: vec![leaf], levels, when, tune })
    }

    /// The condition of an axis or a group: `None` after an error, `Some(None)` without one.
    #[expect(
        clippy::option_option,
        reason = "an error and an absent condition are different things"
    )]
    fn when(&mut self, node: &Node) -> Option<Option<Expr>> {
        match node.table().and_then(|table| table.get("when")) {
            Some(condition) => self.condition("when", condition).map(Some),
            None => Some(None),
        }
    }

    /// True if an axis or a group is tuned.
    fn tune(&mut self, table: &TomlTable) -> bool {
        let flag = table
            .get("tune")
            .and_then(|node| Kind::Flag.read("tune", node, &mut self.errors));
        flag.is_some_and(|flag| flag == true)
    }

    /// A condition in a string.
    pub(super) fn condition(&mut self, name: &str, node: &Node) -> Option<Expr> {
        let text = self.text(name, node)?;
        // Positions within the string are known only if it is written without escapes.
        let inside = self.errors.text(node.span).find(&text);
        let place = |range: std::ops::Range<usize>| match inside {
            Some(offset) => node.span.part(offset + range.start..offset + range.end),
            None => node.span,
        };
        let parsed = Expr::parse(&text, self.settings, &place);
        parsed.map_err(|error| self.errors.push(error)).ok()
    }

    /// The levels of one setting, from any of the notations.
    fn levels(&mut self, leaf: Leaf, node: &Node) -> Option<Vec<LevelDraft>> {
        match &node.value {
            Toml::List(list) => self.listed(leaf, node, list),
            Toml::Table(table)
                if table.0.iter().any(|(key, _)| RESERVED.contains(&key.name.as_str())) =>
            {
                if let Some(values) = table.get("values") {
                    self.only("an axis with values", table, &["values", "when", "tune"]);
                    return self.levels(leaf, values);
                }
                let list = generate(table, node.span, &mut self.errors)?;
                self.listed(leaf, node, &list)
            }
            Toml::Table(table) if range_word(table).is_some() => {
                let key = range_word(table)?;
                let error = Diagnostic::new(format!(
                    "`{}` is a word of ranges, not a label of a level",
                    key.name
                ));
                let error = error.at(key.span, "").help(format!("a range is {FORMS}"));
                self.errors.push(
                    error.help(
                        "levels with labels of their own: { \"any other word\" = value, ... }",
                    ),
                );
                None
            }
            Toml::Table(table) if !table.0.is_empty() => {
                if !self.has_room_for(table.0.len(), node.span) {
                    return None;
                }
                let levels: Vec<_> =
                    table.0.iter().map(|(key, value)| self.labelled(leaf, key, value)).collect();
                levels.into_iter().collect()
            }
            _ => {
                let path = &self.settings[leaf].path;
                let section = path.split('.').next().unwrap_or_default();
                let error = Diagnostic::new(format!(
                    "the axis `{path}` takes a list of values, not {}",
                    node.found()
                ));
                let error =
                    error.at(node.span, "expected a list, a generator or a table of label = value");
                self.errors.push(error.help(format!("a single value belongs in [{section}]")));
                None
            }
        }
    }

    fn labelled(&mut self, leaf: Leaf, key: &Key, node: &Node) -> Option<LevelDraft> {
        let label = self.label(&key.name, key.span);
        let set = self.value(leaf, node)?;
        Some(LevelDraft { text: label?, named: true, set })
    }

    /// A label that is valid in a table cell.
    pub(super) fn label(&mut self, label: &str, span: Span) -> Option<String> {
        if let Some(why) = unsafe_label(label) {
            self.errors
                .push(Diagnostic::new(format!("the label \"{label}\" {why}")).at(span, ""));
            return None;
        }
        Some(label.to_owned())
    }

    fn listed(&mut self, leaf: Leaf, node: &Node, list: &[Node]) -> Option<Vec<LevelDraft>> {
        let setting = &self.settings[leaf];
        if !self.has_room_for(list.len(), node.span) {
            return None;
        }
        if list.is_empty() {
            let error = Diagnostic::new(format!("the axis `{}` has no values", setting.path));
            self.errors.push(error.at(node.span, "expected at least one"));
            return None;
        }
        if setting.kind.is_list()
            && list.iter().all(|item| matches!(item.value, Toml::Integer(_) | Toml::Float(_)))
        {
            let error = Diagnostic::new(format!(
                "each value of the axis `{}` is itself a list",
                setting.path
            ));
            let inner: Vec<String> = list.iter().map(Node::found).collect();
            let error = error.at(node.span, format!("expected {}", setting.kind.describe()));
            let each: Vec<String> = inner.iter().map(|item| format!("[{item}]")).collect();
            let both = format!(
                "[[{}]] is one value, [{}] are {}",
                inner.join(", "),
                each.join(", "),
                each.len()
            );
            self.errors.push(if inner.len() <= 8 { error.help(both) } else { error });
            return None;
        }
        let levels: Vec<_> = list.iter().map(|item| self.value(leaf, item)).collect();
        let levels: Vec<Vec<Assignment>> = levels.into_iter().collect::<Option<_>>()?;
        Some(
            levels
                .into_iter()
                .map(|set| LevelDraft { text: self.show(&set), named: false, set })
                .collect(),
        )
    }

    /// Removes repeated levels, with a remark; two different levels must not share a label.
    pub(super) fn distinct(&mut self, axis: &mut AxisDraft) {
        let name = axis.name.clone();
        let mut seen = std::collections::BTreeSet::new();
        let mut kept: Vec<LevelDraft> = Vec::with_capacity(axis.levels.len());
        for level in std::mem::take(&mut axis.levels) {
            let key: Vec<(Leaf, u32)> = level.set.iter().map(|a| (a.leaf, a.value)).collect();
            if seen.insert(key) {
                kept.push(level);
            } else {
                self.notes
                    .push(format!("{name}: {} is listed more than once and kept once", level.text));
            }
        }
        let mut texts = std::collections::BTreeSet::new();
        for level in &kept {
            if level.named && is_baseline(&level.text) && !level.is_at(&self.base) {
                let error = Diagnostic::new(format!(
                    "a level of `{name}` is labelled \"{}\" and is not it",
                    level.text
                ));
                let place = level.set.first().map_or(axis.span, |a| a.span);
                self.errors.push(
                    error.at(place, "not the baseline's value").help("tables call the baseline so"),
                );
            }
            if !texts.insert(level.text.as_str()) {
                let error = Diagnostic::new(format!(
                    "two levels of `{name}` have the label \"{}\"",
                    level.text
                ));
                let place = level.set.first().map_or(axis.span, |a| a.span);
                self.errors.push(error.at(place, "the second one"));
            }
        }
        axis.levels = kept;
    }

    /// Reads a `[[zip]]`: a named group of settings that change together.
    pub(super) fn zip(&mut self, table: &TomlTable, span: Span) -> Option<AxisDraft> {
        let Some(node) = table.get("name") else {
            self.errors
                .push(Diagnostic::new("a [[zip]] has no name").at(span, "expected name = \"...\""));
            return None;
        };
        let name = self.text("name", node)?;
        let name = self.label(&name, node.span)?;
        if self.settings.find(&name).is_some() || self.settings.is_group(&name) {
            let error = Diagnostic::new(format!("a [[zip]] cannot be called `{name}`"));
            self.errors.push(error.at(node.span, "settings have this name"));
            return None;
        }
        let axis = self.group(&name, node.span, table, span);
        if axis.is_none() {
            self.failed.push(name);
        }
        axis
    }

    fn group(
        &mut self,
        name: &str,
        place: Span,
        table: &TomlTable,
        span: Span,
    ) -> Option<AxisDraft> {
        let when = match table.get("when") {
            Some(condition) => Some(self.condition("when", condition)?),
            None => None,
        };
        let tune = self.tune(table);
        let rest = table
            .0
            .iter()
            .filter(|(key, _)| !["name", "when", "tune", "labels"].contains(&key.name.as_str()));
        let before = self.errors.len();
        let members = self.axes("", &TomlTable(rest.cloned().collect()));
        if self.errors.len() > before {
            return None;
        }
        let Some(first) = members.first() else {
            let error = Diagnostic::new(format!("the [[zip]] `{name}` moves nothing"));
            self.errors.push(error.at(span, "expected settings with lists of values"));
            return None;
        };
        if let Some(member) = members.iter().find(|member| member.when.is_some()) {
            let error = Diagnostic::new(format!(
                "`{}` moves with its group and has no condition of its own",
                member.name
            ));
            self.errors.push(
                error.at(member.span, "").help("write `when` next to the name of the [[zip]]"),
            );
            return None;
        }
        if let Some(member) = members.iter().find(|member| member.tune) {
            let error =
                Diagnostic::new(format!("`{}` is tuned with its group or not at all", member.name));
            self.errors.push(
                error.at(member.span, "").help("write `tune` next to the name of the [[zip]]"),
            );
            return None;
        }
        if let Some(other) = members.iter().find(|member| member.levels.len() != first.levels.len())
        {
            let length = |axis: &AxisDraft| {
                format!("{} has {}", axis.name, count(axis.levels.len(), "value"))
            };
            let error = Diagnostic::new(format!(
                "the lists of the [[zip]] `{name}` have different lengths"
            ));
            self.errors
                .push(error.at(other.span, length(other)).related(Some(first.span), length(first)));
            return None;
        }
        let level = |i: usize| {
            let texts: Vec<&str> =
                members.iter().map(|member| member.levels[i].text.as_str()).collect();
            let set =
                members.iter().flat_map(|member| member.levels[i].set.iter().copied()).collect();
            LevelDraft { text: texts.join(" & "), named: false, set }
        };
        let mut levels: Vec<LevelDraft> = (0..first.levels.len()).map(level).collect();
        if let Some(labels) = table.get("labels") {
            self.name_levels(name, &mut levels, labels, Some(span));
        }
        let leaves = members.iter().flat_map(|member| member.leaves.iter().copied()).collect();
        Some(AxisDraft {
            name: name.to_owned(),
            span: place,
            leaves,
            levels,
            when,
            tune,
        })
    }

    /// Reads `[labels]`: a list of labels, one per level.
    pub(super) fn name_levels(
        &mut self,
        axis: &str,
        levels: &mut [LevelDraft],
        node: &Node,
        declared: Option<Span>,
    ) {
        let Some(labels) = Kind::Texts.read(axis, node, &mut self.errors) else {
            return;
        };
        let labels: Vec<String> = labels
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|l| l.as_str().map(str::to_owned))
            .collect();
        if labels.len() != levels.len() {
            let error = Diagnostic::new(format!(
                "`{axis}` has {} and {}",
                count(levels.len(), "level"),
                count(labels.len(), "label")
            ));
            let error = error.at(node.span, "expected one label per level");
            self.errors.push(error.related(declared, "the levels"));
            return;
        }
        for (level, label) in levels.iter_mut().zip(labels) {
            if let Some(label) = self.label(&label, node.span) {
                (level.text, level.named) = (label, true);
            }
        }
    }
}
