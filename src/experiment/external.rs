//! `[[external]]`: results of another tool, read from a CSV file when the experiment is read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use csv::{ReaderBuilder, StringRecord};

use super::diagnostics::{Diagnostic, Span};
use super::document::{Read, refusal};
use super::draft::Draft;
use super::expanded::Experiment;
use super::label::ascii;
use super::reader::Reader;
use super::tree::{Node, TomlTable};
use crate::plan::{External, ExternalValue};
use crate::rng::Seed;
use crate::text::brief;
use crate::trainer::Unit;
use crate::trainer::kind::SEED_MAX;

/// Keys of an `[[external]]`, with what each says.
pub(super) const EXTERNAL: [(&str, &str); 8] = [
    ("label", "name in tables"),
    ("file", "CSV file with a header, relative to the file that says so"),
    ("metric", "metric that its values are of: the compared one"),
    ("unit", "unit of its values: that of the metric"),
    ("value", "column of values"),
    ("seed", "column of seeds; default `seed`"),
    ("example", "column of examples, over which the values of a seed are averaged"),
    ("study", "study in which it is compared, if not in all"),
];

/// Maximum number of `[[external]]` tables.
const MOST_EXTERNALS: usize = 100;

/// Columns of a file: of seeds, of values, and of examples if there are several rows for a seed.
struct Columns {
    seed: usize,
    value: usize,
    example: Option<usize>,
}

/// A row of a file.
struct Row {
    span: Span,
    seed: Seed,
    example: String,
    value: f64,
}

impl Reader<'_> {
    /// Reads every `[[external]]` and its file.
    pub(super) fn externals(
        &mut self,
        node: Option<&Node>,
        draft: &Draft,
        read: Read,
    ) -> Vec<External> {
        let tables = self.tables("external", node);
        let place = node.map(|node| node.span);
        if !self.has_at_most(MOST_EXTERNALS, tables.len(), "[[external]] tables", place) {
            return Vec::new();
        }
        if let Some((_, span)) = tables.first()
            && !draft.compare.within.is_empty()
        {
            let error = "[[external]] compares with one baseline, and `compare.within` has one for \
                         each block: take one block as an experiment of its own";
            self.errors.push(Diagnostic::new(error).at(*span, ""));
            return Vec::new();
        }
        let mut found: Vec<External> = Vec::new();
        for (table, span) in tables {
            let Some(external) = self.external(table, span, draft, read) else { continue };
            if found.iter().any(|known| known.label == external.label) {
                let error = format!("two [[external]] are called \"{}\"", external.label);
                let place = table.get("label").map_or(span, |node| node.span);
                self.errors.push(Diagnostic::new(error).at(place, ""));
            }
            found.push(external);
        }
        found
    }

    fn external(
        &mut self,
        table: &TomlTable,
        span: Span,
        draft: &Draft,
        read: Read,
    ) -> Option<External> {
        self.only("[[external]]", table, &EXTERNAL.map(|(key, _)| key));
        let text = |reader: &mut Self, key: &str| {
            let node = table.get(key)?;
            Some((reader.text(&format!("external.{key}"), node)?, node.span))
        };
        for key in ["label", "file", "metric", "value"] {
            if table.get(key).is_none() {
                let error = Diagnostic::new(format!("an [[external]] has no `{key}`"));
                self.errors.push(error.at(span, format!("expected {key} = \"...\"")));
            }
        }
        let (label, place) = text(self, "label")?;
        let label = self.label(&label, place)?;
        let (metric, unit) = (text(self, "metric")?, text(self, "unit"));
        self.measures(metric, unit, span, draft)?;
        let study = text(self, "study");
        if let Some((study, span)) = &study
            && draft.studies.iter().all(|known| known.name != *study)
        {
            let error = Diagnostic::new(format!("no study is called \"{study}\"")).at(*span, "");
            let names = draft.studies.iter().map(|known| known.name.as_str());
            self.errors.push(error.suggest(study, names));
            return None;
        }
        let (file, place) = text(self, "file")?;
        let own = &self.errors.sources[place.file as usize].name;
        let path = Path::new(own).parent().unwrap_or(Path::new("")).join(&file);
        let shown = path.display().to_string();
        let content = match read(&path) {
            Ok(content) => content,
            Err(error) => {
                let error = format!("cannot read {shown}: {}", refusal(&error));
                self.errors.push(Diagnostic::new(error).at(place, ""));
                return None;
            }
        };
        let source = self.errors.add_source(shown, content.clone());
        let value = text(self, "value")?;
        let seed = text(self, "seed");
        let example = text(self, "example");
        let rows = self.rows_of(source, &content, &value, seed, example.clone(), place)?;
        let (values, examples) = self.by_seed(rows, example.is_some(), place)?;
        Some(External {
            name: ascii(&format!("external {label}")),
            label,
            file,
            study: study.map(|(name, _)| name),
            values,
            examples,
        })
    }

    /// Checks that values are of the compared metric, in its unit.
    fn measures(
        &mut self,
        (metric, place): (String, Span),
        unit: Option<(String, Span)>,
        span: Span,
        draft: &Draft,
    ) -> Option<()> {
        let compared = &draft.compare.metric;
        let metrics = self.trainer.metrics();
        if metric != *compared {
            let error = match metrics.get(&metric) {
                None => {
                    let error = Diagnostic::new(format!("there is no metric `{metric}`"));
                    let names = metrics.all.iter().map(|metric| metric.name.as_str());
                    error.at(place, "").suggest(&metric, names)
                }
                Some(_) => Diagnostic::new(format!(
                    "`external.metric` is `{metric}`, and `{compared}` is compared"
                ))
                .at(place, "values of another metric do not compare")
                .help("[compare] metric chooses the metric"),
            };
            self.errors.push(error);
            return None;
        }
        let Unit { short, long, .. } = &metrics.get(&metric)?.unit;
        match unit {
            Some((unit, _)) if unit == *short || unit == *long => Some(()),
            None if short.is_empty() && long.is_empty() => Some(()),
            Some((unit, place)) => {
                let error = Diagnostic::new(format!(
                    "`external.unit` is \"{unit}\", and `{metric}` has the unit \"{short}\""
                ));
                let error = error.at(place, format!("expected \"{short}\""));
                self.errors.push(error.help("convert the values in the file"));
                None
            }
            None => {
                let error = Diagnostic::new("an [[external]] has no `unit`");
                self.errors.push(error.at(span, format!("expected unit = \"{short}\"")));
                None
            }
        }
    }

    /// Rows of a file; `None` after an error.
    fn rows_of(
        &mut self,
        source: u32,
        content: &str,
        value: &(String, Span),
        seed: Option<(String, Span)>,
        example: Option<(String, Span)>,
        place: Span,
    ) -> Option<Vec<Row>> {
        let mut reader = ReaderBuilder::new().flexible(true).from_reader(content.as_bytes());
        let header = match reader.headers() {
            Ok(header) => header.clone(),
            Err(error) => {
                self.errors.push(Diagnostic::new(format!("{error}")).at(place, ""));
                return None;
            }
        };
        let first_line = content.find('\n').unwrap_or(content.len());
        let head = Span::new(source, 0..first_line);
        let seed = seed.unwrap_or_else(|| ("seed".to_owned(), place));
        let columns = Columns {
            seed: self.column(&header, &seed, head)?,
            value: self.column(&header, value, head)?,
            example: match example {
                Some(example) => Some(self.column(&header, &example, head)?),
                None => None,
            },
        };
        let mut rows = Vec::new();
        let mut is_sound = true;
        for record in reader.records() {
            let record = match record {
                Ok(record) => record,
                Err(error) => {
                    self.errors.push(Diagnostic::new(format!("{error}")).at(place, ""));
                    return None;
                }
            };
            let start = record.position().map_or(0, |position| position.byte() as usize);
            let line = content.get(start..).and_then(|rest| rest.find('\n'));
            let end = line.map_or(content.len(), |length| start + length);
            let span = Span::new(source, start..end.max(start));
            match Row::of(&record, header.len(), &columns, span) {
                Ok(row) => rows.push(row),
                Err(why) => {
                    is_sound = false;
                    self.errors.push_with(|| Diagnostic::new(why).at(span, ""));
                }
            }
        }
        if rows.is_empty() && is_sound {
            let error = Diagnostic::new("the file of an [[external]] has no row");
            self.errors
                .push(error.at(head, "only a header").related(Some(place), "named here"));
            return None;
        }
        is_sound.then_some(rows)
    }

    /// Index of a column by its name, which the header has once.
    fn column(
        &mut self,
        header: &StringRecord,
        (name, place): &(String, Span),
        head: Span,
    ) -> Option<usize> {
        // A byte order mark is no part of the first name.
        let names: Vec<&str> =
            header.iter().map(|name| name.trim_start_matches('\u{feff}').trim()).collect();
        let own: Vec<usize> = (0..names.len()).filter(|&i| names[i] == name).collect();
        match own[..] {
            [column] => Some(column),
            [] => {
                let error = Diagnostic::new(format!("the file has no column `{name}`"));
                let error = error.at(head, "its columns").related(Some(*place), "asked for here");
                self.errors.push(error.suggest(name, names.iter().copied()));
                None
            }
            _ => {
                let error = Diagnostic::new(format!("the file has {} columns `{name}`", own.len()));
                self.errors.push(error.at(head, "").related(Some(*place), "asked for here"));
                None
            }
        }
    }

    /// One value for each seed: of its only row, or the mean over its examples, which every seed
    /// must have. Returns their number, too.
    fn by_seed(
        &mut self,
        rows: Vec<Row>,
        has_examples: bool,
        place: Span,
    ) -> Option<(Vec<ExternalValue>, Option<usize>)> {
        let mut order: Vec<Seed> = Vec::new();
        let mut found: BTreeMap<Seed, BTreeMap<String, (f64, Span)>> = BTreeMap::new();
        for Row { span, seed, example, value } in rows {
            let own = found.entry(seed).or_insert_with(|| {
                order.push(seed);
                BTreeMap::new()
            });
            if let Some((_, first)) = own.get(&example) {
                let (seed, first) = (seed.0, *first);
                let error = if has_examples {
                    Diagnostic::new(format!(
                        "seed {seed} has the example {} twice",
                        brief(&example)
                    ))
                } else {
                    Diagnostic::new(format!("seed {seed} is there twice")).help(
                        "one row for each seed is expected; example = \"COLUMN\" averages over \
                         examples",
                    )
                };
                self.errors.push(error.at(span, "").related(Some(first), "the first one"));
                return None;
            }
            own.insert(example, (value, span));
        }
        let examples = |seed: &Seed| found[seed].keys().collect::<BTreeSet<_>>();
        let first = examples(&order[0]);
        let unshared = |seed: &Seed| {
            let own = examples(seed);
            let example = own.symmetric_difference(&first).next().copied()?;
            Some((*seed, example.clone()))
        };
        if let Some((other, example)) = order.iter().find_map(unshared) {
            let error = Diagnostic::new(format!(
                "the example {} is not of both seed {} and seed {}",
                brief(&example),
                order[0].0,
                other.0
            ));
            self.errors.push(error.at(place, "means over other examples do not compare"));
            return None;
        }
        let n = found[&order[0]].len();
        let value = |seed: &Seed| ExternalValue {
            seed: *seed,
            value: found[seed].values().map(|(value, _)| value).sum::<f64>() / n as f64,
        };
        Some((order.iter().map(value).collect(), has_examples.then_some(n)))
    }

    /// Adds an error for every external whose label or name is a variant's.
    pub(super) fn external_labels(&mut self, experiment: &Experiment, node: Option<&Node>) {
        let tables = self.tables("external", node);
        for (external, (table, span)) in experiment.external.iter().zip(tables) {
            let variants = experiment.studies.iter().flat_map(|study| &study.variants);
            let is_taken = variants
                .into_iter()
                .any(|variant| variant.label == external.label || variant.name == external.name);
            if is_taken {
                let error = Diagnostic::new(format!("a variant is called \"{}\"", external.label));
                let place = table.get("label").map_or(span, |label| label.span);
                let error = error.at(place, "external.label is also the name of a variant");
                self.errors.push(error.help("give the [[external]] another label"));
            }
        }
    }
}

impl Row {
    /// Reads a row of a file with `width` columns.
    fn of(
        record: &StringRecord,
        width: usize,
        columns: &Columns,
        span: Span,
    ) -> Result<Self, String> {
        if record.len() != width {
            return Err(format!("the row has {} of {width} fields", record.len()));
        }
        let seed = record[columns.seed].trim();
        let number = seed.parse().ok().filter(|number| *number <= SEED_MAX);
        let number = number.ok_or_else(|| {
            format!("{} is no seed: a whole number from 0 is expected", brief(seed))
        })?;
        let text = record[columns.value].trim();
        let value: Option<f64> = text.parse().ok().filter(|value: &f64| value.is_finite());
        let value = value.ok_or_else(|| {
            if text.is_empty() {
                "the row has no value; leave out seeds that have none".to_owned()
            } else {
                format!("{} is no finite number", brief(text))
            }
        })?;
        let example = columns.example.map_or("", |column| record[column].trim()).to_owned();
        Ok(Self { span, seed: Seed(number), example, value })
    }
}
