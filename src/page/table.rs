//! Ablation table with a picture of every interval.

use maud::{Markup, Render, html};

use crate::figures::view::{MeanInterval, View, reach};
use crate::plan::Correction;
use crate::results::ablation::{Ablation, AblationRow};
use crate::results::crossed::narrower_with;
use crate::stats::Crossed;
use crate::text::{capitalised, difference, estimate, p_value, percent, typeset};

/// The table, sortable by every column except that of the pictures.
pub(super) fn ablation(view: &View, table: &Ablation, anchor: &str) -> Markup {
    let mut ranges = vec![None; table.rows.len()];
    for block in &table.blocks {
        let own = range(block.variants.iter().map(|&v| &table.rows[v]));
        for &v in &block.variants {
            ranges[v] = own;
        }
    }
    let notes: Vec<&AblationRow> = table.rows.iter().filter(|row| !row.note.is_empty()).collect();
    html! {
        h3 id=(anchor) { "Variants" }
        p.muted {
            "Mean " (view.metric_name())
            " over seeds" (view.in_unit()) ", "
            (view.direction().to_lowercase().trim_end_matches('.'))
            ", and its paired difference to the baseline"
            @if table.blocks.len() > 1 { " of its block" }
            "; \u{b1} is half of a "
            (percent(table.level))
            " % t interval over seeds. p: two-sided " (table.test.words()) (correction(table.correction))
            "."
            span.script { " Untick a variant to leave it out of the charts." }
        }
        @if let Some(words) = table.equivalence_words() { p.muted { (capitalised(&words)) "." } }
        @if let Some(remark) = table.metric_remark { p.muted { (view.metric_name()) ": " (remark) "." } }
        div.bar.script {
            button type="button" data-part="all" { "All" }
            button type="button" data-part="none" { "None" }
        }
        div.wrap tabindex="0" role="group" aria-label="Table of variants" {
            table data-part="table" {
                thead { tr { (heads(view, table)) } }
                tbody {
                    @for (i, row) in table.rows.iter().enumerate() { (table_row(view, i, row, ranges[i])) }
                }
            }
        }
        @if let Some(best) = table.best_in_words() { p { (best) } }
        (external(view, table))
        @if !notes.is_empty() {
            details {
                summary { "Notes on the rows" }
                ul { @for row in notes { li { (row.label) ": " (row.note) } } }
            }
        }
        (crossed(view, table))
    }
}

/// Differences with intervals over seeds and test examples at once, where runs left the metric of
/// each example.
fn crossed(view: &View, table: &Ablation) -> Markup {
    let found: Vec<(&AblationRow, Crossed)> =
        (table.rows.iter()).filter_map(|row| Some((row, row.delta?.crossed?))).collect();
    let Some((_, first)) = found.first() else { return Markup::default() };
    let examples = &view.metrics.examples;
    html! {
        details {
            summary { "Other seeds and another test set at once" }
            p.muted {
                "Half of a " (percent(table.level)) " % interval over the seeds and the "
                (typeset(first.examples as f64, 0)) " test " (examples)
                ", and what would make it narrower."
            }
            ul {
                @for (row, crossed) in &found {
                    li {
                        (row.label) ": "
                        (difference(crossed.mean, Some(crossed.interval.high - crossed.mean)))
                        ", " (narrower_with(crossed, view.metrics))
                    }
                }
            }
        }
    }
}

/// Results of other tools, compared with the baseline.
fn external(view: &View, table: &Ablation) -> Markup {
    if table.external.is_empty() {
        return Markup::default();
    }
    let measured = |estimate: Option<crate::stats::Estimate>| {
        estimate.as_ref().map(MeanInterval::of).map(|e| (e.mean, e.half))
    };
    html! {
        h3 { "Results of other tools" }
        div.wrap tabindex="0" role="group" aria-label="Results of other tools" {
            table {
                thead {
                    tr {
                        th.l scope="col" { "tool" }
                        @for head in ["n", view.family(), "difference", "p"] { th scope="col" { (head) } }
                        th.l scope="col" { "verdict" }
                    }
                }
                tbody {
                    @for row in &table.external {
                        tr {
                            td.l { (row.label) }
                            td { (row.planned) }
                            td { @if let Some((mean, half)) = measured(row.estimate) { (estimate(mean, half)) } }
                            td { @if let Some((mean, half)) = measured(row.difference()) { (difference(mean, half)) } }
                            td { @if let Some((p, corrected)) = row.p() { (p_value(corrected.unwrap_or(p))) } }
                            td.l { (row.conclusion()) }
                        }
                    }
                }
            }
        }
        ul { @for row in &table.external { li { (row.label) ": " (row.note) } } }
    }
}

fn correction(correction: Correction) -> &'static str {
    match correction {
        Correction::MaxT => ", corrected over the variants by step-down max-T",
        Correction::Holm => ", corrected for the number of variants by Holm's method",
        Correction::None => "",
    }
}

fn heads(view: &View, table: &Ablation) -> Markup {
    let metrics = view.metrics;
    let sortable = |head: &dyn Render| html! { button type="button" { (*head) } };
    let size = metrics.size.as_ref();
    html! {
        @for head in ["variant", "n", view.family(), "difference"] {
            th scope="col" { (sortable(&head)) }
        }
        th.l scope="col" { span.unseen { "interval of the difference" } }
        th scope="col" { (sortable(&table.correction.heading())) }
        th.l scope="col" { (sortable(&"verdict")) }
        th scope="col" { (sortable(&html! { "d" sub { "z" } })) }
        th scope="col" { (sortable(&"wins : losses")) }
        @if let Some(size) = size { th scope="col" { (sortable(size)) } }
        th scope="col" { (sortable(&"s a run")) }
    }
}

fn table_row(view: &View, i: usize, row: &AblationRow, range: Option<(f64, f64)>) -> Markup {
    let estimate = row.estimate.as_ref().map(MeanInterval::of);
    let n = row.estimate.map_or(0, |e| e.n);
    let missing = view.variants[i].missing();
    let paired = row.delta.as_ref().map(|delta| &delta.paired);
    let change = paired.map(|p| MeanInterval::of(&p.difference));
    let p = row.delta.as_ref().map(|d| d.p_corrected.unwrap_or(d.paired.test.p));
    let verdict = row.conclusion();
    html! {
        tr data-variant=(i) class=[view.look(i).hue.map(|hue| format!("k{hue}"))] {
            (word(&row.label, html! {
                label.variant {
                    input.script type="checkbox" checked;
                    span.dot {}
                    (row.label)
                }
            }))
            (number(Some((n as f64, html! {
                (n)
                @if !missing.is_empty() { " " span.muted { "(" (missing) ")" } }
            }))))
            (number(estimate.map(|e| (e.mean, e.words()))))
            (number(change.map(|d| (d.mean, difference(d.mean, d.half)))))
            (word("", interval_picture(i, view, row, range)))
            (number(p.map(|p| (p, p_value(p)))))
            (word(&verdict, &verdict))
            (number(paired.and_then(|paired| paired.dz).map(|dz| (dz, typeset(dz, 2)))))
            (number(paired.map(|paired| {
                let (wins, losses) = (paired.wins, paired.losses);
                (wins as f64 - losses as f64, format!("{wins} : {losses}"))
            })))
            @if view.metrics.size.is_some() { (number(row.size.map(|n| (n as f64, typeset(n as f64, 0))))) }
            (number(row.seconds.map(|s| (s, typeset(s, usize::from(s < 100.0))))))
        }
    }
}

/// Left-aligned cell, with the key by which its column is sorted.
fn word(key: &str, content: impl Render) -> Markup {
    html! { td.l data-k=(key) { (content) } }
}

/// Right-aligned cell, with the value by which its column is sorted and its text; empty without
/// one.
fn number<R: Render>(cell: Option<(f64, R)>) -> Markup {
    let (key, text) = cell.map(|(value, text)| (value.to_string(), text)).unzip();
    html! { td class="" data-k=(key.unwrap_or_default()) { @if let Some(text) = text { (text) } } }
}

/// Range of the pictures of differences of a block, which includes zero.
fn range<'a>(rows: impl Iterator<Item = &'a AblationRow>) -> Option<(f64, f64)> {
    let changes = rows.filter_map(|row| row.delta.as_ref());
    let changes = changes.map(|delta| MeanInterval::of(&delta.paired.difference));
    reach(&changes.chain([MeanInterval { mean: 0.0, half: None }]).collect::<Vec<_>>())
}

/// Left and right edge of the picture of an interval.
const EDGES: (f64, f64) = (1.0, 119.0);

fn interval_picture(i: usize, view: &View, row: &AblationRow, range: Option<(f64, f64)>) -> Markup {
    let (Some(delta), Some((lo, hi)), Some(baseline)) = (&row.delta, range, view.references[i])
    else {
        return Markup::default();
    };
    // What is beyond the picture is at its edge: an interval with an arrow head, a seed as a
    // triangle.
    let at = |value: f64| 5.0 + 110.0 * (value - lo) / (hi - lo).max(1e-9);
    let x = |value: f64| format!("{:.1}", at(value).clamp(EDGES.0, EDGES.1));
    let color = "var(--own)";
    let difference = &delta.paired.difference;
    let head = |value: f64, y: f64, size: f64, fill: &str| {
        let (edge, inwards) = match at(value) {
            place if place < EDGES.0 => (EDGES.0, size),
            place if place > EDGES.1 => (EDGES.1, -size),
            _ => return Markup::default(),
        };
        let (base, top, low) = (edge + inwards, y - 0.6 * size, y + 0.6 * size);
        let points = format!("{edge},{y} {base:.1},{top:.1} {base:.1},{low:.1}");
        html! { polygon points=(points) fill=(fill) {} }
    };
    html! {
        svg width="120" height="20" viewBox="0 0 120 20" aria-hidden="true" {
            line x1=(x(0.0)) x2=(x(0.0)) y1="1" y2="19" stroke="var(--axis)" {}
            @if let Some(interval) = difference.interval {
                line x1=(x(interval.low)) x2=(x(interval.high)) y1="8" y2="8" stroke=(color)
                    stroke-width="2" {}
                (head(interval.low, 8.0, 5.0, color))
                (head(interval.high, 8.0, 5.0, color))
            }
            @for value in view.variants[i].differences(&view.variants[baseline]) {
                @if (EDGES.0..=EDGES.1).contains(&at(value)) {
                    circle cx=(x(value)) cy="15.5" r="1.7" fill="var(--muted)" {}
                } @else {
                    (head(value, 15.5, 3.5, "var(--muted)"))
                }
            }
            circle cx=(x(difference.mean)) cy="8" r="4" fill=(color) {}
        }
    }
}
