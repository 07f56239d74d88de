//! Workbook `results.xlsx`: the tables with typed cells, for spreadsheets whose locale uses a
//! decimal comma. Data beyond a spreadsheet's limits are cut visibly, as its sheet `readme`
//! explains: the CSV files hold everything.

use std::borrow::Cow;
use std::io;
use std::sync::Mutex;
use std::thread;

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};

use super::ablation::Ablation;
use super::blocks::OverBlocks;
use super::cell::{Table, Value};
use super::effects::Effects;
use super::{ExperimentResults, effect_table, tables};
use crate::plan::{Correction, PairedTest};
use crate::store::StoreError;

/// Limits of Excel: columns, rows below the header, and characters of a cell.
const MAX_COLUMNS: usize = 16_384;
const MAX_ROWS: usize = 1_048_575;
const MAX_TEXT: usize = 32_767;

/// Maximum number of cells of a sheet: more take gigabytes to write, and to open.
const MAX_CELLS: usize = 4_000_000;

/// Bytes of the workbook; deterministic, without time stamps.
pub(super) fn workbook(
    study: &ExperimentResults,
    ablations: &[Ablation],
    effects: &[Effects],
    over_blocks: &[OverBlocks],
) -> Result<Vec<u8>, StoreError> {
    build(study, ablations, effects, over_blocks).map_err(|error| StoreError::Malformed {
        path: "results.xlsx".into(),
        reason: error.to_string(),
    })
}

fn build(
    study: &ExperimentResults,
    ablations: &[Ablation],
    effects: &[Effects],
    over_blocks: &[OverBlocks],
) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let epoch = ExcelDateTime::from_ymd(2000, 1, 1)?.and_hms(0, 0, 0)?;
    book.set_properties(
        &DocProperties::new().set_title(&study.plan.name).set_creation_datetime(&epoch),
    );
    let bold = Format::new().set_bold();
    let labelled = with_labels(tables::ablation(study, ablations), ablations);
    let mut sheets = vec![
        ("ablation", labelled),
        ("runs", tables::runs(study)),
        ("curves", tables::curves(study)),
    ];
    if !effects.is_empty() {
        sheets.insert(1, ("effects", effect_table::effects(study, effects)));
    }
    if !over_blocks.is_empty() {
        sheets.insert(1, ("blocks", tables::blocks(study, over_blocks)));
    }
    let mut cuts = Vec::new();
    for (name, table) in sheets {
        let columns = table.columns.len();
        if columns <= MAX_COLUMNS {
            cuts.extend(fill(book.add_worksheet().set_name(name)?, name, table, &bold)?);
        } else {
            cuts.push(format!(
                "{name} has no sheet: {columns} columns, of at most {MAX_COLUMNS}; {name}.csv holds them"
            ));
        }
    }
    let mut lines = readme(study);
    if lines.iter().any(|(_, text)| matches!(fitting(text), Cow::Owned(_))) {
        cuts.push("texts of this sheet are cut: plan.json holds them".to_owned());
    }
    lines.extend(cuts.into_iter().map(|cut| ("cut", cut)));
    let sheet = book.add_worksheet().set_name("readme")?;
    sheet.set_column_width(0, 22)?.set_column_width(1, 120)?;
    for (row, (what, text)) in lines.into_iter().enumerate() {
        sheet.write_string_with_format(row as u32, 0, what, &bold)?;
        sheet.write_string(row as u32, 1, fitting(&text))?;
    }
    // The library starts a thread for each sheet, and panics if the system refuses one.
    can_start(book.worksheets().len() + 2).map_err(XlsxError::IoError)?;
    book.save_to_buffer()
}

/// True if the system allows this many threads at a time.
fn can_start(threads: usize) -> io::Result<()> {
    let gate = Mutex::new(());
    thread::scope(|scope| {
        let closed = gate.lock();
        let start = |_| thread::Builder::new().spawn_scoped(scope, || drop(gate.lock()));
        let started = (0..threads).map(start).collect::<io::Result<Vec<_>>>();
        drop(closed);
        started.map(drop)
    })
}

/// Text that fits into a cell: cut, with a mark at its end, if it is longer.
fn fitting(text: &str) -> Cow<'_, str> {
    // Excel counts UTF-16 code units.
    let length: usize = text.chars().map(char::len_utf16).sum();
    if length <= MAX_TEXT {
        return Cow::Borrowed(text);
    }
    let mark = format!(" [cut: {length} characters]");
    let mut room = MAX_TEXT - mark.len();
    let kept = text.chars().take_while(|c| {
        let fits = room >= c.len_utf16();
        room = room.saturating_sub(c.len_utf16());
        fits
    });
    Cow::Owned(kept.collect::<String>() + &mark)
}

/// Adds the labels for people, which may contain any character: they are in no CSV file.
fn with_labels<'a>(table: Table<'a>, ablations: &'a [Ablation]) -> Table<'a> {
    let labels = ablations
        .iter()
        .flat_map(Ablation::all_rows)
        .map(|row| Value::text(row.label.as_str()));
    let mut columns = table.columns;
    columns.push("label".to_owned());
    let rows = table.rows.zip(labels).map(|(mut row, label)| {
        row.push(label);
        row
    });
    Table { columns, rows: Box::new(rows) }
}

/// Fills a sheet; returns a description of what it does not hold.
fn fill(
    sheet: &mut Worksheet,
    name: &str,
    table: Table,
    bold: &Format,
) -> Result<Vec<String>, XlsxError> {
    let (mut cuts, mut cut_texts) = (Vec::new(), 0);
    let rows = MAX_ROWS.min(MAX_CELLS / table.columns.len().max(1));
    for (column, name) in table.columns.iter().enumerate() {
        let column = column as u16;
        sheet.write_string_with_format(0, column, fitting(name), bold)?;
        sheet.set_column_width(column, (name.len() + 3).clamp(8, 40) as f64)?;
    }
    let mut last = 0;
    for (row, cells) in table.rows.enumerate() {
        if row == rows {
            cuts.push(format!("{name} holds the first {rows} rows: {name}.csv holds all"));
            break;
        }
        last = row as u32 + 1;
        for (column, cell) in cells.iter().enumerate() {
            cut_texts += usize::from(write(sheet, last, column as u16, cell)?);
        }
    }
    if cut_texts > 0 {
        cuts.push(format!("{name}: texts cut in {cut_texts} cells; {name}.csv holds them whole"));
    }
    sheet.set_freeze_panes(1, 0)?;
    sheet.autofilter(0, 0, last, table.columns.len() as u16 - 1)?;
    Ok(cuts)
}

/// Writes a cell; returns true if its text had to be cut.
fn write(sheet: &mut Worksheet, row: u32, column: u16, cell: &Value) -> Result<bool, XlsxError> {
    match cell {
        Value::Empty => {}
        // A typed text cell needs no protection against conversion.
        Value::Text(text) => {
            let text = fitting(text.typed());
            let cut = matches!(text, Cow::Owned(_));
            sheet.write_string(row, column, text)?;
            return Ok(cut);
        }
        Value::Level(level) => match level.parse::<f64>() {
            Ok(number) => drop(sheet.write_number(row, column, number)?),
            Err(_) => drop(sheet.write_string(row, column, *level)?),
        },
        Value::Int(value) => drop(sheet.write_number(row, column, *value as f64)?),
        Value::Number(value) => drop(sheet.write_number(row, column, *value)?),
    }
    Ok(false)
}

fn readme(study: &ExperimentResults) -> Vec<(&'static str, String)> {
    let plan = &study.plan;
    let percent = plan.compare.level * 100.0;
    let correction = match plan.compare.correction {
        Correction::MaxT => {
            "p_corrected is corrected over the comparisons of a study by step-down max-T (Westfall and Young 1993)"
        }
        Correction::Holm => "p_corrected is corrected over the comparisons of a study (Holm 1979)",
        Correction::None => "p values are not corrected for the number of comparisons",
    };
    let test = match plan.compare.test {
        PairedTest::SignFlip => {
            "exact two-sided sign-flip test, unless p_draws says how many flips were drawn"
        }
        PairedTest::T => "two-sided paired t test",
    };
    let (metrics, metric) = (study.metrics(), study.metric());
    let examples = &metrics.examples;
    let better = format!("{} is better", metric.better.word().to_lowercase());
    let unit: Vec<String> = [metric.unit.explained.clone(), better]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect();
    let mut lines = vec![
        ("experiment", plan.name.clone()),
        ("question", plan.question.clone()),
        ("notes", plan.notes.clone()),
        ("seeds", plan.seeds.iter().map(|seed| seed.0.to_string()).collect::<Vec<_>>().join(", ")),
        ("unit", unit.join("; ")),
        ("selection", metrics.selection.clone()),
        ("intervals", format!("{percent} % Student t intervals over the seeds that finished (n of n_planned)")),
        ("delta", format!(
            "variant minus baseline, paired by seed; columns with `{examples}` vary over test {examples} instead"
        )),
        ("effects", "full grids: means over the other axes, contrasts with the reference level, seed by seed".into()),
        ("p", format!("{test}; {correction}")),
        ("empty cell", "missing: not run, failed, or not defined".into()),
        ("versions", format!("ablade {}, engine {}", env!("CARGO_PKG_VERSION"), study.trainer.version())),
    ];
    if !plan.compare.within.is_empty() {
        let text = format!(
            "each variant over all blocks of {}, which are not compared with each other: verdicts, ranks and a joint test",
            plan.compare.within.join(" and ")
        );
        lines.insert(lines.len() - 3, ("blocks", text));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts of the sheet `name` of a workbook with one table, and its cuts.
    fn sheet(columns: usize, rows: Vec<Vec<Value<'_>>>) -> Vec<String> {
        let columns = (0..columns).map(|column| format!("c{column}")).collect();
        let mut book = Workbook::new();
        let table = Table { columns, rows: Box::new(rows.into_iter()) };
        let cuts =
            fill(book.add_worksheet(), "runs", table, &Format::new()).expect("within the limits");
        book.save_to_buffer().expect("within the limits");
        cuts
    }

    #[test]
    fn texts_beyond_the_limit_are_cut_with_a_mark_and_others_are_as_they_are() {
        for text in ["", "'90s", "=1", &"a".repeat(MAX_TEXT), &"\u{1F600}".repeat(MAX_TEXT / 2)] {
            assert!(matches!(fitting(text), Cow::Borrowed(same) if same == text));
        }
        for (text, length) in
            [("a".repeat(MAX_TEXT + 1), 32_768), ("\u{1F600}".repeat(40_000), 80_000)]
        {
            let cut = fitting(&text);
            assert!(cut.encode_utf16().count() <= MAX_TEXT, "{}", cut.encode_utf16().count());
            assert!(
                cut.ends_with(&format!(" [cut: {length} characters]"))
                    && cut.encode_utf16().count() > MAX_TEXT - 2
            );
        }
        let long = "word ".repeat(7_000);
        let cuts = sheet(
            2,
            vec![
                vec![Value::text(long.as_str()), Value::Int(1)],
                vec![Value::text("'90s"), Value::Empty],
            ],
        );
        assert_eq!(cuts, ["runs: texts cut in 1 cells; runs.csv holds them whole"]);
    }

    #[test]
    fn rows_beyond_the_limit_are_left_out_and_said() {
        let columns = 16_000;
        let rows = |count: usize| vec![vec![Value::Empty; columns]; count];
        assert_eq!(sheet(columns, rows(MAX_CELLS / columns)), Vec::<String>::new());
        assert_eq!(
            sheet(columns, rows(MAX_CELLS / columns + 1)),
            ["runs holds the first 250 rows: runs.csv holds all"]
        );
    }
}
