//! Section of one study: everything that needs no script.

use std::fmt::Write;

use maud::{Markup, html};

use super::blocks;
use super::document::Section;
use super::embed::{png_address, svg_address};
use super::reproduce::reproduce;
use super::table;
use crate::figures::Figure;
use crate::figures::view::{MeanInterval, View};
use crate::results::ablation::{Ablation, Verdict};
use crate::text::{difference, percent};
use crate::trainer::Better;

/// Figures that the page shows in another, interactive form.
const INTERACTIVE: [&str; 2] = ["loss", "samples"];

/// Section of the study with this index in the plan.
pub(super) fn section(id: &str, section: &Section, view: &View, index: usize) -> Markup {
    let plan = view.plan;
    let ablation = section.study.ablation(index);
    let over = section.study.over_blocks(index, &ablation);
    let headline = over
        .as_ref()
        .map_or_else(|| headline(view, &ablation), |over| blocks::headline(view, over));
    html! {
        section id=(id) {
            h2 { (view.planned.name) }
            @for question in [&plan.question, &view.planned.question] {
                @if !question.is_empty() { p.question { (question) } }
            }
            @for notes in [&plan.notes, &view.planned.notes] {
                @if !notes.is_empty() { p.muted.notes { (notes) } }
            }
            @for line in &plan.data { p.muted.data { @if view.plan.program.is_none() { "Data: " } (line) } }
            p.headline data-part="headline" { (headline) }
            (past(section, index))
            p.muted { (view.progress()) }
            (table::ablation(view, &ablation))
            @if let Some(over) = &over { (blocks::table(view, &ablation, over)) }
            (curves(view))
            @if !view.planned.axes.is_empty() {
                h3 { "Runs, axis by axis" }
                p.muted { "One line a run, coloured by variant; point at one to see which." }
                div.wrap data-part="parallel" {}
            }
            (section.own.markup(section.study, index))
            (figures(section, view))
            (settings(view))
            (reproduce(view, &section.study.checklist(index)))
        }
    }
}

/// State of the study, and what a reader must know of its past.
fn past(section: &Section, index: usize) -> Markup {
    let Some(past) = &section.study.past else { return Markup::default() };
    let study = &past.studies[index];
    let unregistered = study.registered.is_none();
    html! {
        @if unregistered {
            p.muted data-part="past" { "exploratory: no design was registered before the runs" }
        }
        @for note in study.notes() { p data-part="past" { (note) } }
        @for reason in &past.unreadable {
            p data-part="past" { "The record of the past is incomplete: " (reason) }
        }
        @let ledger = study.ledger(section.study.plan.program.is_some());
        @if !ledger.is_empty() { p.muted data-part="past" { (ledger) } }
    }
}

/// Result in a sentence: the best variant, and the evidence for it.
fn headline(view: &View, table: &Ablation) -> String {
    let scored = view.variants.iter().enumerate().filter_map(|(i, v)| Some((i, v.score(view)?)));
    let better = view.metric().better;
    let Some((best, score)) = scored.min_by(|a, b| better.order(a.1.mean, b.1.mean)) else {
        return "No run has finished yet.".into();
    };
    let row = &table.rows[best];
    let unit = &view.metric().unit.long;
    let lead = format!(
        "{} mean {}: {}, {}{}",
        match better {
            Better::Lower => "Lowest",
            Better::Higher => "Highest",
        },
        view.metric_name(),
        row.label,
        score.words(),
        if unit.is_empty() { String::new() } else { format!(" {unit}") }
    );
    match (row.verdict, &row.delta) {
        (Verdict::Baseline, _) => format!(
            "{lead}. That is the baseline: no variant is {} on average.",
            better.word().to_lowercase()
        ),
        (verdict, Some(delta)) => {
            let change = MeanInterval::of(&delta.paired.difference);
            let change = difference(change.mean, change.half);
            let evidence = match verdict {
                Verdict::Better => {
                    format!("better than the baseline{}, by evidence", row.survivors())
                }
                Verdict::BetterNegligible => format!(
                    "better than the baseline{}, by evidence, and by a negligible difference",
                    row.survivors()
                ),
                Verdict::Equivalent => {
                    format!("equivalent to the baseline{}, by evidence", row.survivors())
                }
                Verdict::TooFewSeeds => "too few seeds to tell it from the baseline".to_owned(),
                _ => row.conclusion(),
            };
            format!("{lead}; {change} against the baseline on the same seeds: {evidence}.")
        }
        (Verdict::NotComparable, None) => {
            format!("{lead}. It says nothing against the baseline: {}.", row.note)
        }
        (_, None) => format!("{lead}."),
    }
}

fn curves(view: &View) -> Markup {
    if view.held_out().is_none() {
        return Markup::default();
    }
    let options = [
        ("train", "train", "true"),
        ("band", "interval", "true"),
        ("seeds", "single seeds", "false"),
        // The logarithm of an accuracy shows nothing.
        (
            "log",
            "log scale",
            if view.metrics.family.is_empty() { "false" } else { "true" },
        ),
    ];
    let options = options
        .into_iter()
        .filter(|(option, _, _)| *option != "train" || view.metrics.training.is_some());
    html! {
        h3 { @if view.metrics.family.is_empty() { "Curves" } @else { "Loss curves" } }
        p.muted {
            "Solid: " (view.held_out().map_or("", |curve| &curve.words))
            @if view.metrics.training.is_some() { ", dashed: train" }
            "; mean over seeds with "
            (percent(view.plan.compare.level))
            " % t interval; thin lines: single seeds and runs that diverged."
        }
        div.bar role="group" aria-label="What the curves show" {
            @for (option, name, pressed) in options {
                button type="button" data-option=(option) aria-pressed=(pressed) { (name) }
            }
        }
        div data-part="curves" {}
    }
}

fn figures(section: &Section, view: &View) -> Markup {
    let own = || section.figures.iter().filter(|f| f.study == view.planned.name);
    let is_interactive = |figure: &&Figure| INTERACTIVE.contains(&figure.name.as_str());
    // The only study of an experiment has its name and no directory of its own.
    let (experiment, study) = (address(&view.plan.name), address(&view.planned.name));
    let home = if experiment == study {
        format!("./{study}")
    } else {
        format!("./{experiment}/{study}")
    };
    html! {
        @if own().next().is_some() { h3 { "Figures" } }
        @for figure in own().filter(|figure| !is_interactive(figure)) {
            figure.row {
                img.paper loading="lazy" width=(figure.pictures.size.0)
                    height=(figure.pictures.size.1) alt=(figure.caption) src=(picture(figure));
                figcaption { (figure.caption) " " (files(&home, figure)) }
            }
        }
        @if own().any(|figure| is_interactive(&figure)) {
            p.muted.files {
                "As files, too:"
                @for figure in own().filter(is_interactive) {
                    br;
                    (figure.title) ": " (files(&home, figure))
                }
            }
        }
    }
}

/// Links to the files of a figure.
fn files(home: &str, figure: &Figure) -> Markup {
    let stem = format!("{home}/{}", address(&figure.name));
    html! {
        @for format in figure.linked.iter().map(|format| format.word()) {
            a href={ (stem) "." (format) } { (format.to_uppercase()) }
            " "
        }
    }
}

/// A figure as a `data:` address: as SVG, or as PNG if that is smaller, as for grids of images.
fn picture(figure: &Figure) -> String {
    let drawing = svg_address(&figure.pictures.live_svg);
    let pixels = &figure.pictures.png;
    if pixels.len() * 4 / 3 < drawing.len() { png_address(pixels) } else { drawing }
}

/// A name as part of a relative address.
fn address(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => {
                out.push(char::from(byte));
            }
            byte => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}

fn settings(view: &View) -> Markup {
    if view.variants.is_empty() {
        return Markup::default();
    }
    let second = usize::from(view.variants.len() > 1);
    let first = view.baseline.unwrap_or(0);
    let other = if first == second { 0 } else { second };
    html! {
        h3 { "Settings that differ" }
        div.wrap {
            table {
                thead {
                    tr {
                        th scope="col" { "setting" }
                        th.l scope="col" { (choice(view, "left", first)) }
                        th.l scope="col" { (choice(view, "right", other)) }
                    }
                }
                tbody data-part="differences" {}
            }
        }
    }
}

/// A choice of one variant.
fn choice(view: &View, side: &str, chosen: usize) -> Markup {
    html! {
        select data-part=(side) aria-label="Variant" {
            @for (i, variant) in view.variants.iter().enumerate() {
                option value=(i) selected[i == chosen] { (variant.label) }
            }
        }
    }
}
