//! Workbook `results.xlsx`: the tables with typed cells, for spreadsheets whose locale uses a
//! decimal comma. Data beyond a spreadsheet's limits are cut visibly, as its sheet `readme`
//! explains: the CSV files hold everything.

use std::borrow::Cow;
use std::io;
use std::sync::Mutex;
use std::thread;

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, FormatAlign, Workbook, XlsxError};

use super::ExperimentResults;
use super::cell::Table;
use super::sheet::{MAX_COLUMNS, TableSheet, fitting};
use crate::plan::{Correction, PairedTest};
use crate::store::StoreError;

/// Width of the text of the sheet `readme` [digits], and heights of a line and of the highest row that
/// Excel has [points].
const README: usize = 110;
const LINE_POINTS: f64 = 15.0;
const MOST_POINTS: f64 = 409.0;

/// Bytes of the workbook of a study with these sheets; deterministic, without time stamps.
pub(super) fn workbook(
    study: &ExperimentResults,
    sheets: Vec<(&str, Table)>,
) -> Result<Vec<u8>, StoreError> {
    book("results.xlsx", study, sheets, readme(study))
}

/// Bytes of a workbook with these sheets and a last one of `lines`. Columns of differences from a
/// baseline or from another experiment are coloured.
pub(super) fn book(
    file: &str,
    study: &ExperimentResults,
    sheets: Vec<(&str, Table)>,
    lines: Vec<(&str, String)>,
) -> Result<Vec<u8>, StoreError> {
    build(study, sheets, lines)
        .map_err(|error| StoreError::Malformed { path: file.into(), reason: error.to_string() })
}

fn build(
    study: &ExperimentResults,
    sheets: Vec<(&str, Table)>,
    mut lines: Vec<(&str, String)>,
) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let epoch = ExcelDateTime::from_ymd(2000, 1, 1)?.and_hms(0, 0, 0)?;
    book.set_properties(
        &DocProperties::new().set_title(&study.plan.name).set_creation_datetime(&epoch),
    );
    let head = Format::new().set_bold();
    let metric = study.metric();
    let unit = metric.unit.column("");
    let differences = [metric.unit.column("delta"), metric.unit.column("mean_change")];
    let mut cuts = Vec::new();
    for (name, table) in sheets {
        let columns = table.columns.len();
        if columns <= MAX_COLUMNS {
            let coloured = differences.iter().find(|name| table.columns.contains(name));
            let coloured = coloured.map(|column| (column.as_str(), metric.better));
            let sheet = TableSheet { name, unit: &unit, coloured };
            cuts.extend(sheet.fill(book.add_worksheet().set_name(name)?, table, &head)?);
        } else {
            cuts.push(format!(
                "{name} has no sheet: {columns} columns, of at most {MAX_COLUMNS}; {name}.csv holds them"
            ));
        }
    }
    if lines.iter().any(|(_, text)| matches!(fitting(text), Cow::Owned(_))) {
        cuts.push("texts of this sheet are cut: plan.json holds them".to_owned());
    }
    lines.extend(cuts.into_iter().map(|cut| ("cut", cut)));
    let sheet = book.add_worksheet().set_name("readme")?;
    sheet.set_column_width(0, 22)?.set_column_width(1, README as f64)?;
    sheet.set_paper_size(9).set_landscape().set_print_fit_to_pages(1, 0);
    let head = head.set_align(FormatAlign::Top);
    let text = Format::new().set_text_wrap().set_align(FormatAlign::Top);
    for (row, (what, line)) in (0u32..).zip(lines) {
        let line = fitting(&line);
        // Letters are narrower than the digits in which a width is counted, and words end early.
        let rows = |part: &str| part.chars().count().div_ceil(README - 10).max(1);
        let height = LINE_POINTS * line.split('\n').map(rows).sum::<usize>() as f64;
        sheet.set_row_height(row, height.min(MOST_POINTS))?;
        sheet.write_string_with_format(row, 0, what, &head)?;
        sheet.write_string_with_format(row, 1, line, &text)?;
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

/// Lines on what every workbook does with its cells.
pub(super) const COLOUR: &str = "blue: better, orange: worse, as strong as the difference is large; \
     a colour says nothing of evidence, verdict and p do";
pub(super) const DIGITS: &str =
    "columns show the digits that their intervals support, and four without one; cells hold all";

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
        ("colour", COLOUR.to_owned()),
        ("effects", "full grids: means over the other axes, contrasts with the reference level, seed by seed".into()),
        ("p", format!("{test}; {correction}")),
        ("digits", DIGITS.to_owned()),
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
