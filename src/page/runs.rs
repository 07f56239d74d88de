//! Table of a study's runs: each has an anchor, and the script opens its view.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::anchor::Anchors;
use super::data;
use crate::figures::view::View;
use crate::text::{duration, estimate};

/// Number of rows up to which the table is unfolded.
const OPEN: usize = 30;

/// The table of all runs.
pub(super) fn table(view: &View, anchors: &mut Anchors, home: &str) -> Markup {
    let with_epochs =
        (view.variants.iter().flat_map(|v| &v.replicates)).any(|r| !r.record.epochs.is_empty());
    let rows = view.variants.iter().enumerate().flat_map(|(v, variant)| {
        variant.replicates.iter().map(move |replicate| (v, variant, replicate))
    });
    let count = rows.clone().count();
    html! {
        h3 id=(home) { "Runs" }
        p.muted {
            "Every run has its directory, " code { "runs/ID" } " in the results."
            span.script { " A run opens with its settings, curve, samples and log." }
        }
        details open[count <= OPEN] {
            summary { "All " (count) }
            div.wrap tabindex="0" role="group" aria-label="Table of runs" {
                table data-part="runs" {
                    thead {
                        tr {
                            th.l scope="col" { "variant" }
                            th scope="col" { "seed" }
                            th.l scope="col" { "run" }
                            th.l scope="col" { "status" }
                            th scope="col" { (view.family()) }
                            @if with_epochs { th scope="col" { (view.step_word().to_lowercase()) "s" } }
                            th scope="col" { "time" }
                        }
                    }
                    tbody {
                        @for (v, variant, r) in rows {
                            tr id=[anchors.run(r.spec.id.as_str())] data-variant=(v) {
                                td.l { (variant.label) }
                                td { (r.seed.0) }
                                td.l { a href={ "#run/" (r.spec.id) } { code { (r.spec.id) } } }
                                td.l { (r.record.status.word()) @if let Some(why) = &r.record.error { ": " (why) } }
                                td { @if let Some(score) = r.score { (estimate(score, None)) } }
                                @if with_epochs { td { @if let Some(row) = r.record.epochs.last() { (row.epoch) } } }
                                td { @if let Some(timing) = &r.record.timing { (duration(timing.seconds)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Settings in which variants differ: of the baseline all of them, of the others what is not as in
/// the baseline.
pub(super) fn settings(view: &View, anchor: &str) -> Markup {
    let (common, own) = data::settings(view);
    let reference = view.baseline.unwrap_or(0);
    let Some(baseline) = own.get(reference).filter(|_| own.len() > 1) else {
        return all(view, anchor, &common);
    };
    let changed = |v: usize| -> Vec<(&String, Option<&String>)> {
        let paths = own[v].keys().chain(baseline.keys().filter(|path| !own[v].contains_key(*path)));
        let values = paths.map(|path| (path, own[v].get(path)));
        values
            .filter(|(path, value)| v == reference || *value != baseline.get(*path))
            .collect()
    };
    html! {
        h3 id=(anchor) { "Settings that differ" }
        div.wrap tabindex="0" role="group" aria-label="Table of settings" {
            table data-part="settings" {
                thead { tr { th.l scope="col" { "variant" } th.l scope="col" { "unlike " (view.variants[reference].label) } } }
                tbody {
                    @for (v, variant) in view.variants.iter().enumerate() {
                        tr data-variant=(v) {
                            td.l { (variant.label) @if v == reference { " " span.muted { "(all that differ)" } } }
                            td.l.many {
                                @for (i, (path, value)) in changed(v).into_iter().enumerate() {
                                    @if i > 0 { ", " }
                                    code { (path) " = " (value.map_or("\u{2013}", String::as_str)) }
                                }
                            }
                        }
                    }
                }
            }
        }
        (shared(&common))
    }
}

fn all(view: &View, anchor: &str, common: &BTreeMap<String, String>) -> Markup {
    if view.variants.is_empty() {
        return Markup::default();
    }
    html! { h3 id=(anchor) { "Settings" } (shared(common)) }
}

fn shared(common: &BTreeMap<String, String>) -> Markup {
    html! {
        @if !common.is_empty() {
            details {
                summary { "Settings that all variants share" }
                dl { @for (path, value) in common { dt { code { (path) } } dd { code { (value) } } } }
            }
        }
    }
}
