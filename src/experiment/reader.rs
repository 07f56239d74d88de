//! Reader of settings: converts TOML tables to assignments, by the declarations of the settings.

use serde_json::Value;

use super::diagnostics::{Diagnostic, Errors, Span};
use super::point::{Assignment, Point, ValuePool};
use super::tree::{Key, Node, Toml, TomlTable};
use crate::text::nearest;
use crate::trainer::kind::Kind;
use crate::trainer::{Leaf, Setting, Settings, Trainer, last};

/// State of reading: collected errors and values, and the baseline to which values are relative.
pub(super) struct Reader<'s> {
    /// The trainer whose settings are read.
    pub(super) trainer: &'s dyn Trainer,
    pub(super) settings: &'s Settings,
    pub(super) errors: Errors,
    pub(super) pool: ValuePool<'s>,
    /// Baseline as far as it is known. Constants that a tagged value omits keep the value that they
    /// have here.
    pub(super) base: Point,
    /// True if a tagged value is a pattern: constants that it omits may then have any value.
    pub(super) pattern: bool,
    /// Axes whose declaration is wrong: references to them cause no further errors.
    pub(super) failed: Vec<String>,
    /// Remarks about the file.
    pub(super) notes: Vec<String>,
    /// Number of levels of the axes read so far.
    pub(super) levels: usize,
}

impl Reader<'_> {
    /// Settings below `prefix` in a table, in nested tables and with dotted keys.
    pub(super) fn settings(&mut self, prefix: &str, table: &TomlTable) -> Vec<Assignment> {
        let mut found = Vec::new();
        for (key, node) in &table.0 {
            let path = join(prefix, &key.name);
            if let Some(leaf) = self.settings.find(&path) {
                found.extend(self.value(leaf, node).unwrap_or_default());
            } else if !self.settings.is_group(&path) {
                self.unknown(&path, key);
            } else if let Toml::Table(below) = &node.value {
                found.extend(self.settings(&path, below));
            } else {
                let error = Diagnostic::new(format!(
                    "`{path}` is a table of settings, not {}",
                    node.found()
                ));
                self.errors.push(error.at(node.span, "expected a table"));
            }
        }
        found
    }

    /// Adds an error for a key that is not a setting.
    pub(super) fn unknown(&mut self, path: &str, key: &Key) {
        self.errors.push_with(|| {
            let error = Diagnostic::new(format!("unknown setting `{path}`"))
                .at(key.span, "no setting has this name");
            error.suggest(path, self.settings.paths())
        });
    }

    /// Value of one setting; a tagged one with all constants of its word.
    pub(super) fn value(&mut self, leaf: Leaf, node: &Node) -> Option<Vec<Assignment>> {
        let Setting { path, kind, .. } = &self.settings[leaf];
        if let Kind::Tag(_) = kind {
            return self.tagged(leaf, node);
        }
        let value = kind.read(path, node, &mut self.errors)?;
        // Compiler flags are settings of programs; tables mark such texts by an apostrophe.
        if unsafe_text(&value) && self.trainer.declaration().is_none() {
            let error = Diagnostic::new(format!("`{path}` must not start with one of = + - @"));
            self.errors
                .push(error.at(node.span, "a spreadsheet would read this as a formula"));
            return None;
        }
        Some(vec![self.assignment(leaf, value, node.span)])
    }

    fn assignment(&mut self, leaf: Leaf, value: Value, span: Span) -> Assignment {
        Assignment { leaf, value: self.pool.intern(leaf, value), span }
    }

    fn tagged(&mut self, leaf: Leaf, node: &Node) -> Option<Vec<Assignment>> {
        let Setting { path, kind, .. } = &self.settings[leaf];
        let (word, given) = match &node.value {
            Toml::Text(_) => (kind.read(path, node, &mut self.errors)?, None),
            Toml::Table(TomlTable(entries)) if entries.len() == 1 => {
                let (key, below) = &entries[0];
                let word = Node { span: key.span, value: Toml::Text(key.name.clone()) };
                let word = kind.read(path, &word, &mut self.errors)?;
                let Some(table) = below.table() else {
                    let error = Diagnostic::new(format!(
                        "`{path}.{}` takes a table of constants",
                        key.name
                    ));
                    self.errors
                        .push(error.at(below.span, "expected a table such as { lr = 0.001 }"));
                    return None;
                };
                (word, Some(table))
            }
            _ => {
                let error = kind
                    .mismatch(path, node)
                    .help("write one word, or { word = { constant = value } }");
                self.errors.push(error);
                return None;
            }
        };
        let name = word.as_str().unwrap_or_default().to_owned();
        let known: Vec<Leaf> = self.settings.constants(leaf, &name).collect();
        let mut explicit: Vec<Assignment> = Vec::new();
        for (key, below) in given.map_or(&[][..], |table| &table.0) {
            let path = format!("{path}.{name}.{}", key.name);
            match self.settings.find(&path) {
                Some(constant) => explicit.extend(self.value(constant, below)?),
                None => {
                    let error =
                        Diagnostic::new(format!("unknown setting `{path}`")).at(key.span, "");
                    let names = known.iter().map(|leaf| last(&self.settings[*leaf].path));
                    let names: Vec<&str> = names.collect();
                    let error = match nearest(&key.name, names.iter().copied()) {
                        Some(near) => error.help(format!("did you mean `{near}`?")),
                        None if names.is_empty() => {
                            error.help(format!("\"{name}\" has no constants"))
                        }
                        None => error
                            .help(format!("the constants of \"{name}\" are {}", names.join(", "))),
                    };
                    self.errors.push(error);
                    return None;
                }
            }
        }
        let same_word = self.pool.value(leaf, self.base[leaf]) == &word;
        let mut all = vec![self.assignment(leaf, word, node.span)];
        for constant in known {
            let given = explicit.iter().find(|assignment| assignment.leaf == constant).copied();
            if self.pattern {
                all.extend(given);
                continue;
            }
            let kept = if same_word { self.base[constant] } else { 0 };
            if given.is_none() && self.pool.value(constant, kept).is_null() {
                let constant = &self.settings[constant].path;
                let error = Diagnostic::new(format!("`{constant}` is missing"))
                    .at(node.span, "has no default");
                self.errors.push(
                    error.help(format!("write {{ {name} = {{ {} = ... }} }}", last(constant))),
                );
                return None;
            }
            all.push(given.unwrap_or(Assignment { leaf: constant, value: kept, span: node.span }));
        }
        Some(all)
    }

    /// A level for people: the value, or the word of a tag with those constants that differ from
    /// their default.
    pub(super) fn show(&self, set: &[Assignment]) -> String {
        let parts = set.iter().enumerate().filter_map(|(i, assignment)| {
            let text = self.pool.show(assignment.leaf, assignment.value);
            match i {
                0 => Some(text),
                _ if assignment.value == 0 => None,
                _ => Some(format!("{} {text}", last(&self.settings[assignment.leaf].path))),
            }
        });
        parts.collect::<Vec<_>>().join(" ")
    }

    /// Text at a place where one is required.
    pub(super) fn text(&mut self, name: &str, node: &Node) -> Option<String> {
        let value = Kind::Text.read(name, node, &mut self.errors)?;
        value.as_str().map(str::to_owned)
    }

    /// Table at a place where one is required.
    pub(super) fn table<'a>(&mut self, name: &str, node: &'a Node) -> Option<&'a TomlTable> {
        if node.table().is_none() {
            let error = Diagnostic::new(format!("`{name}` is a table, not {}", node.found()));
            self.errors.push(error.at(node.span, "expected a table"));
        }
        node.table()
    }

    /// Tables of an array of tables: `[[study]]`.
    pub(super) fn tables<'a>(
        &mut self,
        name: &str,
        node: Option<&'a Node>,
    ) -> Vec<(&'a TomlTable, Span)> {
        let Some(node) = node else { return Vec::new() };
        let Toml::List(list) = &node.value else {
            let error =
                Diagnostic::new(format!("`{name}` is a list of tables, not {}", node.found()));
            self.errors.push(error.at(node.span, format!("write [[{name}]]")));
            return Vec::new();
        };
        list.iter()
            .filter_map(|item| Some((self.table(name, item)?, item.span)))
            .collect()
    }

    /// Adds an error for every key of a table that is not in `known`.
    pub(super) fn only(&mut self, place: &str, table: &TomlTable, known: &[&str]) {
        for (key, _) in table.0.iter().filter(|(key, _)| !known.contains(&key.name.as_str())) {
            self.errors.push_with(|| {
                let error = Diagnostic::new(format!("unknown key `{}` in {place}", key.name))
                    .at(key.span, "");
                let error = error.suggest(&key.name, known.iter().copied());
                match self.settings.paths().find(|path| last(path) == key.name) {
                    Some(path) => error.help(format!("the setting is called `{path}`")),
                    None => error,
                }
            });
        }
    }
}

fn unsafe_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.starts_with(['=', '+', '-', '@']))
}

/// `a.b` for `a` and `b`; `b` alone if `a` is empty.
pub(super) fn join(prefix: &str, key: &str) -> String {
    if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") }
}
