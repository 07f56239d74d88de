//! Tables read by other programs: LibreOffice, pandas, polars, DuckDB, openpyxl, R. Each test is skipped if its
//! program is not installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::fixture::{ablade, succeeded};
use crate::support::{python, skipped};

/// Labels that spreadsheets tend to convert to dates, formulas and numbers, a comma, a quote, and
/// words beyond ASCII.
const STUDY: &str = r#"
    question = "=1+1; do \"quoted\", commas and d\u00e9tails survive?"
    seeds    = 3
    data     = { name = "digits", train = 60, valid = 20, test = 20, size = 6 }
    model    = { hidden = [6] }
    train    = { epochs = 2, batch = 20 }
    sample   = { count = 0 }

    [axes]
    model.skip = { "without, \"direct\"" = false, "d\u00e9j\u00e0 1/2 vu" = true }
    model.hidden = [[6], [6, 6]]
    train.optimizer.adam.lr = [1e-3, 3e-7]
"#;

/// The results of the study, swept once for each test that has its program.
fn swept() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("table.toml"), STUDY).unwrap();
    ablade(home.path(), "sweep table.toml");
    home
}

fn tables(home: &Path) -> Vec<PathBuf> {
    let names = ["runs", "metrics", "ablation", "effects", "curves", "timings"];
    names.map(|name| home.join(format!("results/table/{name}.csv"))).to_vec()
}

fn cells(path: &Path) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_path(path)
        .unwrap();
    reader
        .records()
        .map(|row| row.unwrap().iter().map(str::to_owned).collect())
        .collect()
}

/// True if two cells are the same text, or the same number to the precision of LibreOffice: 15
/// significant digits, of which the last may be rounded differently.
fn same(a: &str, b: &str) -> bool {
    let numbers = || Some((a.parse::<f64>().ok()?, b.parse::<f64>().ok()?));
    a == b || numbers().is_some_and(|(a, b)| (a - b).abs() <= 1e-14 * a.abs())
}

#[track_caller]
fn assert_same_cells(kept: &Path, back: &Path) -> usize {
    let (kept_cells, back_cells) = (cells(kept), cells(back));
    assert_eq!(kept_cells.len(), back_cells.len(), "rows of {}", kept.display());
    let mut compared = 0;
    for (kept_row, back_row) in kept_cells.iter().zip(&back_cells) {
        assert_eq!(kept_row.len(), back_row.len());
        for (kept_cell, back_cell) in kept_row.iter().zip(back_row) {
            assert!(
                same(kept_cell, back_cell),
                "{}: {kept_cell:?} became {back_cell:?}",
                kept.display()
            );
            compared += 1;
        }
    }
    compared
}

/// LibreOffice Calc without a window, with a separate profile.
fn office(home: &Path, arguments: &[&str]) -> Option<Command> {
    let program = ["soffice", "libreoffice"].into_iter().find(|program| {
        Command::new(program)
            .arg("--version")
            .output()
            .is_ok_and(|output| output.status.success())
    });
    let Some(program) = program else {
        skipped("it needs LibreOffice Calc (soffice)");
        return None;
    };
    let mut command = Command::new(program);
    command
        .arg(format!("-env:UserInstallation=file://{}/profile", home.display()))
        .arg("--headless")
        .args(arguments);
    Some(command)
}

/// Importing a table into a spreadsheet and exporting it changes no cell. 44, 34, 76: comma, quote,
/// UTF-8; 1033: English (USA), which recognises the most dates; at the end of the export, values as
/// stored instead of as displayed.
#[test]
fn libreoffice_changes_no_cell() {
    let place = tempfile::tempdir().unwrap();
    let Some(mut convert) = office(
        place.path(),
        &["--convert-to", "ods", "--infilter=CSV:44,34,76,1,,1033,false,true"],
    ) else {
        return;
    };
    let home = swept();
    let out = place.path().join("back");
    succeeded(convert.arg("--outdir").arg(&out).args(tables(home.path())).output().unwrap());
    let sheets: Vec<PathBuf> = tables(home.path())
        .iter()
        .map(|table| out.join(table.file_name().unwrap()).with_extension("ods"))
        .collect();
    let export = |language: u32| {
        format!("csv:Text - txt - csv (StarCalc):44,34,76,1,,{language},false,true,false")
    };
    let mut back = office(place.path(), &["--convert-to", &export(1033)]).unwrap();
    succeeded(back.arg("--outdir").arg(&out).args(&sheets).output().unwrap());
    let compared: usize = tables(home.path())
        .iter()
        .map(|t| assert_same_cells(t, &out.join(t.file_name().unwrap())))
        .sum();
    assert!(compared > 1000, "{compared}");

    // The first sheet of the workbook, the ablation table, has the same content as the CSV file next
    // to it, in English and in German (1031), where a CSV file would not do: 0.001 is read as 1.
    let book = home.path().join("results/table/results.xlsx");
    for (language, decimal) in [(1033, "."), (1031, ",")] {
        let mut sheet = office(place.path(), &["--convert-to", &export(language)]).unwrap();
        succeeded(sheet.arg("--outdir").arg(&out).arg(&book).output().unwrap());
        let from_book = cells(&out.join("results.csv"));
        for (from_book, row) in from_book.iter().zip(cells(&tables(home.path())[2])) {
            for (a, b) in from_book.iter().zip(&row) {
                let (a, b) = (a.replace(decimal, "."), b.strip_prefix('\'').unwrap_or(b));
                let b =
                    if b.parse::<f64>().is_ok() { b.to_owned() } else { b.replace(decimal, ".") };
                assert!(same(&a, &b), "results.xlsx: {b:?} became {a:?}");
            }
        }
    }
}

/// The workbook is for reading: digits, widths, head and names, filter and pages; its cells have the
/// values of the CSV files to the last bit.
#[test]
fn the_workbook_is_set_up_for_reading_and_holds_every_value() {
    let Some(mut python) = python("openpyxl") else { return };
    let home = swept();
    let code = r#"
import csv, sys
from openpyxl import load_workbook
folder = sys.argv[1]
book = load_workbook(folder + "/results.xlsx")
assert book.sheetnames == ["ablation", "effects", "runs", "metrics", "curves", "readme"], book.sheetnames
for name in book.sheetnames[:-1]:
    sheet = book[name]
    with open(f"{folder}/{name}.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    header = rows[0]
    assert (sheet.max_row, sheet.max_column) == (len(rows), len(header)), name
    for row, cells in zip(rows, sheet.iter_rows()):
        for text, cell, column in zip(row, cells, header):
            value = cell.value
            if value is None:
                assert text == "", (name, column, text)
            elif isinstance(value, str):
                assert value == text.removeprefix("'"), (name, column, text, value)
            else:
                assert float(value) == float(text), (name, column, text, value)
    fixed = header.index("label") + 1 if "label" in header else 1
    assert sheet.freeze_panes == sheet.cell(2, fixed + 1).coordinate, (name, sheet.freeze_panes)
    assert sheet.auto_filter.ref == sheet.dimensions, name
    assert sheet.page_setup.orientation == "landscape" and sheet.page_setup.paperSize == 9, name
    assert sheet.sheet_properties.pageSetUpPr.fitToPage and sheet.page_setup.fitToHeight == 0, name
    assert sheet.print_title_rows == "$1:$1" and sheet.print_title_cols, name
    widths = [sheet.column_dimensions[cell.column_letter].width for cell in sheet[1]]
    assert max(widths[:-1]) < 42 and max(widths) < 92 and min(widths) > 6, (name, widths)
sheet = book["ablation"]
column = {cell.value: cell for cell in sheet[1]}
shown = {name: sheet.cell(3, cell.column).number_format for name, cell in column.items()}
assert set(shown["test_nll_mean_nats"]) == set("0."), shown
assert shown["test_nll_mean_nats"] == shown["test_nll_sd_nats"] == shown["test_nll_ci95_low_nats"], shown
assert shown["p"] == "[<0.0001]0E+00;0.0000" and shown["n"] == "General", shown
coloured = [str(area.sqref) for area in sheet.conditional_formatting]
letter = column["delta_nats"].column_letter
assert coloured == [f"{letter}2:{letter}{sheet.max_row}"], coloured
print("sheets", len(book.sheetnames))
"#;
    let folder = home.path().join("results/table");
    let said = succeeded(python.args(["-c", code]).arg(folder).output().unwrap());
    assert!(said.contains("sheets 6"), "{said}");
}

/// Variants have the label of screen and figures next to their name, whatever the table.
#[test]
fn every_table_has_the_labels_of_the_screen() {
    let home = swept();
    let plan = std::fs::read(home.path().join("results/table/plan.json")).unwrap();
    let plan: serde_json::Value = serde_json::from_slice(&plan).unwrap();
    let variants = plan["plan"]["studies"][0]["variants"].as_array().unwrap();
    let label = |name: &str| {
        let variant = variants.iter().find(|variant| variant["name"] == name);
        variant.unwrap_or_else(|| panic!("{name}"))["label"].as_str().unwrap()
    };
    for path in tables(home.path()) {
        let rows = cells(&path);
        let head = |i: usize| rows[0][i].as_str();
        match path.file_stem().unwrap().to_str().unwrap() {
            "curves" => {}
            "effects" => {
                assert_eq!([head(0), head(1), head(2)], ["study", "effect", "label"]);
                assert!(rows.iter().any(|row| row[2].ends_with("lr 3e-7")), "{rows:?}");
            }
            _ => {
                assert_eq!([head(0), head(1), head(2)], ["study", "variant", "label"]);
                for row in &rows[1..] {
                    assert_eq!(row[2].strip_prefix('\'').unwrap_or(&row[2]), label(&row[1]));
                }
            }
        }
    }
}

/// Every cell of every table read by pandas, polars and DuckDB, given back as a number or a text.
#[test]
fn pandas_polars_and_duckdb_read_every_cell() {
    let Some(mut python) = python("pandas, polars, duckdb") else { return };
    let home = swept();
    let code = r#"
import csv, datetime, math, sys
import pandas, polars, duckdb
cells = 0
for path in sys.argv[1:]:
    with open(path, newline="", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file))
    one, two = pandas.read_csv(path, float_precision="round_trip"), polars.read_csv(path, infer_schema_length=None)
    three = duckdb.read_csv(path, sample_size=-1)
    assert list(one.columns) == two.columns == three.columns == header, path
    three = three.fetchall()
    for r, row in enumerate(rows):
        for c, cell in enumerate(row):
            for name, value in (("pandas", one.iat[r, c]), ("polars", two[r, c]), ("DuckDB", three[r][c])):
                missing = value is None or (isinstance(value, float) and math.isnan(value))
                if cell == "":
                    assert missing, (name, path, header[c], value)
                    continue
                assert not missing, (name, path, header[c], cell)
                if isinstance(value, (str, datetime.datetime)):
                    assert str(value) == cell, (name, path, header[c], cell, value)
                elif cell in ("true", "false", "yes", "no"):
                    assert bool(value) == (cell in ("true", "yes")), (name, path, header[c], cell, value)
                else:
                    assert float(value) == float(cell), (name, path, header[c], cell, value)
                cells += 1
print(cells, "cells")
"#;
    let said = succeeded(python.arg("-c").arg(code).args(tables(home.path())).output().unwrap());
    assert!(said.contains("cells"), "{said}");
}

/// R's `read.csv` with its own types gives the numbers of the table.
#[test]
fn r_reads_every_number() {
    if Command::new("Rscript").arg("--version").output().is_err() {
        return skipped("it needs Rscript");
    }
    let home = swept();
    let code = r#"
for (path in commandArgs(trailingOnly = TRUE)) {
    table <- read.csv(path, check.names = FALSE, na.strings = "", fileEncoding = "UTF-8")
    text <- read.csv(path, check.names = FALSE, na.strings = "", colClasses = "character", fileEncoding = "UTF-8")
    for (name in names(text)) {
        one <- table[[name]]; two <- text[[name]]
        stopifnot(identical(is.na(one), is.na(two)))
        if (is.numeric(one)) stopifnot(all(abs(one - as.numeric(two)) <= 1e-15 * abs(one), na.rm = TRUE))
        else if (is.logical(one)) stopifnot(all(tolower(as.character(one)) == tolower(two), na.rm = TRUE))
        else stopifnot(all(one == two, na.rm = TRUE))
        if (grepl("_nats$|^p$", name) && !all(is.na(two))) stopifnot(is.numeric(one))
    }
    cat(basename(path), nrow(table), ncol(table), "\n")
}
"#;
    let script = home.path().join("read.R");
    std::fs::write(&script, code).unwrap();
    let mut command = Command::new("Rscript");
    let said = succeeded(
        command
            .env("LC_ALL", "C.UTF-8")
            .arg(script)
            .args(tables(home.path()))
            .output()
            .unwrap(),
    );
    assert_eq!(said.lines().count(), 6, "{said}");
}
