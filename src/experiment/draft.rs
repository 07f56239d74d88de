//! Draft: an experiment file after reading, every section in its own type, with nothing combined
//! yet.

use super::axis::{AxisDraft, is_baseline};
use super::design::Design;
use super::diagnostics::{Diagnostic, Span};
use super::document::Document;
use super::execution::{Budget, ExecutionSettings};
use super::limits::{AXES, BLOCKS, STUDIES};
use super::overrides::Overridden;
use super::point::{Assignment, Point};
use super::reader::Reader;
use super::rule::{LISTED, Rule, apply};
use super::tree::{Node, Toml, TomlTable};
use crate::plan::{
    Compare, Correction, PairedTest, PlotOptions, experiment_name_problem, folder_name_problem,
};
use crate::rng::Seed;
use crate::text;
use crate::trainer::kind::{Kind, SEED_MAX};

/// Keys at the top of a file besides the sections of settings.
pub(super) const KEYS: [&str; 18] = [
    "name",
    "question",
    "notes",
    "seeds",
    "design",
    "extends",
    "axes",
    "labels",
    "zip",
    "exclude",
    "set",
    "extra",
    "external",
    "study",
    "compare",
    "plots",
    "budget",
    "execution",
];

/// Sections of the file of a program, in place of those of the built-in settings.
pub(super) const SECTIONS: [&str; 3] = ["program", "metrics", "settings"];

/// Default number of seeds of every variant: the smallest with which a paired sign-flip test can
/// reach 5 %.
pub const DEFAULT_SEEDS: u64 = 6;
const MOST_SEEDS: u64 = 10_000;

/// One `[[study]]`, or the file's only one.
#[derive(Debug)]
pub(super) struct StudyDraft {
    pub(super) name: String,
    pub(super) question: String,
    pub(super) notes: String,
    pub(super) span: Span,
    pub(super) design: Design,
    /// Indices among the axes of the file.
    pub(super) axes: Vec<usize>,
    pub(super) excludes: Vec<Rule>,
    pub(super) sets: Vec<Rule>,
    pub(super) extras: Vec<Extra>,
}

/// One `[[extra]]`: a whole variant of its own.
#[derive(Debug, Clone)]
pub(super) struct Extra {
    pub(super) label: String,
    pub(super) span: Span,
    pub(super) values: Vec<Assignment>,
    /// Study to which it belongs, if not all.
    pub(super) study: Option<(String, Span)>,
}

impl Extra {
    /// True if it belongs to a study.
    pub(super) fn is_in(&self, study: &StudyDraft) -> bool {
        self.study.as_ref().is_none_or(|(name, _)| *name == study.name)
    }
}

/// The whole file.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) question: String,
    pub(super) notes: String,
    pub(super) seeds: Vec<Seed>,
    /// Place at which each setting of the baseline is written.
    pub(super) written: Vec<Option<Span>>,
    pub(super) axes: Vec<AxisDraft>,
    pub(super) excludes: Vec<Rule>,
    pub(super) sets: Vec<Rule>,
    pub(super) extras: Vec<Extra>,
    pub(super) studies: Vec<StudyDraft>,
    pub(super) compare: Compare,
    /// Place of `[compare] baseline`.
    pub(super) compared_with: Option<Span>,
    /// Place of `[compare] metric`.
    pub(super) compared_by: Option<Span>,
    pub(super) plots: PlotOptions,
    pub(super) budget: Budget,
    pub(super) execution: ExecutionSettings,
}

impl Reader<'_> {
    /// Reads every section; errors are collected, and wrong parts are left out.
    pub(super) fn draft(
        &mut self,
        document: &Document,
        stem: &str,
        overridden: &Overridden,
    ) -> Draft {
        let table = &document.table;
        self.top_level(table);
        let written = self.baseline(table, overridden);
        let axes = self.all_axes(document, overridden);
        self.swept_overrides(overridden, &axes);
        let name = self.name(table, stem, overridden.name.as_deref());
        let text = |reader: &mut Self, key: &str| {
            table.get(key).and_then(|node| reader.text(key, node)).unwrap_or_default()
        };
        let (question, notes) = (text(self, "question"), text(self, "notes"));
        let seeds = self.seeds(table.get("seeds"), overridden.seeds);
        let studies = self.studies(table, &name, &axes);
        let extras = self.extras("extra", table.get("extra"));
        for (study, span) in extras.iter().filter_map(|extra| extra.study.as_ref()) {
            if studies.iter().all(|known| known.name != *study) {
                let error =
                    Diagnostic::new(format!("no study is called \"{study}\"")).at(*span, "");
                self.errors
                    .push(error.suggest(study, studies.iter().map(|known| known.name.as_str())));
            }
        }
        self.check_within(table, &studies, &axes);
        let of_compare = |key: &str| {
            let compare = table.get("compare").and_then(Node::table);
            compare.and_then(|compare| compare.get(key)).map(|node| node.span)
        };
        Draft {
            name,
            question,
            notes,
            seeds,
            written,
            excludes: self.rules("exclude", table.get("exclude"), false),
            sets: self.rules("set", table.get("set"), true),
            extras,
            studies,
            axes,
            compare: self.compare(table),
            compared_with: of_compare("baseline"),
            compared_by: of_compare("metric"),
            plots: self.options("plots", table),
            budget: self.options("budget", table),
            execution: self.execution(table),
        }
    }

    /// Reads `[compare]`; fills in the trainer's metric if the file names none.
    fn compare(&mut self, table: &TomlTable) -> Compare {
        let mut compare: Compare = self.options("compare", table);
        if compare.metric.is_empty() {
            compare.metric.clone_from(&self.trainer.metrics().all[0].name);
        }
        if compare.test == PairedTest::T && compare.correction == Correction::MaxT {
            let written = table.get("compare").and_then(Node::table);
            match written.and_then(|table| table.get("correction")) {
                None => compare.correction = Correction::Holm,
                Some(node) => self.errors.push(
                    Diagnostic::new(
                        "`compare.correction = \"max-t\"` does not go with `test = \"t\"`",
                    )
                    .at(node.span, "max-T flips signs")
                    .help("write correction = \"holm\", or leave out one of the two"),
                ),
            }
        }
        compare
    }

    fn top_level(&mut self, table: &TomlTable) {
        let mut known: Vec<&str> = match self.trainer.declaration() {
            Some(_) => SECTIONS.to_vec(),
            None => self.settings.sections(),
        };
        known.extend(KEYS);
        self.only("an experiment", table, &known);
    }

    /// The baseline: defaults, then the file's tables, then `--set`.
    fn baseline(&mut self, table: &TomlTable, overridden: &Overridden) -> Vec<Option<Span>> {
        let mut written = vec![None; self.settings.len()];
        // A program's settings are below one table, and their paths do without its name.
        let sections: Vec<(&str, &str)> = match self.trainer.declaration() {
            Some(_) => vec![("settings", "")],
            None => {
                self.settings.sections().into_iter().map(|section| (section, section)).collect()
            }
        };
        for (section, prefix) in sections {
            let Some(node) = table.get(section) else { continue };
            let Some(settings) = self.table(section, node) else { continue };
            let values = self.settings(prefix, settings);
            self.rebase(&values, &mut written);
        }
        for (leaf, node) in &overridden.set {
            let values = self.value(*leaf, node).unwrap_or_default();
            self.rebase(&values, &mut written);
        }
        written
    }

    fn rebase(&mut self, values: &[Assignment], written: &mut [Option<Span>]) {
        apply(&mut self.base, values);
        for assignment in values {
            written[assignment.leaf] = Some(assignment.span);
        }
        let mut base: Point = std::mem::take(&mut self.base);
        self.pool.normalise(&mut base);
        self.base = base;
    }

    fn name(&mut self, table: &TomlTable, stem: &str, instead: Option<&str>) -> String {
        let (name, place) = match (instead, table.get("name")) {
            (Some(name), _) => (name.to_owned(), None),
            (None, Some(node)) => {
                (self.text("name", node).unwrap_or_else(|| stem.to_owned()), Some(node.span))
            }
            (None, None) => (stem.to_owned(), None),
        };
        if let Some(why) = experiment_name_problem(&name) {
            let error = Diagnostic::new(format!(
                "\"{name}\" cannot be the name of an experiment: it names a folder"
            ));
            self.errors.push(match place {
                Some(span) => error.at(span, why),
                None if instead.is_some() => error.help(format!("--name: {why}")),
                None => error.help(format!("write name = \"...\" into the file: {why}")),
            });
        }
        name
    }

    fn seeds(&mut self, node: Option<&Node>, count: Option<u64>) -> Vec<Seed> {
        let range = Kind::Count { min: 1, max: MOST_SEEDS };
        let root_range = Kind::Count { min: 0, max: SEED_MAX - MOST_SEEDS };
        let (mut list, mut root, mut number) = (None, 1, DEFAULT_SEEDS);
        match node.map(|node| (node, &node.value)) {
            None => {}
            Some((_, Toml::Table(table))) if table.get("list").is_some() => {
                self.only("seeds", table, &["list"]);
                list = table.get("list").and_then(|node| self.seed_list(node));
            }
            Some((node, Toml::Table(table))) => {
                self.only("seeds", table, &["count", "root", "list"]);
                match table.get("count") {
                    Some(node) => number = self.count("seeds.count", range, node).unwrap_or(number),
                    None => self
                        .errors
                        .push(Diagnostic::new("`seeds.count` is missing").at(node.span, "")),
                }
                root = table
                    .get("root")
                    .and_then(|node| self.count("seeds.root", root_range, node))
                    .unwrap_or(root);
            }
            Some((node, Toml::List(seeds))) => {
                let error = Diagnostic::new("`seeds` takes a number of replicates, not a list")
                    .at(node.span, "");
                let seeds: Vec<String> = seeds.iter().take(LISTED + 1).map(Node::found).collect();
                let (first, more) = seeds.split_at(seeds.len().min(LISTED));
                let more = if more.is_empty() { "" } else { ", ..." };
                self.errors
                    .push(error.help(format!("write {{ list = [{}{more}] }}", first.join(", "))));
            }
            Some((node, _)) => number = self.count("seeds", range, node).unwrap_or(number),
        }
        match (list, count) {
            (Some(list), Some(count)) if count as usize > list.len() || count == 0 => {
                let error = Diagnostic::new(format!(
                    "--seeds {count}: the file lists {}",
                    text::count(list.len(), "seed")
                ));
                self.errors.push(node.map_or(error.clone(), |node| error.at(node.span, "")));
                list
            }
            (Some(list), count) => list
                .into_iter()
                .take(count.map_or(usize::MAX, |count| count as usize))
                .collect(),
            (None, Some(count)) if count == 0 || count > MOST_SEEDS => {
                self.errors.push(Diagnostic::new(format!(
                    "--seeds takes a whole number from 1 to {MOST_SEEDS}, not {count}"
                )));
                Vec::new()
            }
            (None, count) => (root..root + count.unwrap_or(number)).map(Seed).collect(),
        }
    }

    fn count(&mut self, name: &str, kind: Kind, node: &Node) -> Option<u64> {
        kind.read(name, node, &mut self.errors).and_then(|value| value.as_u64())
    }

    fn seed_list(&mut self, node: &Node) -> Option<Vec<Seed>> {
        let list =
            Kind::Counts { min: 0, max: SEED_MAX }.read("seeds.list", node, &mut self.errors)?;
        let seeds: Vec<Seed> = list
            .as_array()?
            .iter()
            .filter_map(serde_json::Value::as_u64)
            .map(Seed)
            .collect();
        let distinct: std::collections::BTreeSet<Seed> = seeds.iter().copied().collect();
        if seeds.is_empty() || distinct.len() < seeds.len() {
            let why = if seeds.is_empty() { "is empty" } else { "names a seed twice" };
            self.errors.push(
                Diagnostic::new(format!("`seeds.list` {why}"))
                    .at(node.span, "expected different seeds"),
            );
            return None;
        }
        Some(seeds)
    }

    /// The axes of the file in declared order, then the zipped groups, with labels and overrides.
    fn all_axes(&mut self, document: &Document, overridden: &Overridden) -> Vec<AxisDraft> {
        let table = &document.table;
        let mut axes = match table.get("axes").and_then(|node| self.table("axes", node)) {
            Some(declared) => self.axes("", declared),
            None => Vec::new(),
        };
        axes.sort_by_key(|axis| document.order(axis.span));
        let zips = self.tables("zip", table.get("zip"));
        let place = table.get("zip").map(|node| node.span);
        if !self.has_at_most(AXES, axes.len() + zips.len(), "axes and groups", place) {
            return axes;
        }
        for (zip, span) in zips {
            let Some(axis) = self.zip(zip, span) else { continue };
            if let Some(first) = axes.iter().find(|first: &&AxisDraft| first.name == axis.name) {
                let error = Diagnostic::new(format!("two groups are called `{}`", axis.name))
                    .at(axis.span, "");
                self.errors.push(error.related(Some(first.span), "the first one"));
            }
            axes.push(axis);
        }
        if let Some(labels) = table.get("labels").and_then(|node| self.table("labels", node)) {
            self.labels("", labels, &mut axes);
        }
        self.override_axes(overridden, &mut axes);
        for axis in &mut axes {
            self.distinct(axis);
        }
        axes
    }

    fn labels(&mut self, prefix: &str, table: &TomlTable, axes: &mut [AxisDraft]) {
        for (key, node) in &table.0 {
            let path = super::reader::join(prefix, &key.name);
            if let Some(axis) = axes.iter_mut().find(|axis| axis.name == path) {
                let declared = axis.span;
                self.name_levels(&path, &mut axis.levels, node, Some(declared));
            } else if let (Toml::Table(below), true) = (
                &node.value,
                self.settings.is_group(&path) || self.settings.find(&path).is_some(),
            ) {
                self.labels(&path, below, axes);
            } else if !self.failed.contains(&path) {
                let error =
                    Diagnostic::new(format!("[labels] names no axis: `{path}`")).at(key.span, "");
                self.errors
                    .push(error.suggest(&path, axes.iter().map(|axis| axis.name.as_str())));
            }
        }
    }

    fn design(&mut self, table: &TomlTable) -> Option<Design> {
        let node = table.get("design")?;
        let word = Kind::Choice(Design::WORDS).read("design", node, &mut self.errors)?;
        word.as_str().and_then(Design::of)
    }

    fn studies(&mut self, table: &TomlTable, name: &str, axes: &[AxisDraft]) -> Vec<StudyDraft> {
        let common = self.design(table);
        let every = || (0..axes.len()).collect();
        let Some(node) = table.get("study") else {
            let span = table.0.first().map_or(Span::new(0, 0..0), |(key, _)| key.span);
            return vec![StudyDraft {
                name: name.to_owned(),
                question: String::new(),
                notes: String::new(),
                span,
                design: common.unwrap_or_default(),
                axes: every(),
                excludes: Vec::new(),
                sets: Vec::new(),
                extras: Vec::new(),
            }];
        };
        let mut studies: Vec<StudyDraft> = Vec::new();
        let tables = self.tables("study", Some(node));
        if !self.has_at_most(STUDIES, tables.len(), "studies", Some(node.span)) {
            return studies;
        }
        for (table, span) in tables {
            self.only(
                "[[study]]",
                table,
                &["name", "question", "notes", "design", "axes", "exclude", "set", "extra"],
            );
            let Some((name, place)) =
                table.get("name").and_then(|node| Some((self.text("name", node)?, node.span)))
            else {
                self.errors.push(
                    Diagnostic::new("a [[study]] has no name").at(span, "expected name = \"...\""),
                );
                continue;
            };
            if let Some(why) = folder_name_problem(&name) {
                let error = Diagnostic::new(format!(
                    "\"{name}\" cannot be the name of a study: it names a folder"
                ));
                self.errors.push(error.at(place, why));
            }
            // Compared without case, because some file systems ignore it.
            if let Some(first) = studies.iter().find(|study| study.name.eq_ignore_ascii_case(&name))
            {
                let error =
                    Diagnostic::new(format!("two studies are called \"{name}\"")).at(place, "");
                self.errors.push(error.related(Some(first.span), "the first one"));
            }
            let text = |reader: &mut Self, key: &str| {
                table.get(key).and_then(|node| reader.text(key, node)).unwrap_or_default()
            };
            studies.push(StudyDraft {
                question: text(self, "question"),
                notes: text(self, "notes"),
                span: place,
                design: self.design(table).or(common).unwrap_or_default(),
                axes: table.get("axes").map_or_else(every, |node| self.axes_of(&name, node, axes)),
                excludes: self.rules("study.exclude", table.get("exclude"), false),
                sets: self.rules("study.set", table.get("set"), true),
                extras: self.extras("study.extra", table.get("extra")),
                name,
            });
        }
        studies
    }

    fn axes_of(&mut self, study: &str, node: &Node, axes: &[AxisDraft]) -> Vec<usize> {
        let Toml::List(list) = &node.value else {
            let error = Diagnostic::new(format!(
                "`axes` of the study \"{study}\" takes a list of axes, not {}",
                node.found()
            ));
            let example = axes.first().map_or("name of an axis", |axis| &axis.name);
            self.errors.push(error.at(node.span, format!("expected [\"{example}\", ...]")));
            return Vec::new();
        };
        let mut found = Vec::new();
        for item in list {
            let Some(name) = self.text("axes", item) else { continue };
            match axes.iter().position(|axis| axis.name == name) {
                Some(axis) if found.contains(&axis) => {
                    let error =
                        Diagnostic::new(format!("the study \"{study}\" names `{name}` twice"));
                    self.errors.push(error.at(item.span, ""));
                }
                Some(axis) => found.push(axis),
                None if self.failed.contains(&name) => {}
                None => {
                    let error = Diagnostic::new(format!(
                        "the study \"{study}\" names no axis of this file: `{name}`"
                    ));
                    let error = error.at(item.span, "neither in [axes] nor a [[zip]]");
                    self.errors
                        .push(error.suggest(&name, axes.iter().map(|axis| axis.name.as_str())));
                }
            }
        }
        found
    }

    fn extras(&mut self, place: &str, node: Option<&Node>) -> Vec<Extra> {
        let mut extras = Vec::new();
        let tables = self.tables(place, node);
        if !self.has_at_most(
            BLOCKS,
            tables.len(),
            &format!("[[{place}]] blocks"),
            node.map(|node| node.span),
        ) {
            return extras;
        }
        for (table, span) in tables {
            let inside = place != "extra";
            let own: &[&str] = if inside { &["label"] } else { &["label", "study"] };
            let sections = self.settings.sections();
            let known: Vec<&str> = own.iter().chain(&sections).copied().collect();
            self.only(&format!("[[{place}]]"), table, &known);
            let Some(node) = table.get("label") else {
                self.errors.push(
                    Diagnostic::new(format!("an [[{place}]] has no label"))
                        .at(span, "expected label = \"...\""),
                );
                continue;
            };
            let label = self.text("label", node).and_then(|label| self.label(&label, node.span));
            let study = table
                .get("study")
                .filter(|_| !inside)
                .and_then(|node| Some((self.text("study", node)?, node.span)));
            let rest = table
                .0
                .iter()
                .filter(|(key, _)| sections.contains(&key.name.as_str()))
                .cloned()
                .collect();
            let values = self.settings("", &TomlTable(rest));
            if label.as_deref().is_some_and(is_baseline) {
                let error =
                    Diagnostic::new("an [[extra]] cannot be called \"baseline\"").at(node.span, "");
                self.errors.push(error.help("tables call the baseline so"));
                continue;
            }
            if let Some(label) = label {
                extras.push(Extra { label, span: node.span, values, study });
            }
        }
        extras
    }
}
