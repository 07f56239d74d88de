//! `results.xlsx`: the tables with typed cells, for spreadsheets whose locale writes a decimal comma.

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};

use super::ablation::Ablation;
use super::cell::{Table, Value};
use super::effects::Effects;
use super::{Study, effect_table, tables};
use crate::plan::{Correction, ENGINE};

/// Excel's limit.
const MAX_COLUMNS: usize = 16_384;

/// The bytes of the workbook; the same for the same tables, whenever it is made.
pub(super) fn workbook(study: &Study, ablations: &[Ablation], effects: &[Effects]) -> Vec<u8> {
    build(study, ablations, effects).expect("every sheet name, cell and size is within the format's limits")
}

fn build(study: &Study, ablations: &[Ablation], effects: &[Effects]) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let epoch = ExcelDateTime::from_ymd(2000, 1, 1)?.and_hms(0, 0, 0)?;
    book.set_properties(&DocProperties::new().set_title(&study.plan.name).set_creation_datetime(&epoch));
    let bold = Format::new().set_bold();
    let labelled = with_labels(tables::ablation(study, ablations), ablations);
    let mut sheets = vec![("ablation", labelled), ("runs", tables::runs(study)), ("curves", tables::curves(study))];
    if !effects.is_empty() {
        sheets.insert(1, ("effects", effect_table::effects(study, effects)));
    }
    for (name, table) in sheets {
        // A sheet cut at the limit would look whole; curves.csv holds them all.
        if table.columns.len() <= MAX_COLUMNS {
            fill(book.add_worksheet().set_name(name)?, table, &bold)?;
        }
    }
    let sheet = book.add_worksheet().set_name("readme")?;
    sheet.set_column_width(0, 22)?.set_column_width(1, 120)?;
    for (row, (what, text)) in readme(study).into_iter().enumerate() {
        sheet.write_string_with_format(row as u32, 0, what, &bold)?;
        sheet.write_string(row as u32, 1, text)?;
    }
    book.save_to_buffer()
}

/// Labels for people may hold any character: they are in no CSV, but here.
fn with_labels<'a>(table: Table<'a>, ablations: &'a [Ablation]) -> Table<'a> {
    let labels = ablations.iter().flat_map(|ablation| &ablation.rows).map(|row| Value::Text(row.label.as_str().into()));
    let mut columns = table.columns;
    columns.push("label".to_owned());
    let rows = table.rows.zip(labels).map(|(mut row, label)| {
        row.push(label);
        row
    });
    Table { columns, rows: Box::new(rows) }
}

fn fill(sheet: &mut Worksheet, table: Table, bold: &Format) -> Result<(), XlsxError> {
    for (column, name) in table.columns.iter().enumerate() {
        let column = column as u16;
        sheet.write_string_with_format(0, column, name, bold)?;
        sheet.set_column_width(column, (name.len() + 3).clamp(8, 40) as f64)?;
    }
    let mut last = 0;
    for (row, cells) in table.rows.enumerate() {
        last = row as u32 + 1;
        for (column, cell) in cells.iter().enumerate() {
            write(sheet, last, column as u16, cell)?;
        }
    }
    sheet.set_freeze_panes(1, 0)?;
    sheet.autofilter(0, 0, last, table.columns.len() as u16 - 1)?;
    Ok(())
}

fn write(sheet: &mut Worksheet, row: u32, column: u16, cell: &Value) -> Result<(), XlsxError> {
    match cell {
        Value::Empty => {}
        // A typed text cell needs no guard against conversion.
        Value::Text(text) => drop(sheet.write_string(row, column, text.strip_prefix('\'').unwrap_or(text))?),
        Value::Level(level) => match level.parse::<f64>() {
            Ok(number) => drop(sheet.write_number(row, column, number)?),
            Err(_) => drop(sheet.write_string(row, column, *level)?),
        },
        Value::Int(value) => drop(sheet.write_number(row, column, *value as f64)?),
        Value::Number(value) => drop(sheet.write_number(row, column, *value)?),
    }
    Ok(())
}

fn readme(study: &Study) -> Vec<(&'static str, String)> {
    let plan = &study.plan;
    let percent = plan.compare.level * 100.0;
    let correction = match plan.compare.correction {
        Correction::Holm => "p_holm is corrected over the comparisons of a study (Holm 1979)",
        Correction::None => "p values are not corrected for the number of comparisons",
    };
    vec![
        ("experiment", plan.name.clone()),
        ("question", plan.question.clone()),
        ("notes", plan.notes.clone()),
        ("seeds", plan.seeds.iter().map(|seed| seed.0.to_string()).collect::<Vec<_>>().join(", ")),
        (
            "unit",
            "nats per image: negative log-likelihood summed over pixels, averaged over images; lower is better".into(),
        ),
        ("selection", "the epoch is chosen on the validation set, the number reported is of the test set".into()),
        ("intervals", format!("{percent} % Student t intervals over the seeds that finished (n of n_planned)")),
        ("delta", "variant minus baseline, paired by seed; columns with `images` vary over test images instead".into()),
        ("effects", "full grids: means over the other axes, contrasts with the reference level, seed by seed".into()),
        ("p", format!("exact two-sided sign-flip test, unless p_draws says how many flips were drawn; {correction}")),
        ("empty cell", "missing: not run, failed, or not defined".into()),
        ("versions", format!("ablade {}, engine {ENGINE}", env!("CARGO_PKG_VERSION"))),
    ]
}
