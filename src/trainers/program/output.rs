//! Values that a program reports: read from the files that a run has left, by the metrics that the
//! experiment declares now.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value};

use crate::record::EpochRow;
use crate::text::{brief, count, nearest};
use crate::trainer::{Better, Declaration, DeclaredMetric, MetricSource};

/// Fact of a run: the last match of each pattern in its standard output, as text.
pub(super) const PRINTED: &str = "printed";
/// The standard and error output of a run, its last MiB.
pub(super) const LOG: &str = "log.txt";
/// Largest value of a metric: means, squares and intervals of such values are finite.
const LARGEST_VALUE: f64 = 1e150;
/// Names of the column that numbers the steps, in order of preference.
const STEP: [&str; 2] = ["step", "epoch"];

/// The table of steps that a program wrote.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Steps {
    /// Columns without that of the step.
    pub(super) columns: Vec<String>,
    /// Steps in rising order, with the cells of each; `None` is a blank one.
    pub(super) rows: Vec<(usize, Vec<Option<f64>>)>,
    /// The first thing that is wrong with a column: a metric is not read from it.
    faults: BTreeMap<String, String>,
}

/// A cell as it was written.
enum Cell {
    Blank,
    Number(f64),
    Text(String),
}

impl Cell {
    fn of_text(text: &str) -> Self {
        match text.trim() {
            "" => Self::Blank,
            text => parse(text).map_or_else(|| Self::Text(text.to_owned()), Self::Number),
        }
    }

    /// `None` of a value that is no cell, such as a table.
    fn of_json(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::Blank),
            Value::String(text) => Some(Self::of_text(text)),
            value => number(value).map(Self::Number),
        }
    }
}

/// Rows in the order of the file, each with its step.
#[derive(Default)]
struct Rows(Vec<(Option<f64>, Vec<Option<f64>>)>);

impl Steps {
    /// Reads a table, CSV or, of a name in `.jsonl`, one JSON object a line. Values of one step may
    /// be in several rows, and the later value of a column counts, as a run that continues writes
    /// its steps again. Steps that are not whole numbers are numbered in their order. `grows` leaves
    /// out a last line without its end.
    pub(super) fn read(name: &str, bytes: &[u8], grows: bool) -> Result<Self, String> {
        let end = if grows {
            bytes.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1)
        } else {
            bytes.len()
        };
        let text =
            std::str::from_utf8(&bytes[..end]).map_err(|_| format!("{name} is not UTF-8"))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (mut table, mut rows) = (Self::default(), Rows::default());
        if name.ends_with(".jsonl") {
            for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
                let place = format!("{name}, line {}", i + 1);
                let Some(Value::Object(fields)) = lenient_json(line) else {
                    return Err(format!("{place}: {} is no JSON object", brief(line)));
                };
                let cells =
                    fields.iter().filter_map(|(key, v)| Some((key.as_str(), Cell::of_json(v)?)));
                table.add(&place, cells.collect(), &mut rows)?;
            }
        } else {
            table.read_csv(name, text, &mut rows)?;
        }
        table.number(rows);
        Ok(table)
    }

    fn read_csv(&mut self, name: &str, text: &str, rows: &mut Rows) -> Result<(), String> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes());
        let mut header: Option<csv::StringRecord> = None;
        for record in reader.records() {
            let record = record.map_err(|error| format!("{name}: {error}"))?;
            let line = record.position().map_or(0, csv::Position::line);
            // A program that continues, or gains a column, may write a header again.
            let is_header = record.iter().all(|text| matches!(Cell::of_text(text), Cell::Text(_)));
            let repeats = header.as_ref().is_some_and(|known| {
                is_header && record.iter().any(|text| known.iter().any(|column| column == text))
            });
            let Some(known) = header.as_ref().filter(|_| !repeats) else {
                if let Some(separator) = other_separator(&record) {
                    return Err(format!(
                        "{name}, line {line}: the columns are separated by {separator}; write commas"
                    ));
                }
                for (i, column) in record.iter().enumerate() {
                    if record.iter().take(i).any(|other| other.trim() == column.trim()) {
                        let fault = format!("{name} has two columns `{}`", column.trim());
                        self.faults.entry(column.trim().to_owned()).or_insert(fault);
                    }
                }
                header = Some(record);
                continue;
            };
            let place = format!("{name}, line {line}");
            if record.len() > known.len() {
                let (found, columns) = (count(record.len(), "cell"), count(known.len(), "column"));
                return Err(format!("{place}: {found} under {columns}"));
            }
            let cells = known.iter().zip(record.iter());
            let cells = cells.map(|(column, text)| (column.trim(), Cell::of_text(text))).collect();
            self.add(&place, cells, rows)?;
        }
        Ok(())
    }

    fn add(
        &mut self,
        place: &str,
        cells: Vec<(&str, Cell)>,
        Rows(rows): &mut Rows,
    ) -> Result<(), String> {
        let mut step = None;
        for name in STEP {
            match cells.iter().find(|(column, _)| *column == name) {
                Some((_, Cell::Number(x))) if x.is_finite() => step = step.or(Some(*x)),
                None | Some((_, Cell::Blank)) => {}
                // The second of the two need not be a number.
                _ if step.is_some() => {}
                Some((_, Cell::Number(x))) => return Err(format!("{place}: the {name} is {x}")),
                Some((_, Cell::Text(text))) => {
                    return Err(format!("{place}: the {name} is {}, no number", brief(text)));
                }
            }
        }
        let mut row = Vec::new();
        for (column, cell) in cells.iter().filter(|(column, _)| !STEP.contains(column)) {
            let at = match self.columns.iter().position(|known| known == column) {
                Some(at) => at,
                None => {
                    self.columns.push((*column).to_owned());
                    self.columns.len() - 1
                }
            };
            if row.len() <= at {
                row.resize(at + 1, None);
            }
            match cell {
                Cell::Blank => {}
                Cell::Number(value) => row[at] = Some(*value),
                Cell::Text(text) => {
                    let fault = || format!("{place}: `{column}` is {}, no number", brief(text));
                    self.faults.entry((*column).to_owned()).or_insert_with(fault);
                }
            }
        }
        rows.push((step, row));
        Ok(())
    }

    /// Numbers the rows by their steps: those of whole numbers by themselves, others in their order,
    /// and rows without a step in the order of the file.
    fn number(&mut self, Rows(mut rows): Rows) {
        if rows.iter().any(|(step, _)| step.is_none()) {
            rows.iter_mut()
                .enumerate()
                .for_each(|(i, (step, _))| *step = Some((i + 1) as f64));
        }
        let steps = || rows.iter().filter_map(|(step, _)| *step);
        let whole = steps().all(|step| step >= 0.0 && step.fract() == 0.0 && step < 1e15);
        let mut merged: Vec<(f64, Vec<Option<f64>>)> = Vec::new();
        // Stable: rows of one step stay in the order of the file.
        rows.sort_by(|(a, _), (b, _)| a.unwrap_or(0.0).total_cmp(&b.unwrap_or(0.0)));
        for (step, row) in rows {
            let step = step.unwrap_or(0.0);
            match merged.last_mut().filter(|(last, _)| *last == step) {
                None => merged.push((step, row)),
                Some((_, earlier)) => {
                    earlier.resize(earlier.len().max(row.len()), None);
                    for (cell, later) in earlier.iter_mut().zip(row) {
                        *cell = later.or(*cell);
                    }
                }
            }
        }
        let width = self.columns.len();
        let numbered = merged.into_iter().enumerate().map(|(i, (step, mut cells))| {
            cells.resize(width, None);
            (if whole { step as usize } else { i + 1 }, cells)
        });
        self.rows = numbered.collect();
    }

    /// The values of a column by step; `None` if there is no such column.
    fn column(
        &self,
        name: &str,
    ) -> Result<Option<impl Iterator<Item = (usize, f64)> + '_>, String> {
        if let Some(fault) = self.faults.get(name) {
            return Err(fault.clone());
        }
        let Some(at) = self.columns.iter().position(|known| known == name) else {
            return Ok(None);
        };
        Ok(Some(
            self.rows.iter().filter_map(move |(step, cells)| Some((*step, cells[at]?))),
        ))
    }

    /// The first cell of the last row that is not finite.
    fn diverged(&self) -> Option<String> {
        let (step, cells) = self.rows.last()?;
        let (column, value) =
            self.columns.iter().zip(cells).find_map(|(column, cell)| {
                Some((column, cell.filter(|cell| !cell.is_finite())?))
            })?;
        Some(format!("{column} is {value} at step {step}"))
    }
}

/// Everything that a run reports, as its experiment declares it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Values {
    /// Metrics by their columns.
    pub(super) metrics: Map<String, Value>,
    /// Metrics that the run has not left, each with what was found in its place.
    pub(super) missing: Vec<String>,
    /// The value that is not finite.
    pub(super) diverged: Option<String>,
    /// The curves, by the columns that metrics name.
    pub(super) epochs: Vec<EpochRow>,
    /// Step at which a metric is read that names the best step of another; 0 if there is none.
    pub(super) best_step: usize,
}

/// Returns the content of a file of a run by its name: `None` if there is none, an error if it cannot
/// be read.
pub(super) type ReadFile<'a> = dyn Fn(&str) -> Result<Option<Vec<u8>>, String> + 'a;

/// Name of the fact that holds a metric.
pub(super) fn fact(metric: &DeclaredMetric) -> String {
    format!("metric:{}", metric.name)
}

/// The columns of the table of steps that metrics are read from, each once.
pub(super) fn curve_columns(declaration: &Declaration) -> Vec<&str> {
    let mut columns: Vec<&str> = Vec::new();
    for metric in &declaration.metrics {
        if let MetricSource::Column { column, .. } = &metric.source
            && !columns.contains(&column.as_str())
        {
            columns.push(column);
        }
    }
    columns
}

/// Rows of the curves that are drawn.
pub(super) fn curves(declaration: &Declaration, steps: &Steps) -> Vec<EpochRow> {
    let columns = curve_columns(declaration);
    let at: Vec<Option<usize>> = columns
        .iter()
        .map(|column| steps.columns.iter().position(|known| known == column))
        .collect();
    let row = |(step, cells): &(usize, Vec<Option<f64>>)| EpochRow {
        epoch: *step,
        values: at.iter().map(|at| at.and_then(|at| cells[at]).unwrap_or(f64::NAN)).collect(),
    };
    if columns.is_empty() {
        Vec::new()
    } else {
        steps.rows.iter().map(row).collect()
    }
}

impl Values {
    /// Reads the values of a run: `file` returns the content of one of its files, `printed` the last
    /// match of a pattern in its standard output.
    pub(super) fn read(
        declaration: &Declaration,
        file: &ReadFile,
        printed: &dyn Fn(&str) -> Option<String>,
    ) -> Self {
        let name = &declaration.conduct.steps;
        let mut values = Self::default();
        let steps = file(name)
            .and_then(|bytes| bytes.map(|bytes| Steps::read(name, &bytes, false)).transpose());
        let known = steps.as_ref().ok().and_then(Option::as_ref);
        let mut documents: BTreeMap<&str, Result<Value, String>> = BTreeMap::new();
        let mut best_step = None;
        for metric in &declaration.metrics {
            let found = match &metric.source {
                MetricSource::Json { file: name, key } => {
                    let document =
                        documents.entry(name).or_insert_with(|| json_file(name, file(name)));
                    match document {
                        Ok(document) => json_number(name, document, key),
                        Err(problem) => Err(problem.clone()),
                    }
                }
                MetricSource::Column { column, at } => match (&steps, known) {
                    (Err(problem), _) => Err(problem.clone()),
                    (_, None) => Err(format!("{name} was not written")),
                    (_, Some(steps)) => {
                        let best = at.as_ref().map(|at| best(declaration, steps, at));
                        if let Some(Ok(step)) = best {
                            best_step.get_or_insert(step);
                        }
                        column_value(name, steps, column, best)
                    }
                },
                MetricSource::Stdout { pattern } => match printed(pattern) {
                    None => Err(format!("'{pattern}' has no match in the output")),
                    Some(text) => parse(&text)
                        .ok_or_else(|| format!("'{pattern}' matches {}, no number", brief(&text))),
                },
            };
            match found {
                Err(problem) => {
                    values.missing.push(one_line(&format!("{}: {problem}", metric.name)));
                }
                Ok(value) if value.abs() <= LARGEST_VALUE => {
                    values.metrics.insert(fact(metric), value.into());
                }
                Ok(value) if value.is_finite() => {
                    let reason =
                        format!("{} is {value:e}, beyond \u{b1}{LARGEST_VALUE:e}", metric.name);
                    values.diverged.get_or_insert(reason);
                }
                Ok(value) => {
                    values.diverged.get_or_insert_with(|| format!("{} is {value}", metric.name));
                }
            }
        }
        if let Some(steps) = known {
            let diverged = values.diverged.take().or_else(|| steps.diverged());
            values.diverged = diverged.map(|reason| one_line(&reason));
            values.epochs = curves(declaration, steps);
            values.best_step = best_step.unwrap_or(0);
        }
        values
    }
}

/// The separator of a header that is one cell, where it is not the comma: spreadsheets in many
/// languages write semicolons.
fn other_separator(header: &csv::StringRecord) -> Option<&'static str> {
    let cell = header.get(0).filter(|_| header.len() == 1)?;
    let known = [(';', "semicolons"), ('\t', "tabs")];
    known.into_iter().find_map(|(c, word)| cell.contains(c).then_some(word))
}

/// A reason in one line of a table, whatever a program has written into it.
pub(super) fn one_line(reason: &str) -> String {
    const LONGEST: usize = 1000;
    let plain = reason.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut line: String = plain.take(LONGEST).collect();
    if reason.chars().nth(LONGEST).is_some() {
        line.push_str(" ...");
    }
    line
}

/// The step at which another metric is best; the first of several.
fn best(declaration: &Declaration, steps: &Steps, at: &str) -> Result<usize, String> {
    let metric = declaration.metrics.iter().find(|metric| metric.name == at);
    let Some((MetricSource::Column { column, .. }, better)) =
        metric.map(|metric| (&metric.source, metric.better))
    else {
        return Err(format!("{at} is no column"));
    };
    let cells = steps
        .column(column)?
        .into_iter()
        .flatten()
        .filter(|(_, value)| value.is_finite());
    let is_better = |a: f64, b: f64| match better {
        Better::Lower => a < b,
        Better::Higher => a > b,
    };
    let best = cells.fold(None, |best: Option<(usize, f64)>, (step, value)| match best {
        Some((_, so_far)) if !is_better(value, so_far) => best,
        _ => Some((step, value)),
    });
    best.map(|(step, _)| step).ok_or_else(|| format!("no step has a {column}"))
}

fn column_value(
    name: &str,
    steps: &Steps,
    column: &str,
    best: Option<Result<usize, String>>,
) -> Result<f64, String> {
    let Some(cells) = steps.column(column)? else {
        let near = nearest(column, steps.columns.iter().map(String::as_str));
        let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        return Err(format!("{name} has no column `{column}`{near}"));
    };
    let mut cells = cells;
    match best {
        None => cells.last().map(|(_, value)| value).ok_or(()),
        Some(step) => {
            let step = step?;
            let found = cells.find(|(at, _)| *at == step).map(|(_, value)| value);
            return found.ok_or_else(|| format!("{name} has no `{column}` at step {step}"));
        }
    }
    .map_err(|()| format!("every `{column}` of {name} is blank"))
}

fn json_file(name: &str, read: Result<Option<Vec<u8>>, String>) -> Result<Value, String> {
    let bytes = read?.ok_or_else(|| format!("{name} was not written"))?;
    let text = String::from_utf8(bytes).map_err(|_| format!("{name} is not UTF-8"))?;
    lenient_json(&text).ok_or_else(|| match serde_json::from_str::<Value>(&text) {
        Err(error) => format!("{name} is no JSON: {error}"),
        Ok(_) => format!("{name} is no JSON"),
    })
}

/// JSON as Python writes it: `NaN` and `Infinity` are values too, read as texts.
fn lenient_json(text: &str) -> Option<Value> {
    if let Ok(value) = serde_json::from_str(text) {
        return Some(value);
    }
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut quoted) = (text, false);
    while let Some(c) = rest.chars().next() {
        let word = ["NaN", "-Infinity", "Infinity"].into_iter().find(|word| rest.starts_with(word));
        if let Some(word) = word.filter(|_| !quoted) {
            out += &format!("\"{word}\"");
            rest = &rest[word.len()..];
            continue;
        }
        let mut taken = c.len_utf8();
        if quoted && c == '\\' {
            taken += rest[taken..].chars().next().map_or(0, char::len_utf8);
        } else if c == '"' {
            quoted = !quoted;
        }
        out.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    serde_json::from_str(&out).ok()
}

fn json_number(name: &str, document: &Value, key: &str) -> Result<f64, String> {
    let found = document
        .get(key)
        .or_else(|| key.split('.').try_fold(document, |value, key| value.get(key)));
    match found {
        Some(value) => number(value).ok_or_else(|| {
            format!("`{key}` of {name} is {}, no number", brief(&value.to_string()))
        }),
        None => {
            let keys: Vec<&str> = document
                .as_object()
                .into_iter()
                .flatten()
                .map(|(key, _)| key.as_str())
                .collect();
            let near = nearest(key, keys.iter().copied());
            let help = match near {
                Some(near) => format!("; did you mean `{near}`?"),
                None if keys.is_empty() => String::new(),
                None => format!(", it has {}", brief(&keys.join(", "))),
            };
            Err(format!("{name} has no `{key}`{help}"))
        }
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(n) => n.as_f64(),
        Value::String(text) if ["NaN", "Infinity", "-Infinity"].contains(&text.as_str()) => {
            parse(text)
        }
        _ => None,
    }
}

/// A number as programs print it, not finite ones included.
fn parse(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}

/// The last match of a pattern: its first group.
pub(super) fn last_match(pattern: &Regex, text: &str) -> Option<String> {
    let found = pattern.captures_iter(text).last()?;
    Some(found.get(1)?.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(text: &str) -> Steps {
        Steps::read("metrics.csv", text.as_bytes(), false).unwrap()
    }

    #[test]
    fn a_table_of_steps_as_programs_write_it() {
        let table = steps("epoch,val/loss,note\n1,0.5,a\n2,,b\n3,nan,c\n2,0.25,d\n");
        assert_eq!(table.columns, ["val/loss", "note"]);
        let loss: Vec<_> = table.column("val/loss").unwrap().unwrap().take(2).collect();
        assert_eq!(loss, [(1, 0.5), (2, 0.25)], "the last row of a step wins");
        assert_eq!(table.diverged().unwrap(), "val/loss is NaN at step 3");
        let grown = steps("step,a\n10,1\n20,2\nstep,a,b\n30,3,4\n");
        assert_eq!(grown.columns, ["a", "b"]);
        assert_eq!(grown.rows[0], (10, vec![Some(1.0), None]));
        assert_eq!(grown.rows[2], (30, vec![Some(3.0), Some(4.0)]));
        assert_eq!(steps("a\n1\n2\n").rows[1].0, 2, "the row where no column numbers it");
        let ragged = Steps::read("metrics.csv", b"a,b\n1,2\n1,2,3\n", false).unwrap_err();
        assert_eq!(ragged, "metrics.csv, line 3: 3 cells under 2 columns");
        for (text, word) in [("step;loss\n1;0,5\n", "semicolons"), ("step\tloss\n1\t2\n", "tabs")] {
            let other = Steps::read("m.csv", text.as_bytes(), false).unwrap_err();
            assert_eq!(
                other,
                format!("m.csv, line 1: the columns are separated by {word}; write commas")
            );
        }
        assert_eq!(steps("step,a;b\n1,2\n").columns, ["a;b"]);
        let halves = steps("epoch,val\n0.5,1\n1.0,2\n1.5,3\n1.0,4\n");
        assert_eq!(halves.rows.iter().map(|row| row.0).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(halves.rows[1].1, [Some(4.0)], "half an epoch is no epoch 0 or 1");
        let fault = steps("a,b\n1,2\nNone,3\n").column("a").err().unwrap();
        assert_eq!(fault, "metrics.csv, line 3: `a` is \"None\", no number");
        assert!(steps("a,b\n1,2\nNone,3\n").column("b").is_ok());
        assert!(steps("a,a\n1,2\n").column("a").err().unwrap().contains("two columns"));
        let step = Steps::read("metrics.csv", b"step,a\nfinal,2\n", false).unwrap_err();
        assert_eq!(step, "metrics.csv, line 2: the step is \"final\", no number");
        assert_eq!(Steps::read("m.csv", b"a\n1\n2", true).unwrap().rows.len(), 1);
        let lines =
            Steps::read("m.jsonl", b"{\"step\":5,\"a\":1}\n{\"step\":7,\"b\":NaN}\n", false)
                .unwrap();
        assert_eq!(lines.columns, ["a", "b"]);
        assert_eq!(lines.rows[0], (5, vec![Some(1.0), None]));
    }

    #[test]
    fn json_as_python_writes_it() {
        let document =
            lenient_json(r#"{"a": NaN, "b": {"c": 2}, "d.e": 3, "s": "NaN \" Infinity"}"#).unwrap();
        assert!(json_number("f", &document, "a").unwrap().is_nan());
        assert_eq!(json_number("f", &document, "b.c"), Ok(2.0));
        assert_eq!(json_number("f", &document, "d.e"), Ok(3.0));
        assert!(json_number("f", &document, "s").unwrap_err().contains("no number"));
        assert_eq!(document["s"], "NaN \" Infinity");
        let half = json_file("scores.json", Ok(Some(b"{\"a\": 1".to_vec()))).unwrap_err();
        assert!(half.starts_with("scores.json is no JSON: EOF"), "{half}");
    }
}
