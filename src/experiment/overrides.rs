//! Changes to an experiment on the command line: `--set`, `--axis`, `--seeds`, `--only`, `--name`.
//!
//! Values are read by the kind of their setting, so that words need no quotes: `--set
//! model.ordering=random`.

use super::axis::{AxisDraft, LevelDraft};
use super::diagnostics::{Diagnostic, Errors, Span};
use super::reader::Reader;
use super::tree::{Key, Node, Toml, TomlTable, parse_value};
use crate::trainer::kind::{FreeKind, Kind};
use crate::trainer::{Leaf, Settings, last};

/// Arguments as typed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overrides {
    /// `path=value`: a setting of the baseline. Later ones win.
    pub set: Vec<String>,
    /// `path=v1,v2`: the values of an axis, which need not exist in the file.
    pub axis: Vec<String>,
    /// Number of replicates.
    pub seeds: Option<u64>,
    /// Labels or names of the variants to run, together with the baseline of their study; empty =
    /// all.
    pub only: Vec<String>,
    /// Name of the experiment instead of its own.
    pub name: Option<String>,
}

/// Arguments, parsed as far as possible without the file.
#[derive(Debug, Default)]
pub(super) struct Overridden {
    pub(super) set: Vec<(Leaf, Node)>,
    pub(super) axis: Vec<(Leaf, Span, Node)>,
    pub(super) seeds: Option<u64>,
    pub(super) name: Option<String>,
}

impl Overridden {
    /// True if runs differ from those of the file alone.
    pub(super) fn changes_runs(&self) -> bool {
        !self.set.is_empty() || !self.axis.is_empty()
    }

    pub(super) fn parse(overrides: &Overrides, settings: &Settings, errors: &mut Errors) -> Self {
        let mut parsed = Self {
            seeds: overrides.seeds,
            name: overrides.name.clone(),
            ..Self::default()
        };
        for argument in &overrides.set {
            if let Some((leaf, span, offset, file)) = split("--set", argument, settings, errors) {
                let node = value(&settings[leaf].kind, file, offset, &argument[offset..]);
                parsed.set.push(with_word(settings, leaf, span, node));
            }
        }
        for argument in &overrides.axis {
            if let Some((leaf, span, offset, file)) = split("--axis", argument, settings, errors) {
                parsed.axis.push((
                    leaf,
                    span,
                    levels(&settings[leaf].kind, file, offset, &argument[offset..]),
                ));
            }
        }
        parsed
    }
}

/// Setting of `path=value`, place of the path, offset of the value, and index of the argument among
/// the sources.
fn split(
    option: &str,
    argument: &str,
    settings: &Settings,
    errors: &mut Errors,
) -> Option<(Leaf, Span, usize, u32)> {
    let file = errors.add_source(option.to_owned(), argument.to_owned());
    let whole = Span::new(file, 0..argument.len());
    let Some(end) = argument.find('=') else {
        errors.push(
            Diagnostic::new(format!("{option} takes setting=value, not `{argument}`"))
                .at(whole, ""),
        );
        return None;
    };
    let path = argument[..end].trim();
    let span = Span::new(file, 0..end);
    let Some(leaf) = settings.find(path) else {
        let error = Diagnostic::new(format!("{option}: unknown setting `{path}`")).at(span, "");
        errors.push(match elsewhere(path) {
            Some(help) => error.help(help),
            None => error.suggest(path, settings.paths()),
        });
        return None;
    };
    Some((leaf, span, end + 1, file))
}

/// Advice on a key of the file that is no setting of runs.
fn elsewhere(path: &str) -> Option<String> {
    let option = match path {
        "seeds" => "--seeds N",
        "name" => "--name NAME",
        "execution.workers" => "--jobs N",
        "execution.launcher" => "--launcher WHERE",
        "execution.max_failures" => "--max-failures N",
        "compare.baseline" => "`compare --baseline LABEL`",
        _ => {
            let table = path.split('.').next().filter(|table| FILE_TABLES.contains(table))?;
            return Some(format!(
                "[{table}] is no setting of runs and has no option: it is set in the file"
            ));
        }
    };
    Some(format!("{option} sets it"))
}

/// Tables of a file without settings of runs.
const FILE_TABLES: [&str; 6] = ["compare", "budget", "execution", "program", "metrics", "external"];

/// Wraps a constant in its word, as in a file: `train.optimizer.sgd.lr=0.1` becomes `{ sgd = { lr =
/// 0.1 } }`.
fn with_word(settings: &Settings, leaf: Leaf, span: Span, node: Node) -> (Leaf, Node) {
    let Some((tagged, word)) = settings.tag(leaf) else { return (leaf, node) };
    let table = |key: &str, node: Node| {
        let key = Key { name: key.to_owned(), span };
        Node {
            span: node.span,
            value: Toml::Table(TomlTable(vec![(key, node)])),
        }
    };
    (tagged, table(word, table(last(&settings[leaf].path), node)))
}

/// Value as typed: TOML if it parses, otherwise a word.
fn value(kind: &Kind, file: u32, offset: usize, text: &str) -> Node {
    let trimmed = text.trim();
    let offset = offset + (text.len() - text.trim_start().len());
    let span = Span::new(file, offset..offset + trimmed.len());
    let as_text = || Node { span, value: Toml::Text(trimmed.to_owned()) };
    match parse_value(file, offset, trimmed) {
        Some(node)
            if !matches!(kind, Kind::Text | Kind::Free(FreeKind::Text))
                || matches!(node.value, Toml::Text(_)) =>
        {
            node
        }
        _ => as_text(),
    }
}

/// Values of an axis as typed: a generator, or values separated by commas.
fn levels(kind: &Kind, file: u32, offset: usize, text: &str) -> Node {
    let span = Span::new(file, offset..offset + text.len());
    if text.trim_start().starts_with('{')
        && let Some(node) =
            parse_value(file, offset + (text.len() - text.trim_start().len()), text.trim())
    {
        return node;
    }
    let (mut depth, mut start, mut list) = (0i32, 0, Vec::new());
    for (i, c) in text.char_indices().chain([(text.len(), ',')]) {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth -= 1,
            ',' if depth <= 0 || i == text.len() => {
                list.push(value(kind, file, offset + start, &text[start..i]));
                start = i + 1;
            }
            _ => {}
        }
    }
    Node { span, value: Toml::List(list) }
}

impl Reader<'_> {
    /// Gives an axis of the file the values of `--axis`, with the labels of those that it had; any
    /// other setting becomes an axis.
    pub(super) fn override_axes(&mut self, overridden: &Overridden, axes: &mut Vec<AxisDraft>) {
        for (leaf, span, node) in &overridden.axis {
            let path = &self.settings[*leaf].path;
            let Some(mut new) = self.axis(*leaf, *span, node) else { continue };
            if let Some(old) = axes.iter_mut().find(|axis| axis.name == *path) {
                for level in &mut new.levels {
                    if let Some(same) =
                        old.levels.iter().find(|same: &&LevelDraft| same.same(level))
                    {
                        (level.text, level.named) = (same.text.clone(), same.named);
                    }
                }
                old.levels = new.levels;
                old.tune |= new.tune;
                if new.when.is_some() {
                    old.when = new.when;
                }
            } else if let Some(zip) = axes
                .iter()
                .find(|axis| axis.touches(self.settings, *leaf) && axis.name != *path)
            {
                let line = self.errors.line(zip.span);
                let error = Diagnostic::new(format!(
                    "`{path}` moves with the axis `{}` ({line})",
                    zip.name
                ));
                self.errors.push(
                    error
                        .at(*span, "cannot be an axis of its own")
                        .related(Some(zip.span), "moves here"),
                );
            } else {
                axes.push(new);
            }
        }
    }

    /// Adds an error for a `--set` of a setting that an axis sets: it would have no effect, or not
    /// the intended one.
    pub(super) fn swept_overrides(&mut self, overridden: &Overridden, axes: &[AxisDraft]) {
        for (leaf, node) in &overridden.set {
            let path = &self.settings[*leaf].path;
            if let Some(axis) = axes.iter().find(|axis| axis.touches(self.settings, *leaf)) {
                let line = self.errors.line(axis.span);
                let error = Diagnostic::new(format!(
                    "`{path}` is swept by the axis `{}` ({line})",
                    axis.name
                ));
                let error = error
                    .at(node.span, "cannot be set as well")
                    .related(Some(axis.span), "swept here");
                let value = self.errors.text(node.span).to_owned();
                let help = if axis.name == *path {
                    format!("use --axis {path}={value} to replace its values")
                } else {
                    format!(
                        "`{}` moves several settings together: change its lists in the file",
                        axis.name
                    )
                };
                self.errors.push(error.help(help));
            }
        }
    }
}
