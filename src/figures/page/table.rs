//! The ablation table, with a picture of every interval.

use std::fmt::Write;

use super::html::{escape, half};
use crate::figures::scale::{difference, estimate, group, short};
use crate::figures::view::{Estimate, View, percent, reach};
use crate::plan::Correction;
use crate::results::ablation::{Ablation, AblationRow};

/// The table, sortable by every column.
pub(super) fn ablation(out: &mut String, view: &View, table: &Ablation) {
    let _ = writeln!(
        out,
        "<h3>Variants</h3>\n<p class=\"muted\">Mean {} over seeds{}, {}, and its paired \
         difference to the baseline; \u{b1} is half of a {} % t interval over seeds. p: two-sided sign-flip test{}. Untick \
         a variant to leave it out of the charts.</p>\n<div class=\"bar\"><button type=\"button\" data-part=\"all\">All\
         </button><button type=\"button\" data-part=\"none\">None</button></div>",
        view.metric_name(),
        view.in_unit(),
        view.direction().to_lowercase().trim_end_matches('.'),
        percent(table.level),
        match table.correction {
            Correction::MaxT => ", corrected over the variants by step-down max-T",
            Correction::Holm => ", corrected for the number of variants by Holm's method",
            Correction::None => "",
        }
    );
    let heads: [&str; 11] = [
        "variant",
        "n",
        &view.metrics.family,
        "difference",
        "",
        "d<sub>z</sub>",
        table.correction.heading(),
        "wins : losses",
        view.metrics.size.as_deref().unwrap_or_default(),
        "s a run",
        "verdict",
    ];
    out.push_str("<div class=\"wrap\"><table data-part=\"table\"><thead><tr>");
    for head in heads {
        let _ = match head {
            "" => write!(out, "<th scope=\"col\" class=\"l\"></th>"),
            "verdict" => write!(
                out,
                "<th scope=\"col\" class=\"l\"><button type=\"button\">{head}</button></th>"
            ),
            head => write!(out, "<th scope=\"col\"><button type=\"button\">{head}</button></th>"),
        };
    }
    out.push_str("</tr></thead><tbody>\n");
    let range = range(table);
    for (i, row) in table.rows.iter().enumerate() {
        table_row(out, view, i, row, range);
    }
    out.push_str("</tbody></table></div>\n");
    let notes: Vec<&AblationRow> = table.rows.iter().filter(|row| !row.note.is_empty()).collect();
    if !notes.is_empty() {
        out.push_str("<details><summary>Notes on the rows</summary><ul>");
        for row in notes {
            let _ = write!(out, "<li>{}: {}</li>", escape(&row.label), escape(&row.note));
        }
        out.push_str("</ul></details>\n");
    }
}

fn table_row(
    out: &mut String,
    view: &View,
    i: usize,
    row: &AblationRow,
    range: Option<(f64, f64)>,
) {
    let _ = write!(out, "<tr data-variant=\"{i}\">");
    let mut cell = |class: &str, key: &str, text: &str| {
        let _ = write!(out, "<td class=\"{class}\" data-k=\"{}\">{}</td>", escape(key), text);
    };
    let key = |value: Option<f64>| value.map(|v| v.to_string()).unwrap_or_default();
    let shown = |value: Option<f64>, text: &dyn Fn(f64) -> String| {
        value.map(|v| escape(&text(v))).unwrap_or_default()
    };
    let name = format!(
        "<label class=\"variant\"><input type=\"checkbox\" checked disabled><span class=\"dot k{}\"></span>{}</label>",
        i % 8,
        escape(&row.label)
    );
    cell("l", &row.label, &name);
    let n = row.estimate.map_or(0, |e| e.n);
    let missing = view.variants[i].missing();
    let count = if missing.is_empty() {
        n.to_string()
    } else {
        format!("{n} <span class=\"muted\">({})</span>", escape(&missing))
    };
    cell("", &n.to_string(), &count);
    let score = row.estimate.map(|e| estimate(e.mean, half(&e))).unwrap_or_default();
    cell("", &key(row.estimate.map(|e| e.mean)), &score);
    let change = row.delta.as_ref().map(|d| d.paired.difference);
    let text = change.map(|d| difference(d.mean, half(&d))).unwrap_or_default();
    cell("", &key(change.map(|d| d.mean)), &text);
    cell("l", "", &interval_picture(i, view, row, range));
    let paired = row.delta.as_ref().map(|d| &d.paired);
    let dz = paired.and_then(|p| p.dz);
    cell("", &key(dz), &shown(dz, &|v| group(v, 2)));
    let p = row.delta.as_ref().map(|d| d.p_corrected.unwrap_or(d.paired.test.p));
    cell("", &key(p), &shown(p, &|v| short(v)));
    let wins = paired.map(|p| format!("{} : {}", p.wins, p.losses)).unwrap_or_default();
    cell("", &key(paired.map(|p| p.wins as f64 - p.losses as f64)), &wins);
    let parameters = row.size.map(|n| n as f64);
    cell("", &key(parameters), &shown(parameters, &|v| group(v, 0)));
    cell(
        "",
        &key(row.seconds),
        &shown(row.seconds, &|v| group(v, usize::from(v < 100.0))),
    );
    let verdict = row.conclusion();
    cell("l", &verdict, &verdict);
    out.push_str("</tr>\n");
}

/// Range of the pictures of differences; zero is on it.
fn range(table: &Ablation) -> Option<(f64, f64)> {
    let changes = table
        .rows
        .iter()
        .filter_map(|row| row.delta.as_ref())
        .map(|delta| delta.paired.difference);
    let changes = changes.map(|d| Estimate { mean: d.mean, half: half(&d) });
    reach(&changes.chain([Estimate { mean: 0.0, half: None }]).collect::<Vec<_>>())
}

fn interval_picture(i: usize, view: &View, row: &AblationRow, range: Option<(f64, f64)>) -> String {
    let (Some(delta), Some((lo, hi)), Some(baseline)) = (&row.delta, range, view.baseline) else {
        return String::new();
    };
    let x = |value: f64| 5.0 + 110.0 * (value - lo) / (hi - lo).max(1e-9);
    let color = i % 8;
    let mut svg = String::from(
        "<svg width=\"120\" height=\"20\" viewBox=\"0 0 120 20\" aria-hidden=\"true\">",
    );
    let _ = write!(
        svg,
        "<line x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"1\" y2=\"19\" stroke=\"var(--axis)\"/>",
        x(0.0)
    );
    if let Some(interval) = delta.paired.difference.interval {
        let _ = write!(
            svg,
            "<line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"8\" y2=\"8\" stroke=\"var(--c{color})\" stroke-width=\"2\"/>",
            x(interval.low),
            x(interval.high)
        );
    }
    for value in view.variants[i].differences(&view.variants[baseline]) {
        let _ = write!(
            svg,
            "<circle cx=\"{:.1}\" cy=\"15.5\" r=\"1.7\" fill=\"var(--muted)\"/>",
            x(value)
        );
    }
    let _ = write!(
        svg,
        "<circle cx=\"{:.1}\" cy=\"8\" r=\"4\" fill=\"var(--c{color})\"/></svg>",
        x(delta.paired.difference.mean)
    );
    svg
}
