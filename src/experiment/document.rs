//! Files of an experiment: the named one and those that it extends, merged into one tree.
//!
//! `extends` names one or several files, relative to the file that says so. Tables merge key by
//! key, everything else is replaced, later files win and the extending file wins over all. Below
//! `[axes]` and `[labels]` a setting is replaced whole; so is an optimiser by another one.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::diagnostics::{Diagnostic, Errors, Span};
use super::reader::join;
use super::tree::{self, Node, Toml, TomlTable};
use crate::trainer::Settings;

/// Maximum number of files; more are a mistake.
const MOST_FILES: usize = 64;

/// Function that reads a file.
pub(super) type Read<'r> = &'r dyn Fn(&Path) -> io::Result<String>;

/// The merged tree and the rank of every source: the files that are extended come before those that
/// extend them.
pub(super) struct Document {
    pub(super) table: TomlTable,
    ranks: Vec<(u32, usize)>,
}

impl Document {
    /// Order of declaration over all files.
    pub(super) fn order(&self, span: Span) -> (usize, u32) {
        let rank = self.ranks.iter().find(|(file, _)| *file == span.file);
        (rank.map_or(usize::MAX, |(_, rank)| *rank), span.start)
    }
}

/// Reads a file and all that it extends.
pub(super) fn load(
    path: &Path,
    read: Read,
    settings: &Settings,
    errors: &mut Errors,
) -> Option<Document> {
    let mut loader = Loader { read, settings, errors, open: Vec::new(), ranks: Vec::new() };
    let table = loader.file(path, None)?;
    Some(Document { table, ranks: loader.ranks })
}

struct Loader<'r> {
    read: Read<'r>,
    settings: &'r Settings,
    errors: &'r mut Errors,
    /// Files being read, outermost first.
    open: Vec<PathBuf>,
    ranks: Vec<(u32, usize)>,
}

impl Loader<'_> {
    fn file(&mut self, path: &Path, asked: Option<Span>) -> Option<TomlTable> {
        let refuse = |why: String| {
            let error = Diagnostic::new(why);
            asked.map_or(error.clone(), |span| error.at(span, ""))
        };
        let path = plain(path);
        let shown = path.display().to_string();
        // Compared as bytes: the paths are normalised, and `Path` compares part by part, which is
        // slow with thousands of parts.
        if self.open.iter().any(|open| open.as_os_str() == path.as_os_str()) {
            let chain: Vec<String> =
                self.open.iter().map(|open| open.display().to_string()).collect();
            self.errors.push(refuse(format!(
                "files extend each other in a circle: {} -> {shown}",
                chain.join(" -> ")
            )));
            return None;
        }
        if self.errors.sources.len() >= MOST_FILES {
            self.errors
                .push(refuse(format!("an experiment is made of at most {MOST_FILES} files")));
            return None;
        }
        let text = match (self.read)(&path) {
            Ok(text) => text,
            Err(error) => {
                self.errors.push(refuse(format!("cannot read {shown}: {}", refusal(&error))));
                return None;
            }
        };
        let file = self.errors.add_source(shown, text);
        let table = tree::parse(file, self.errors)?;
        self.open.push(path.clone());
        let merged = self.with_parents(&path, table);
        self.open.pop();
        self.ranks.push((file, self.ranks.len()));
        merged
    }

    fn with_parents(&mut self, path: &Path, table: TomlTable) -> Option<TomlTable> {
        let Some(extends) = table.get("extends") else { return Some(table) };
        let names: Option<Vec<(String, Span)>> = match &extends.value {
            Toml::Text(name) => Some(vec![(name.clone(), extends.span)]),
            Toml::List(list) => list
                .iter()
                .map(|item| {
                    if let Toml::Text(name) = &item.value {
                        Some((name.clone(), item.span))
                    } else {
                        None
                    }
                })
                .collect(),
            _ => None,
        };
        let Some(names) = names else {
            let error = Diagnostic::new(format!(
                "`extends` takes a file or a list of files, not {}",
                extends.found()
            ));
            self.errors
                .push(error.at(extends.span, "expected a path relative to this file"));
            return None;
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        let parents: Vec<Option<TomlTable>> = names
            .iter()
            .map(|(name, span)| self.file(&folder.join(name), Some(*span)))
            .collect();
        let mut merged = TomlTable::default();
        for mut parent in parents.into_iter().collect::<Option<Vec<_>>>()? {
            parent.0.retain(|(key, _)| key.name != "name" && key.name != "extends");
            merge(self.settings, &mut merged, parent, "");
        }
        merge(self.settings, &mut merged, table, "");
        Some(merged)
    }
}

/// Reason why a file cannot be read.
pub(super) fn refusal(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        // Messages of `regular` about files that it does not read.
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => error.to_string(),
        kind => kind.to_string(),
    }
}

/// Path without `.` components, and without `..` after a name.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(plain.components().next_back(), Some(Component::Normal(_))) =>
            {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    if plain.as_os_str().is_empty() {
        plain.push(".");
    }
    plain
}

fn merge(settings: &Settings, into: &mut TomlTable, from: TomlTable, path: &str) {
    let mut positions: BTreeMap<String, usize> =
        into.0.iter().enumerate().map(|(i, (key, _))| (key.name.clone(), i)).collect();
    for (key, node) in from.0 {
        let path = join(path, &key.name);
        let Some(&i) = positions.get(&key.name) else {
            positions.insert(key.name.clone(), into.0.len());
            into.0.push((key, node));
            continue;
        };
        let old = &mut into.0[i].1;
        if goes_on(settings, &path, old, &node)
            && let (Toml::Table(old), Toml::Table(new)) = (&mut old.value, node.value.clone())
        {
            merge(settings, old, new, &path);
        } else {
            into.0[i] = (key, node);
        }
    }
}

/// True if the tables at a path are merged key by key.
fn goes_on(settings: &Settings, path: &str, old: &Node, new: &Node) -> bool {
    let swept = path.strip_prefix("axes").or_else(|| path.strip_prefix("labels"));
    match swept.map(|rest| rest.trim_start_matches('.')) {
        Some("") => true,
        Some(setting) => settings.is_group(setting),
        None if settings.find(path).is_some() => {
            let words = |node: &Node| {
                node.table().map(|table| {
                    table.0.iter().map(|(key, _)| key.name.clone()).collect::<Vec<_>>()
                })
            };
            words(old) == words(new)
        }
        None => path != "seeds",
    }
}
