//! `[program]`, `[metrics]` and `[settings]`: a trainer that an experiment file brings along.
//!
//! They are read before the rest of the file, since they decide which settings and metrics there
//! are.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{self, Path};
use std::sync::Arc;

use serde_json::Value;

use super::diagnostics::{Diagnostic, Diagnostics, Errors, Span};
use super::document::{self, Document};
use super::draft::KEYS;
use super::reader::join;
use super::tree::{Node, Toml, TomlTable};
use crate::trainer::kind::Kind::{Bytes, Choice, Count, Duration, Flag, Number, Text};
use crate::trainer::kind::{ABOVE_ZERO, FreeKind, Kind};
use crate::trainer::template::placeholders;
use crate::trainer::{
    Better, Booleans, Conduct, Declaration, DeclaredMetric, Lists, MetricSource, Program, Programs,
    Setting, Settings, Trainer, last,
};

/// Columns that the tables have already; no metric may be called by one of them.
const TAKEN_COLUMNS: [&str; 11] = [
    "study",
    "variant",
    "label",
    "seed",
    "run",
    "status",
    "error",
    "epochs",
    "best_epoch",
    "tuning",
    "epoch",
];

pub(super) const PROGRAM: [(&str, Kind); 17] = [
    ("command", TEXTS),
    ("args", Text),
    ("booleans", TEXTS),
    (
        "lists",
        Choice(&[
            ("words", "1 2"),
            ("comma", "1,2"),
            ("brackets", "[1,2]"),
            ("repeat", "the template once for each element"),
        ]),
    ),
    ("seed_key", Kind::Free(FreeKind::Text)),
    ("inputs", Kind::Texts),
    ("data", Kind::Texts),
    ("directory", Text),
    ("env", TEXTS),
    ("resume", TEXTS),
    ("timeout", Duration),
    ("cpus", Count { min: 1, max: super::MOST_JOBS }),
    ("memory", Bytes),
    ("gpus", Number(ABOVE_ZERO)),
    ("versions", TEXTS),
    ("steps", Text),
    ("snapshot", Flag),
];

const TEXTS: Kind = Kind::Free(FreeKind::Texts);

pub(super) const METRIC: [&str; 8] =
    ["better", "unit", "label", "column", "at", "stdout", "file", "key"];

/// Keys at the top of `[[zip]]`, `[[extra]]` and the like, which a setting without a table would be
/// taken for.
const TAKEN: [&str; 13] = [
    "name", "labels", "label", "when", "tune", "study", "match", "where", "reason", "values",
    "question", "notes", "design",
];

/// Returns the trainer of the program that an experiment file declares; `None` if it declares none.
/// Starts nothing.
pub fn declared_trainer(
    path: &Path,
    programs: &dyn Programs,
    read: &dyn Fn(&Path) -> io::Result<String>,
) -> Result<Option<Arc<dyn Trainer>>, Diagnostics> {
    let mut errors = Errors::default();
    // Without settings every table merges key by key, which is right for the sections read here.
    let Some(document) = document::load(path, read, &Settings::new(Vec::new()), &mut errors) else {
        return Err(errors.finish());
    };
    if document.table.get("program").is_none() {
        return Ok(None);
    }
    let home = path
        .parent()
        .filter(|home| !home.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let home = path::absolute(home).unwrap_or_else(|_| home.to_owned());
    let mut reader = DeclarationReader { errors, document: &document };
    let declaration = reader.declaration(home);
    let Some(mut declaration) = declaration.filter(|_| reader.errors.len() == 0) else {
        return Err(reader.errors.finish());
    };
    for fault in programs.resolve(&mut declaration) {
        let place = reader.place(&fault.key, fault.index);
        let error = Diagnostic::new(fault.message);
        let error = place.map_or(error.clone(), |span| error.at(span, ""));
        reader.errors.push(match fault.help {
            Some(help) => error.help(help),
            None => error,
        });
    }
    if reader.errors.len() > 0 {
        return Err(reader.errors.finish());
    }
    match programs.trainer(declaration) {
        Ok(trainer) => Ok(Some(trainer)),
        Err(problem) => {
            reader.errors.push(Diagnostic::new(problem));
            Err(reader.errors.finish())
        }
    }
}

/// Declares the settings of a program: each has the type of its value in the baseline.
pub fn program_settings(declaration: &Declaration) -> Settings {
    let setting = |(path, value): &(String, Value)| Setting {
        path: path.clone(),
        kind: Kind::Free(FreeKind::of(value).unwrap_or(FreeKind::Text)),
        doc: String::new(),
        default: value.clone(),
        implied: false,
    };
    Settings::new(declaration.settings.iter().map(setting).collect())
}

struct DeclarationReader<'d> {
    errors: Errors,
    document: &'d Document,
}

impl DeclarationReader<'_> {
    /// The place of a key path in the file.
    fn place(&self, key: &str, index: Option<usize>) -> Option<Span> {
        let mut table = &self.document.table;
        let mut keys = key.split('.').peekable();
        while let Some(key) = keys.next() {
            let node = table.get(key)?;
            if keys.peek().is_some() {
                table = node.table()?;
                continue;
            }
            let element = match (&node.value, index) {
                (Toml::List(list), Some(index)) => list.get(index),
                _ => None,
            };
            return Some(element.unwrap_or(node).span);
        }
        None
    }

    fn declaration(&mut self, home: std::path::PathBuf) -> Option<Declaration> {
        let table = &self.document.table;
        for (key, node) in &table.0 {
            let is_made = ["data", "model", "train", "evaluate", "sample"].contains(&&*key.name);
            if is_made && !KEYS.contains(&key.name.as_str()) {
                let error = Diagnostic::new(format!(
                    "[{}] belongs to the built-in model, and this experiment runs a program",
                    key.name
                ));
                let found = if node.table().is_some() { "a table of MADE" } else { "" };
                self.errors.push(error.at(key.span, found).help(format!(
                    "a setting of the program is written below [settings]: settings.{}",
                    key.name
                )));
            }
        }
        let program = table.get("program")?;
        let program_table = self.table("program", program)?;
        let settings = match table.get("settings") {
            None => Vec::new(),
            Some(node) => {
                let table = self.table("settings", node)?;
                let mut settings = Vec::new();
                self.settings("", table, &mut settings);
                settings
            }
        };
        let (program, inputs, conduct) = self.program(program.span, program_table)?;
        let metrics = self.metrics();
        let select = self.select(&metrics);
        let declaration = Declaration { home, program, inputs, conduct, metrics, select, settings };
        self.check_arguments(&declaration);
        self.check_placeholders(&declaration);
        Some(declaration)
    }

    fn table<'a>(&mut self, name: &str, node: &'a Node) -> Option<&'a TomlTable> {
        if node.table().is_none() {
            let error = Diagnostic::new(format!("`{name}` is a table, not {}", node.found()));
            self.errors.push(error.at(node.span, "expected a table"));
        }
        node.table()
    }

    /// Reports keys that are none of `known`.
    fn only(&mut self, section: &str, table: &TomlTable, known: &[&str]) {
        for (key, _) in table.0.iter().filter(|(key, _)| !known.contains(&key.name.as_str())) {
            let error = Diagnostic::new(format!("unknown key `{section}.{}`", key.name));
            let error = error.at(key.span, "").suggest(&key.name, known.iter().copied());
            self.errors.push(if section == "program" {
                error.help("what the program itself takes is written below [settings]")
            } else {
                error
            });
        }
    }

    fn program(
        &mut self,
        span: Span,
        table: &TomlTable,
    ) -> Option<(Program, Vec<String>, Conduct)> {
        let known: Vec<&str> = PROGRAM.iter().map(|(key, _)| *key).collect();
        self.only("program", table, &known);
        let mut values: BTreeMap<&str, Value> = BTreeMap::new();
        for (key, kind) in PROGRAM {
            let Some(node) = table.get(key) else { continue };
            if !["command", "booleans", "env"].contains(&key)
                && let Some(value) = kind.read(&join("program", key), node, &mut self.errors)
            {
                values.insert(key, value);
            }
        }
        let Some(command) = table.get("command") else {
            let error = Diagnostic::new("`program.command` is missing").at(span, "");
            let help = "write command = [\"python3\", \"train.py\", \"{args}\"]";
            self.errors.push(error.help(help));
            return None;
        };
        let text = |key: &str, default: &str| {
            values.get(key).and_then(Value::as_str).unwrap_or(default).to_owned()
        };
        let texts = |key: &str| -> Vec<String> {
            let list = values.get(key).and_then(Value::as_array);
            list.into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        };
        let command = self.command(command);
        let lists = match text("lists", "words").as_str() {
            "comma" => Lists::Comma,
            "brackets" => Lists::Brackets,
            "repeat" => Lists::Repeat,
            _ => Lists::Words,
        };
        let env = table.get("env").map_or_else(BTreeMap::new, |node| self.env(node));
        let program = Program {
            command: command?,
            args: text("args", "--{name} {value}"),
            booleans: table.get("booleans").map_or(Booleans::Present, |node| self.booleans(node)),
            lists,
            seed_key: text("seed_key", "seed"),
            directory: text("directory", "."),
            env,
            inputs: BTreeMap::new(),
            data: texts("data").into_iter().map(|path| (path, String::new())).collect(),
        };
        let (wrap, local) = self.execution();
        let number = |key: &str| values.get(key).and_then(Value::as_f64);
        let default = Conduct::default();
        let conduct = Conduct {
            resume: texts("resume"),
            timeout: number("timeout"),
            cpus: number("cpus").map_or(default.cpus, |cpus| cpus as usize),
            memory: values.get("memory").and_then(Value::as_u64).unwrap_or(0),
            gpus: number("gpus").unwrap_or(0.0),
            versions: texts("versions"),
            steps: text("steps", &default.steps),
            snapshot: values.get("snapshot") == Some(&Value::Bool(true)),
            wrap,
            local,
        };
        if conduct.gpus > 1.0 && conduct.gpus.fract() != 0.0 {
            let error = Diagnostic::new("`program.gpus` above 1 is a whole number of GPUs");
            let place = self.place("program.gpus", None).unwrap_or(span);
            self.errors
                .push(error.at(place, "").help("a share of one GPU is below 1: 0.25"));
        }
        self.relative("program.steps", &conduct.steps);
        let is_known = [".csv", ".jsonl"].iter().any(|ending| conduct.steps.ends_with(ending));
        if !is_known {
            let error = Diagnostic::new("`program.steps` is a .csv or a .jsonl file");
            let place = self.place("program.steps", None).unwrap_or(span);
            self.errors.push(error.at(place, ""));
        }
        Some((program, texts("inputs"), conduct))
    }

    /// A path inside the directory of a run.
    fn relative(&mut self, key: &str, file: &str) {
        const OWN: [&str; 5] =
            ["run.toml", "summary.toml", "epochs.csv", "timing.toml", "checksums.toml"];
        let plain = |part: path::Component| matches!(part, path::Component::Normal(_));
        let problem = if OWN.contains(&file) {
            "is a file of this program in the directory of a run"
        } else if !Path::new(file).components().all(plain) || file.contains('\\') {
            "leaves the directory of the run: a relative path is expected"
        } else {
            return;
        };
        let error = Diagnostic::new(format!("`{key}`: {file} {problem}"));
        let place = self.place(key, None);
        self.errors.push(place.map_or(error.clone(), |span| error.at(span, "")));
    }

    /// One command, or several as a list of lists.
    fn command(&mut self, node: &Node) -> Option<Vec<Vec<String>>> {
        let several = match &node.value {
            Toml::List(list) if list.iter().all(|item| matches!(item.value, Toml::List(_))) => list,
            _ => std::slice::from_ref(node),
        };
        let mut commands = Vec::new();
        for command in several {
            if let Toml::Text(line) = &command.value {
                let error = Diagnostic::new("`program.command` is a list of words, not a text");
                let words: Vec<String> =
                    line.split_whitespace().map(|word| format!("{word:?}")).collect();
                self.errors.push(
                    error
                        .at(command.span, "no shell takes it apart")
                        .help(format!("write command = [{}]", words.join(", "))),
                );
                return None;
            }
            let words = TEXTS.read("program.command", command, &mut self.errors)?;
            let words: Vec<String> = serde_json::from_value(words).unwrap_or_default();
            if words.first().is_none_or(String::is_empty) {
                let error = Diagnostic::new("`program.command` names no program");
                self.errors.push(error.at(command.span, "expected at least one word"));
                return None;
            }
            commands.push(words);
        }
        if commands.is_empty() {
            let error = Diagnostic::new("`program.command` names no program");
            self.errors.push(error.at(node.span, "expected at least one word"));
            return None;
        }
        Some(commands)
    }

    fn booleans(&mut self, node: &Node) -> Booleans {
        const EXPECTED: &str =
            "expected \"present\", \"no-\" or a pair of words: [\"True\", \"False\"]";
        let read = match &node.value {
            Toml::Text(text) if text == "present" => Some(Booleans::Present),
            Toml::Text(text) if text == "no-" => Some(Booleans::No),
            Toml::List(list) => match list.iter().map(|item| &item.value).collect::<Vec<_>>()[..] {
                [Toml::Text(yes), Toml::Text(no)] => Some(Booleans::Words(yes.clone(), no.clone())),
                _ => None,
            },
            _ => None,
        };
        read.unwrap_or_else(|| {
            let error = Diagnostic::new(format!(
                "`program.booleans` says how truth values are written, not {}",
                node.found()
            ));
            self.errors.push(error.at(node.span, EXPECTED));
            Booleans::Present
        })
    }

    /// A table of texts.
    fn texts(&mut self, section: &str, node: &Node) -> BTreeMap<String, String> {
        let Some(table) = self.table(section, node) else { return BTreeMap::new() };
        let mut found = BTreeMap::new();
        for (key, node) in &table.0 {
            let path = join(section, &key.name);
            let kind = Kind::Free(FreeKind::Text);
            if let Some(Value::String(text)) = kind.read(&path, node, &mut self.errors) {
                found.insert(key.name.clone(), text);
            }
        }
        found
    }

    fn env(&mut self, node: &Node) -> BTreeMap<String, String> {
        let env = self.texts("program.env", node);
        for name in env.keys().filter(|name| name.is_empty() || name.contains(['=', '\0'])) {
            let error = Diagnostic::new(format!("`{name}` cannot name an environment variable"));
            self.errors.push(error.at(node.span, ""));
        }
        env
    }

    /// `[execution] wrap` and `local`.
    fn execution(&mut self) -> (Vec<String>, BTreeMap<String, String>) {
        let table = self.document.table.get("execution").and_then(Node::table);
        let get = |key: &str| table.and_then(|table| table.get(key));
        let wrap = get("wrap").and_then(|node| {
            let words = TEXTS.read("execution.wrap", node, &mut self.errors)?;
            serde_json::from_value(words).ok()
        });
        let local = get("local").map(|node| self.texts("execution.local", node));
        (wrap.unwrap_or_default(), local.unwrap_or_default())
    }

    /// Collects the settings of the baseline, each with its key path.
    fn settings(&mut self, prefix: &str, table: &TomlTable, found: &mut Vec<(String, Value)>) {
        for (key, node) in &table.0 {
            let path = join(prefix, &key.name);
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
            if key.name.is_empty() || !key.name.chars().all(plain) {
                let error = Diagnostic::new(format!("`{}` cannot name a setting", key.name))
                    .at(key.span, "");
                self.errors.push(error.help("letters, digits, `_` and `-`; a dot is a table"));
            } else if prefix.is_empty() && node.table().is_none() && TAKEN.contains(&&*key.name) {
                let error = Diagnostic::new(format!(
                    "a setting cannot be called `{}`: [[zip]], [[extra]] and the like have such a key",
                    key.name
                ));
                self.errors.push(error.at(key.span, "").help(format!(
                    "in a table it can, and --{{name}} stays the same: train.{} = ...",
                    key.name
                )));
            } else if let Toml::Table(below) = &node.value {
                self.settings(&path, below, found);
            } else if let Some(value) = self.baseline_value(&path, node) {
                found.push((path, value));
            }
        }
    }

    fn baseline_value(&mut self, path: &str, node: &Node) -> Option<Value> {
        let mut refuse = |why: &str, help: &str| {
            let error = Diagnostic::new(format!("`{path}` {why}")).at(node.span, "");
            self.errors.push(if help.is_empty() { error } else { error.help(help) });
        };
        let element = |item: &Node| match &item.value {
            Toml::Flag(flag) => Some(Value::from(*flag)),
            Toml::Integer(Some(n)) => Some(Value::from(*n)),
            // A negative zero is the same number and must be the same run.
            Toml::Float(x) if x.is_finite() => Some(Value::from(x + 0.0)),
            Toml::Text(text) if !text.contains('\0') => Some(Value::from(text.as_str())),
            _ => None,
        };
        let value = match &node.value {
            Toml::List(list) => list.iter().map(element).collect::<Option<Vec<Value>>>(),
            _ => None,
        };
        let value = value.map(Value::from).or_else(|| element(node));
        match value.as_ref().map(FreeKind::of) {
            None if matches!(node.value, Toml::Date) => {
                refuse("is a date", "a text is written in quotes");
            }
            None if matches!(node.value, Toml::List(_)) => {
                refuse(
                    "is a list of something else than values",
                    "a setting is a value or a list of values",
                );
            }
            None => refuse("is neither a finite number of 64 bits nor another value", ""),
            Some(None) => {
                refuse("is a list of mixed types", "numbers with and without a point may be mixed");
            }
            Some(Some(FreeKind::Numbers)) => {
                // `[1, 0.5]`: numbers, and so is the first.
                let list = value.iter().filter_map(Value::as_array).flatten();
                return Some(list.filter_map(Value::as_f64).map(Value::from).collect());
            }
            Some(Some(_)) => return value,
        }
        None
    }

    fn metrics(&mut self) -> Vec<DeclaredMetric> {
        let Some(node) = self.document.table.get("metrics") else {
            let place = self.place("program", None);
            let error = Diagnostic::new("a program needs [metrics]");
            let error = place.map_or(error.clone(), |span| error.at(span, ""));
            self.errors
                .push(error.help("write [metrics] accuracy = { better = \"higher\" }"));
            return Vec::new();
        };
        let Some(table) = self.table("metrics", node) else { return Vec::new() };
        let mut metrics: Vec<DeclaredMetric> = Vec::new();
        let mut columns = BTreeMap::new();
        for (key, node) in &table.0 {
            let column = column_name(&key.name);
            if TAKEN_COLUMNS.contains(&column.as_str()) {
                let error = Diagnostic::new(format!("a metric cannot be called `{}`", key.name));
                let error = error.at(key.span, "the tables have a column of this name");
                self.errors.push(error.help(format!(
                    "give it another name and say where it is: key = \"{}\"",
                    key.name
                )));
            } else if column.is_empty() || key.name.chars().any(char::is_control) {
                let error = Diagnostic::new(format!("`{}` cannot name a metric", key.name));
                self.errors.push(error.at(key.span, "a column of the tables is called by it"));
            } else if let Some(first) = columns.insert(column.clone(), key.span) {
                let error = Diagnostic::new(format!("two metrics have the column `{column}`"));
                self.errors.push(error.at(key.span, "").related(Some(first), "the first one"));
            }
            metrics.extend(self.metric(&key.name, key.span, node));
        }
        if table.0.is_empty() {
            let error = Diagnostic::new("[metrics] declares none").at(node.span, "");
            self.errors.push(error.help("write accuracy = { better = \"higher\" }"));
        }
        for metric in &metrics {
            let MetricSource::Column { at: Some(at), .. } = &metric.source else {
                continue;
            };
            let names = metrics.iter().filter(|other| is_column(other)).map(|other| &*other.name);
            if names.clone().all(|name| name != at) {
                let key = format!("metrics.{}.at", metric.name);
                let error = Diagnostic::new(format!(
                    "`{key}` names no metric that is a column of the steps: \"{at}\""
                ));
                let place = self.place(&key, None);
                let error = place.map_or(error.clone(), |span| error.at(span, ""));
                self.errors.push(error.suggest(at, names));
            }
        }
        metrics
    }

    fn metric(&mut self, name: &str, span: Span, node: &Node) -> Option<DeclaredMetric> {
        let section = format!("metrics.{name}");
        let table = self.table(&section, node)?;
        self.only(&section, table, &METRIC);
        let mut text = |key: &str| {
            let node = table.get(key)?;
            let value = Text.read(&format!("{section}.{key}"), node, &mut self.errors)?;
            value.as_str().map(str::to_owned)
        };
        let [unit, label, column, at, stdout, file, key] =
            ["unit", "label", "column", "at", "stdout", "file", "key"].map(&mut text);
        for (key, text) in [("unit", &unit), ("label", &label), ("column", &column)] {
            if text.as_ref().is_some_and(|text| text.chars().any(char::is_control)) {
                let key = format!("{section}.{key}");
                let error = Diagnostic::new(format!("`{key}` holds a control character"));
                let place = self.place(&key, None).unwrap_or(span);
                self.errors.push(error.at(place, ""));
            }
        }
        let better = table.get("better").and_then(|node| {
            const WORDS: Kind =
                Choice(&[("higher", "more is better"), ("lower", "less is better")]);
            WORDS.read(&format!("{section}.better"), node, &mut self.errors)
        });
        if table.get("better").is_none() {
            let error = Diagnostic::new(format!("`{section}.better` is missing")).at(span, "");
            self.errors.push(error.help("write better = \"higher\" or better = \"lower\""));
        }
        let sources = [("column", &column), ("stdout", &stdout), ("file", &file)];
        let given: Vec<&str> = sources
            .iter()
            .filter(|(_, source)| source.is_some())
            .map(|(key, _)| *key)
            .collect();
        if given.len() > 1 {
            let error = Diagnostic::new(format!(
                "`{section}` is read from one place, not from {}",
                given.join(" and ")
            ));
            self.errors.push(error.at(node.span, ""));
        }
        for (extra, goes_with, is_wrong) in [
            ("at", "column", at.is_some() && column.is_none()),
            (
                "key",
                "file or scores.json",
                key.is_some() && (column.is_some() || stdout.is_some()),
            ),
        ] {
            if is_wrong {
                let error = Diagnostic::new(format!("`{section}.{extra}` goes with {goes_with}"));
                let place = self.place(&format!("{section}.{extra}"), None).unwrap_or(span);
                self.errors.push(error.at(place, ""));
            }
        }
        if let Some(pattern) = &stdout {
            self.check_pattern(&section, pattern);
        }
        if let Some(file) = &file {
            self.relative(&format!("{section}.file"), file);
        }
        let better = match better?.as_str() {
            Some("higher") => Better::Higher,
            _ => Better::Lower,
        };
        let source = match (column, stdout) {
            (Some(column), _) => MetricSource::Column { column, at },
            (None, Some(pattern)) => MetricSource::Stdout { pattern },
            (None, None) => MetricSource::Json {
                file: file.unwrap_or_else(|| "scores.json".into()),
                key: key.unwrap_or_else(|| name.to_owned()),
            },
        };
        let (name, unit) = (name.to_owned(), unit.unwrap_or_default());
        Some(DeclaredMetric { name, better, unit, label, source })
    }

    fn check_pattern(&mut self, section: &str, pattern: &str) {
        let problem = match regex::Regex::new(pattern) {
            Err(error) => error.to_string(),
            Ok(found) if found.captures_len() < 2 => {
                "it has no group: the number is expected in brackets, 'acc ([0-9.]+)'".to_owned()
            }
            Ok(_) => return,
        };
        let key = format!("{section}.stdout");
        let error = Diagnostic::new(format!("`{key}` is not a regular expression: {problem}"));
        let place = self.place(&key, None);
        self.errors.push(place.map_or(error.clone(), |span| error.at(span, "")));
    }

    /// Index of the metric that `tune` chooses by.
    fn select(&mut self, metrics: &[DeclaredMetric]) -> Option<usize> {
        let compare = self.document.table.get("compare").and_then(Node::table);
        let get = |key: &str| compare.and_then(|table| table.get(key));
        let index = |node: &Node| match &node.value {
            Toml::Text(name) => metrics.iter().position(|metric| metric.name == *name),
            _ => None,
        };
        match get("select") {
            // A wrong name is reported where [compare] is read.
            Some(node) => {
                let select = index(node);
                let compared = get("metric").map_or(Some(0), index);
                let axes = self.document.table.get("axes").and_then(tuned_axis);
                if axes.is_some() && select.is_some() && select == compared {
                    let error = Diagnostic::new(
                        "`compare.select` is the metric that is compared: the best of several would be reported",
                    );
                    let help = "write another one, of held-out data that is used for nothing else";
                    self.errors.push(error.at(node.span, "biased").help(help));
                }
                select
            }
            None => {
                let tuned = self.document.table.get("axes").and_then(tuned_axis);
                let zips = self.document.table.get("zip").and_then(tuned_axis);
                if let Some(span) = tuned.or(zips) {
                    let error = Diagnostic::new("`tune` chooses by a metric, and none is named");
                    let error = error.at(span, "chosen by what?");
                    let help =
                        "write [compare] select = \"...\", a metric that is not the one reported";
                    self.errors.push(error.help(help));
                }
                None
            }
        }
    }

    /// Truth values and lists that the template of `{args}` cannot write, and names that it would
    /// write twice.
    fn check_arguments(&mut self, declaration: &Declaration) {
        let Program { command, args, booleans, lists, seed_key, .. } = &declaration.program;
        let words: Vec<&str> = command.iter().flatten().map(String::as_str).collect();
        let named: BTreeSet<String> = words.iter().flat_map(|word| placeholders(word)).collect();
        if !named.contains("args") {
            return;
        }
        let inside = words
            .iter()
            .any(|word| *word != "{args}" && placeholders(word).any(|name| name == "args"));
        if inside {
            let error = Diagnostic::new("`{args}` is a word of its own");
            let place = self.place("program.command", None);
            self.errors.push(place.map_or(error.clone(), |span| error.at(span, "")));
        }
        let place =
            self.place("program.args", None).or_else(|| self.place("program.command", None));
        let at = |error: Diagnostic| place.map_or(error.clone(), |span| error.at(span, ""));
        let template: Vec<&str> = args.split_whitespace().collect();
        for name in
            placeholders(args).filter(|name| !["name", "key", "value"].contains(&name.as_str()))
        {
            let error = Diagnostic::new(format!("`program.args` has a placeholder `{{{name}}}`"));
            let error = error.suggest(&name, ["name", "key", "value"]);
            self.errors.push(at(error.help("it takes {name}, {key} and {value}")));
        }
        let has = |word: &str, name: &str| placeholders(word).any(|found| found == name);
        if !template.iter().any(|word| has(word, "value")) {
            let error = Diagnostic::new(
                "`program.args` has no {value}: no setting would reach the program",
            );
            self.errors.push(at(error));
            return;
        }
        let written: Vec<&(String, Value)> =
            declaration.settings.iter().filter(|(path, _)| !named.contains(path)).collect();
        let flag = written.iter().find(|(_, value)| value.is_boolean());
        let bare = template.iter().any(|word| !has(word, "value"));
        if let Some((path, _)) = flag.filter(|_| !bare && !matches!(booleans, Booleans::Words(..)))
        {
            let error = Diagnostic::new(format!(
                "`{path}` is true or false, and `program.args` has no word without {{value}} that means true"
            ));
            let help =
                "write booleans = [\"true\", \"false\"], in the words that the program understands";
            self.errors.push(at(error.help(help)));
        }
        let list = written.iter().find(|(_, value)| value.is_array());
        if let Some((path, _)) =
            list.filter(|_| *lists == Lists::Words && !template.contains(&"{value}"))
        {
            let error = Diagnostic::new(format!(
                "`{path}` is a list, and `program.args` has no word {{value}} that could become several"
            ));
            self.errors
                .push(at(error.help("write lists = \"comma\", \"brackets\" or \"repeat\"")));
        }
        if !template.iter().any(|word| has(word, "key")) {
            let mut names: BTreeMap<&str, &str> = BTreeMap::new();
            if !seed_key.is_empty() && !named.contains("seed") {
                names.insert(last(seed_key), "the seed");
            }
            for (path, _) in written {
                if let Some(first) = names.insert(last(path), path) {
                    let error = Diagnostic::new(format!(
                        "`{path}` and {first} would both be written as {}",
                        args.replace("{name}", last(path)).replace(" {value}", "")
                    ));
                    let place = self.place(&format!("settings.{path}"), None);
                    let error = place.map_or(error.clone(), |span| error.at(span, ""));
                    self.errors.push(error.help("{key} in `program.args` is the whole path; {PATH} in `program.command` writes one setting alone"));
                }
            }
        }
    }

    /// Placeholders that name nothing.
    fn check_placeholders(&mut self, declaration: &Declaration) {
        let Declaration { program, conduct, settings, .. } = declaration;
        let locals: Vec<String> =
            conduct.local.keys().map(|name| format!("local.{name}")).collect();
        let names: Vec<&str> = ["seed", "run", "here", "cpus"]
            .into_iter()
            .chain(settings.iter().map(|(path, _)| path.as_str()))
            .chain(locals.iter().map(String::as_str))
            .collect();
        let mut check = |key: &str, index: Option<usize>, text: &str, extra: &[&str]| {
            for name in placeholders(text) {
                if names.contains(&name.as_str()) || extra.contains(&name.as_str()) {
                    continue;
                }
                let error = Diagnostic::new(match name.strip_prefix("local.") {
                    Some(local) => format!("`{key}`: execution.local has no `{local}`"),
                    None => format!("`{key}`: no setting is called `{name}`"),
                });
                let place = self.place(key, index);
                let error = place.map_or(error.clone(), |span| error.at(span, ""));
                let error = error.suggest(&name, names.iter().chain(extra).copied());
                self.errors
                    .push(error.help(format!("{{{{{name}}}}} is the same with its braces")));
            }
        };
        let single = program.command.len() == 1;
        for (k, command) in program.command.iter().enumerate() {
            for (i, word) in command.iter().enumerate() {
                check("program.command", Some(if single { i } else { k }), word, &["args"]);
            }
        }
        for (i, word) in conduct.resume.iter().enumerate() {
            check("program.resume", Some(i), word, &[]);
        }
        for (i, word) in conduct.wrap.iter().enumerate() {
            check("execution.wrap", Some(i), word, &[]);
        }
        for (name, value) in &program.env {
            check(&format!("program.env.{name}"), None, value, &[]);
        }
        check("program.directory", None, &program.directory, &[]);
    }
}

/// The place of a `tune = true` below a node.
fn tuned_axis(node: &Node) -> Option<Span> {
    match &node.value {
        Toml::Table(table) => match table.get("tune").map(|node| &node.value) {
            Some(Toml::Flag(true)) => Some(node.span),
            _ => table.0.iter().find_map(|(_, below)| tuned_axis(below)),
        },
        Toml::List(list) => list.iter().find_map(tuned_axis),
        _ => None,
    }
}

fn is_column(metric: &DeclaredMetric) -> bool {
    matches!(metric.source, MetricSource::Column { .. })
}

/// A name as tables have it in their columns: `[a-z0-9_]`.
pub fn column_name(name: &str) -> String {
    let spelled = name
        .replace('%', " percent ")
        .replace(['\u{b5}', '\u{3bc}'], "u")
        .to_lowercase();
    let words = spelled.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_")
}
