//! Tables for papers: they compile, hold the numbers of `ablation.csv`, and read no label as markup.

use std::path::Path;
use std::process::Command;

use ablade::plan::{Compare, Method};
use ablade::results::ExperimentResults;
use ablade::results::paper::Format;
use ablade::results::tables::in_format;
use serde_json::Value;

use super::fixture::{ablade, study};
use crate::support::place::Place;
use crate::support::skipped;

fn text(study: &ExperimentResults, format: Format) -> String {
    String::from_utf8(in_format(study, format)).unwrap()
}

/// Eight seeds of a baseline, a better variant, one that cannot be told from it, and one that never
/// finished.
fn example() -> ExperimentResults {
    let own = |shift: f64, wobble: f64| -> Vec<Option<f64>> {
        let seed = |s: u32| 95.0 + f64::from(s * s % 7) + shift + wobble * f64::from(s * 5 % 8);
        (0..8).map(|s| Some(seed(s))).collect()
    };
    let values = [own(0.0, 0.0), own(-2.0, 0.03), own(-2.0, 0.04), vec![None; 8]];
    study(&[4], &values, Compare::default())
}

/// Labels with everything that could be markup.
fn hostile() -> ExperimentResults {
    let mut study = example();
    let labels = [
        "50% of lr_max & {a} $x$ #1 ~ ^ \\ \\input{x} %",
        "a|b *c* <i> `d` [e](f) \"g\" 'h' -- --- << >> ?` !` ,, ''",
        "caf\u{e9} \u{df}\u{f8}\u{c5}\u{ff} \u{3b1}\u{3bf}\u{3c9} \u{b1}\u{d7}\u{2212}\u{2192}\u{2264}\u{221e}\u{2026}",
        "\u{4e2d}\u{6587} \u{1F600} \u{41f} \u{e9}\u{301} \u{141}\u{f0}\u{fe}\u{a7}\u{a0}\u{2013}\u{201c}q\u{201d}\u{2018}r\u{2019}",
    ];
    for (variant, label) in study.plan.studies[0].variants.iter_mut().zip(labels) {
        label.clone_into(&mut variant.label);
    }
    study
}

/// The same values as two blocks, each with a baseline of its own, with a label that is markup.
fn blocked() -> ExperimentResults {
    let mut study = hostile();
    study.plan.compare.within = vec!["axis.0".into()];
    let planned = &mut study.plan.studies[0];
    planned.axes[0].levels = vec!["a_b".into(), "50%".into()];
    for (i, variant) in planned.variants.iter_mut().enumerate() {
        variant.levels[0] = ["a_b", "50%"][i / 2].into();
        let label = if i % 2 == 0 { "baseline" } else { "lr_max & {a}" };
        let name = if i % 2 == 0 { "baseline" } else { "lr" };
        variant.method = Some(Method { label: label.into(), name: name.into() });
    }
    study
}

/// A TeX engine with booktabs, and the arguments with which it reads a file without asking.
fn engine(home: &Path) -> Option<Command> {
    let has = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output();
        output.is_ok_and(|output| output.status.success())
    };
    let pdflatex = has("pdflatex", &["--version"]) && has("kpsewhich", &["booktabs.sty"]);
    let (program, arguments) = if pdflatex {
        (
            "pdflatex",
            &["-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape"][..],
        )
    } else if has("tectonic", &["--version"]) {
        ("tectonic", &["--only-cached"][..])
    } else {
        skipped("it needs pdflatex with booktabs, or tectonic");
        return None;
    };
    let mut command = Command::new(program);
    command.args(arguments).arg("paper.tex").current_dir(home);
    Some(command)
}

#[test]
fn the_tables_compile() {
    for (name, study) in [("example", example()), ("hostile", hostile()), ("blocks", blocked())] {
        let home = tempfile::tempdir().unwrap();
        let Some(mut engine) = engine(home.path()) else { return };
        let tables = text(&study, Format::Latex);
        std::fs::write(home.path().join("tables.tex"), &tables).unwrap();
        // The sentences are comments in the file; they must compile as well when they are used.
        let after = tables.split_once("\\end{table}\n").unwrap().1;
        let sentences: Vec<&str> =
            after.lines().filter_map(|line| line.strip_prefix("% ")).collect();
        assert!(sentences.len() >= 4, "{sentences:?}");
        let sentences = sentences.join("\n");
        let paper = format!(
            "\\documentclass{{article}}\n\\usepackage{{booktabs}}\n\\begin{{document}}\n\\input{{tables}}\n{sentences}\n\
             \\end{{document}}\n"
        );
        std::fs::write(home.path().join("paper.tex"), paper).unwrap();
        let output = engine.output().unwrap();
        let log = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{name}: {log}\n{tables}");
        assert!(home.path().join("paper.pdf").is_file(), "{name}: {log}");
        assert!(!log.contains("Missing character"), "{name}: {log}");
    }
}

#[test]
fn a_table_for_a_paper_says_what_it_shows() {
    let latex = text(&example(), Format::Latex);
    for part in [
        "\\caption{Test NLL (nats per image), lower is better: mean over 8 seeds $\\pm$ half of the 95 \\% Student t interval.",
        "corrected over 3 comparisons by step-down max-T (Westfall and Young 1993)",
        "Bold: may be the best (not ruled out by one-sided joint sign-flip tests at level 0.05).",
        "\\label{tab:made-up}",
        "\\textbf{l1} & 8 & \\textbf{",
        "    l3 & 0 of 8 &  &  &  &  &  &  &  &  &  &  & no pairs \\\\",
    ] {
        assert!(latex.contains(part), "{part} is not in\n{latex}");
    }
    assert!(!latex.contains("\\textbf{baseline}"), "{latex}");
    let markdown = text(&example(), Format::Markdown);
    for part in [
        "| **l1** ",
        "| variant ",
        "- l1: ",
        " from baseline on 8 common seeds (p, max-T = 0.0078): better",
    ] {
        assert!(markdown.contains(part), "{part} is not in\n{markdown}");
    }
    let widths: Vec<usize> = markdown
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(|l| l.chars().count())
        .collect();
    assert!(
        widths.len() == 6 && widths.iter().all(|width| *width == widths[0]),
        "{markdown}"
    );
}

#[test]
fn a_study_over_blocks_is_a_second_table() {
    let latex = text(&blocked(), Format::Latex);
    let tables: Vec<&str> = latex.split("\\begin{table}").skip(1).collect();
    assert_eq!(tables.len(), 2, "{latex}");
    let over = tables[1];
    for part in [
        "\\caption{Over 2 blocks of axis.0: ",
        "\\label{tab:made-up-blocks}",
        "% lr\\_max \\& \\{a\\}: better in 1, worse in 0, undecided in 0 of 2 blocks, mean rank ",
    ] {
        assert!(over.contains(part), "{part} is not in\n{over}");
    }
    let body = over
        .split("\\midrule\n")
        .nth(1)
        .unwrap()
        .split("    \\bottomrule")
        .next()
        .unwrap();
    assert_eq!(body.lines().count(), 2, "{over}");
    for line in body.lines() {
        let columns = line.replace("\\&", "").matches('&').count() + 1;
        assert_eq!(columns, 1 + 3 + 1 + 2 + 2 + 1, "{line}");
    }
    let markdown = text(&blocked(), Format::Markdown);
    assert!(
        markdown.contains("**made-up, over blocks.** Over 2 blocks of axis.0"),
        "{markdown}"
    );
    assert!(markdown.contains("| lr\\_max \\& {a} "), "{markdown}");
}

/// Each row has as many columns as the head, whatever it lacks.
#[test]
fn every_row_of_the_latex_table_has_every_column() {
    for study in [example(), hostile()] {
        let latex = text(&study, Format::Latex);
        let body = latex.split("\\midrule\n").nth(1).unwrap().split("    \\bottomrule").next();
        for line in body.unwrap().lines() {
            let columns = line.replace("\\&", "").matches('&').count() + 1;
            assert_eq!(columns, 2 + 4 + 4 + 2 + 1, "{line}");
        }
    }
}

#[test]
fn every_format_is_printed_and_holds_the_numbers_of_the_table() {
    let place = Place::with(
        r#"
        seeds  = 6
        data   = { name = "digits", train = 100, valid = 20, test = 30, size = 8 }
        model  = { hidden = [10] }
        train  = { epochs = 1, batch = 20 }
        sample = { count = 0 }
        [axes]
        model.masks = [1, 2]
        "#,
    );
    place.exits(0, "sweep small.toml");
    let home = place.path("");
    let csv = ablade(&home, "compare small --format csv");
    assert_eq!(csv, place.read("results/small/ablation.csv"));
    let latex = ablade(&home, "compare small --format latex");
    assert_eq!(latex, place.read("results/small/tables.tex"));
    assert!(ablade(&home, "compare small --format markdown").contains("| masks 2 "));
    let json: Value = serde_json::from_str(&ablade(&home, "compare small --format json")).unwrap();
    let rows = json["studies"][0]["rows"].as_array().unwrap();
    let table = place.table("ablation.csv");
    assert_eq!((rows.len(), table.len()), (2, 2));
    for (row, cells) in rows.iter().zip(&table) {
        for (column, cell) in cells {
            match &row[column] {
                Value::Null => assert_eq!(cell, "", "{column}"),
                Value::Number(number) => {
                    let cell: f64 = cell.parse().unwrap();
                    assert_eq!(number.as_f64().unwrap(), cell, "{column}");
                }
                Value::Bool(flag) => assert_eq!(cell, if *flag { "yes" } else { "no" }, "{column}"),
                Value::String(text) => assert_eq!(text, cell, "{column}"),
                other => panic!("{column}: {other}"),
            }
        }
        assert!(row["sentence"].as_str().unwrap().starts_with(row["label"].as_str().unwrap()));
    }
    let moved = ablade(&home, "compare small --format latex --baseline masks-2");
    assert!(moved.contains("from masks 2, the baseline"), "{moved}");
    let (_, err) = place.exits(2, "compare small --format word");
    assert!(
        ["latex", "markdown", "csv", "json"].iter().all(|name| err.contains(name)),
        "{err}"
    );
    let (_, err) = place.exits(2, "compare small --format latex --checklist");
    assert!(err.contains("cannot be used with"), "{err}");
}
