//! The table in LaTeX: `table` and `tabular` with the package booktabs and no other.
//!
//! Numbers are split at the decimal point into two columns, right- and left-aligned, so that points
//! line up without a package, and in bold as well.

use super::blocks::BlocksPaper;
use super::{Measured, Paper, Row};

/// All tables, to be read by `\input`.
pub(super) fn document(
    experiment: &str,
    papers: impl Iterator<Item = (Paper, Option<BlocksPaper>)>,
) -> String {
    let mut out = format!(
        "% Tables of the experiment {experiment}, written by ablade. They need \\usepackage{{booktabs}} in the preamble;\n\
         % \\input{{tables}} puts them here. The comments below each table say the same in words.\n"
    );
    for (paper, over) in papers {
        out += "\n";
        out += &table(experiment, &paper);
        if let Some(over) = over {
            out += "\n";
            out += &table_over_blocks(experiment, &over);
        }
    }
    out
}

/// The whole float: `body` is each row's cells, `comments` a sentence each.
fn float(
    (caption, label): (&str, &str),
    columns: &str,
    head: &str,
    body: impl Iterator<Item = Vec<String>>,
    comments: impl Iterator<Item = String>,
) -> String {
    let mut out = format!(
        "\\begin{{table}}\n  \\centering\n  \\caption{{{}}}\n  \\label{{tab:{label}}}\n  \
         \\begin{{tabular}}{{@{{}}{columns}@{{}}}}\n    \\toprule\n    {head} \\\\\n    \\midrule\n",
        escaped(caption),
    );
    for cells in body {
        out += &format!("    {} \\\\\n", cells.join(" & "));
    }
    out += "    \\bottomrule\n  \\end{tabular}\n\\end{table}\n";
    for sentence in comments {
        out += &format!("% {}\n", escaped(&sentence));
    }
    out
}

/// Label of a study's table.
fn label(experiment: &str, study: &str) -> String {
    match study == experiment {
        true => experiment.to_owned(),
        false => format!("{experiment}-{study}"),
    }
}

fn table(experiment: &str, paper: &Paper) -> String {
    let compared = paper.is_compared();
    let measured = "r@{}l@{}r@{}l";
    let (columns, heads) = if compared {
        (
            format!(" {measured} r@{{}}l l"),
            " & \\multicolumn{4}{c}{Difference} & \\multicolumn{2}{c}{$p$} & Verdict",
        )
    } else {
        (String::new(), "")
    };
    float(
        (&paper.caption, &label(experiment, &paper.study)),
        &format!("l r {measured}{columns}"),
        &format!("Variant & $n$ & \\multicolumn{{4}}{{c}}{{{}}}{heads}", escaped(&paper.metric)),
        paper.rows.iter().map(|row| cells(row, compared)),
        paper.rows.iter().map(|row| row.sentence.clone()),
    )
}

fn table_over_blocks(experiment: &str, over: &BlocksPaper) -> String {
    let cells = |row: &super::blocks::BlocksRow| {
        let mut cells = vec![escaped(&row.label)];
        cells.extend(row.outcomes.clone());
        cells.push(row.mean_rank.clone());
        cells.extend(row.joint.as_deref().map(split).unwrap_or_default());
        cells.extend(probability(row.p.as_deref()));
        cells.push(escaped(&row.verdict));
        cells
    };
    float(
        (&over.caption, &format!("{}-blocks", label(experiment, &over.study))),
        "l r r r r r@{}l r@{}l l",
        "Variant & Better & Worse & Undecided & Mean rank & \\multicolumn{2}{c}{Joint} & \\multicolumn{2}{c}{$p$} & Verdict",
        over.rows.iter().map(cells),
        over.rows
            .iter()
            .map(|row| row.sentence.clone())
            .chain(over.ranks.iter().cloned()),
    )
}

/// The comparison of two experiments; the first cell of a row is text, the others are numbers.
pub(super) fn comparison(
    names: [&str; 2],
    caption: &str,
    rows: &[Vec<String>],
    remarks: &[String],
) -> String {
    let number = "r@{}l";
    let head = names.map(|name| format!("\\multicolumn{{2}}{{c}}{{{}}}", escaped(name)));
    let cells = |row: &Vec<String>| {
        let (label, numbers) = row.split_first().expect("a label");
        let (counts, values) = numbers.split_at(2);
        let mut cells = vec![escaped(label)];
        cells.extend(counts.iter().cloned());
        cells.extend(values.iter().flat_map(|value| split(value)));
        cells
    };
    let introduction = "% Written by ablade. It needs \\usepackage{booktabs} in the preamble.\n";
    let table = float(
        (caption, &format!("{}-{}", names[0], names[1])),
        &format!("l r r {number} {number} {number}"),
        &format!(
            "Variant & Seeds & Changed & {} & \\multicolumn{{2}}{{c}}{{Change}}",
            head.join(" & ")
        ),
        rows.iter().map(cells),
        remarks.iter().cloned(),
    );
    introduction.to_owned() + &table
}

fn cells(row: &Row, compared: bool) -> Vec<String> {
    let bold = |text: String| {
        if row.is_bold && !text.is_empty() {
            format!("\\textbf{{{text}}}")
        } else {
            text
        }
    };
    let mut cells = vec![bold(escaped(&row.label)), row.n.clone()];
    let [whole, rest, half @ ..] = measured(row.mean.as_ref());
    cells.extend([bold(whole), bold(rest)]);
    cells.extend(half);
    if compared {
        cells.extend(measured(row.difference.as_ref()));
        cells.extend(probability(row.p.as_deref()));
        cells.push(escaped(&row.verdict));
    }
    cells
}

/// Parts before and from the decimal point of a value and of half its interval.
fn measured(value: Option<&Measured>) -> [String; 4] {
    let half = value.and_then(|value| value.half.as_deref());
    let [whole, rest] = value.map_or_else(Default::default, |value| split(&value.value));
    let [half, half_rest] = half.map_or_else(Default::default, |half| {
        let [whole, rest] = split(half);
        [format!("${{}}\\pm{{}}${whole}"), rest]
    });
    [whole, rest, half, half_rest]
}

/// A number before and from its decimal point; its sign becomes that of mathematics.
fn split(number: &str) -> [String; 2] {
    let (whole, rest) = number.split_at(number.find('.').unwrap_or(number.len()));
    let whole = match (whole.strip_prefix('-'), whole.strip_prefix('+')) {
        (Some(digits), _) => format!("$-${digits}"),
        (_, Some(digits)) => format!("$+${digits}"),
        _ => whole.to_owned(),
    };
    [whole, rest.to_owned()]
}

fn probability(p: Option<&str>) -> [String; 2] {
    match p.map(|p| (p, p.split_once('e'))) {
        None => Default::default(),
        Some((_, Some((digits, exponent)))) => {
            [format!("${digits} \\times 10^{{{exponent}}}$"), String::new()]
        }
        Some((p, None)) => split(p),
    }
}

/// Text in which LaTeX reads no command. Letters that LaTeX without further packages has no glyph
/// for are written by their code, as `U+4E2D`.
fn escaped(text: &str) -> String {
    let (mut out, mut before) = (String::new(), ' ');
    // After the end of a row, LaTeX takes these for arguments of the row.
    if text.starts_with(['[', '*']) {
        out += "{}";
    }
    for c in text.chars() {
        match c {
            '\\' => out += "\\textbackslash{}",
            '~' => out += "\\textasciitilde{}",
            '^' => out += "\\textasciicircum{}",
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => out.extend(['\\', c]),
            '<' | '>' => out += &format!("${c}$"),
            '|' => out += "$\\vert$",
            '"' => out += "\\char34{}",
            ' '..='~' => {
                // Of the ligatures of hyphens, commas and quotes, none is meant.
                let joins = match c {
                    '-' | '\'' | ',' => before == c,
                    '`' => matches!(before, '`' | '!' | '?'),
                    _ => false,
                };
                out += if joins { "{}" } else { "" };
                out.push(c);
            }
            _ => out += &beyond_ascii(c),
        }
        before = c;
    }
    out
}

/// Greek letters that have a command, in the order of Unicode from alpha.
const GREEK: [&str; 25] = [
    "alpha",
    "beta",
    "gamma",
    "delta",
    "epsilon",
    "zeta",
    "eta",
    "theta",
    "iota",
    "kappa",
    "lambda",
    "mu",
    "nu",
    "xi",
    "mathrm{o}",
    "pi",
    "rho",
    "varsigma",
    "sigma",
    "tau",
    "upsilon",
    "phi",
    "chi",
    "psi",
    "omega",
];

fn beyond_ascii(c: char) -> String {
    let command = match c {
        '\u{b1}' => "\\pm",
        '\u{d7}' => "\\times",
        '\u{b7}' => "\\cdot",
        '\u{2212}' => "-",
        '\u{2192}' => "\\to",
        '\u{2190}' => "\\leftarrow",
        '\u{2264}' => "\\leq",
        '\u{2265}' => "\\geq",
        '\u{2260}' => "\\neq",
        '\u{2248}' => "\\approx",
        '\u{221e}' => "\\infty",
        '\u{b2}' => "^2",
        '\u{b3}' => "^3",
        '\u{b5}' => "\\mu",
        '\u{394}' => "\\Delta",
        '\u{2013}' => return "--".to_owned(),
        '\u{2014}' => return "---".to_owned(),
        '\u{2018}' => return "`".to_owned(),
        '\u{2019}' => return "'".to_owned(),
        '\u{201c}' => return "``".to_owned(),
        '\u{201d}' => return "''".to_owned(),
        '\u{2026}' => return "\\dots{}".to_owned(),
        '\u{a0}' => return "~".to_owned(),
        '\u{3b1}'..='\u{3c9}' => {
            return format!("$\\{}$", GREEK[c as usize - 0x3b1]);
        }
        // Letters of western and central Europe that accents of the standard fonts can write.
        '\u{c0}'..='\u{cf}'
        | '\u{d1}'..='\u{d6}'
        | '\u{d8}'..='\u{dd}'
        | '\u{df}'..='\u{ef}'
        | '\u{f1}'..='\u{f6}'
        | '\u{f8}'..='\u{fd}'
        | '\u{ff}' => return c.to_string(),
        _ => return format!("\\texttt{{U+{:04X}}}", c as u32),
    };
    format!("${command}$")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Braces of a label are balanced, and no command is left that was not put there.
        #[test]
        fn a_label_holds_no_command(label in "\\PC{0,30}") {
            let text = escaped(&label);
            let (mut depth, mut before) = (0i32, ' ');
            for c in text.chars() {
                match c {
                    '{' if before != '\\' => depth += 1,
                    '}' if before != '\\' => depth -= 1,
                    '%' | '&' | '#' | '_' => prop_assert_eq!(before, '\\', "{}", text),
                    _ => {}
                }
                prop_assert!(depth >= 0, "{text}");
                before = c;
            }
            prop_assert_eq!(depth, 0, "{}", text);
        }
    }

    #[test]
    fn numbers_are_split_at_their_point() {
        assert_eq!(split("-0.52"), ["$-$0", ".52"]);
        assert_eq!(split("+12"), ["$+$12", ""]);
        assert_eq!(probability(Some("0.0039")), ["0", ".0039"]);
        assert_eq!(probability(Some("1e-5")), ["$1 \\times 10^{-5}$", ""]);
        assert_eq!(escaped("50% of lr_max & {a}"), "50\\% of lr\\_max \\& \\{a\\}");
        assert_eq!(escaped("a--b ``c'' max-T"), "a-{}-b `{}`c'{}' max-T");
        assert_eq!(escaped("\u{3c9} \u{4e2d}"), "$\\omega$ \\texttt{U+4E2D}");
    }
}
