//! Section of one study: everything that needs no script.

use maud::{Markup, PreEscaped, html};

use super::anchor::{Anchors, address, path};
use super::blocks;
use super::controls;
use super::embed::png_address;
use super::reproduce::reproduce;
use super::runs;
use super::section::Section;
use super::table;
use crate::figures::Figure;
use crate::figures::view::{MeanInterval, View};
use crate::results::ablation::{Ablation, AblationRow, Verdict};
use crate::text::{capitalised, count, difference, percent};
use crate::trainer::Better;

/// Figures that the page shows in another, interactive form.
const INTERACTIVE: [&str; 2] = ["loss", "samples"];

/// Section of the study with this index in the plan.
pub(super) fn section(
    id: &str,
    section: &Section,
    view: &View,
    index: usize,
    anchors: &mut Anchors,
) -> Markup {
    let plan = view.plan;
    let ablation = section.study.ablation(index);
    let over = section.study.over_blocks(index, &ablation);
    let headline = over
        .as_ref()
        .map_or_else(|| headline(view, &ablation), |over| blocks::headline(view, over));
    let own = section.own.markup(section.study, index);
    let mut parts: Vec<(String, &str)> = Vec::new();
    let mut part = |name: &str, words: &'static str| {
        let anchor = anchors.part(id, name);
        parts.push((anchor.clone(), words));
        anchor
    };
    let variants = part("variants", "Variants");
    let curves_at = view.held_out().map(|_| part("curves", "Curves"));
    let axes = (!view.planned.axes.is_empty()).then(|| part("axes", "Axis by axis"));
    let samples = (!own.0.is_empty()).then(|| part("samples", "Samples"));
    let has_figures = section.figures.iter().any(|figure| figure.study == view.planned.name);
    let figures_at = has_figures.then(|| part("figures", "Figures"));
    let settings = part("settings", "Settings");
    let runs_at = part("runs", "Runs");
    let reproduce_at = part("reproduce", "How to reproduce");
    html! {
        section id=(id) data-study {
            h2 { (view.planned.name) " " a.up href="#top" { "to the top" } }
            @for question in [&plan.question, &view.planned.question] {
                @if !question.is_empty() { p.question { (question) } }
            }
            @for notes in [&plan.notes, &view.planned.notes] {
                @if !notes.is_empty() { p.muted.notes { (notes) } }
            }
            @for line in &plan.data { p.muted.data { @if view.plan.program.is_none() { "Data: " } (line) } }
            @for sentence in plan.left_out() { p.muted data-part="left-out" { (capitalised(&sentence)) } }
            p.headline data-part="headline" { (headline) }
            (past(section, index))
            @if let Some(outlook) = section.study.outlook(index, &ablation) {
                p data-part="outlook" { (outlook) }
            }
            p.muted { (view.progress()) }
            nav.parts aria-label={ "Parts of " (view.planned.name) } {
                @for (anchor, words) in &parts { a href={ "#" (anchor) } { (words) } " " }
            }
            (controls::filter(view))
            (table::ablation(view, &ablation, &variants))
            @if let Some(over) = &over { (blocks::table(view, &ablation, over)) }
            @if let Some(anchor) = &curves_at { (curves(section, view, anchor)) }
            @if let Some(anchor) = &axes {
                div.script {
                    h3 id=(anchor) { "Runs, axis by axis" }
                    p.muted { "One line a run. Point at a line to see which run it is, click to open it; arrow keys go from line to line." }
                    (controls::exports("parallel"))
                    div.wrap tabindex="0" role="group" aria-label="Runs, axis by axis" data-part="parallel" {}
                }
            }
            @if let Some(anchor) = &samples { div id=(anchor) { (own) } }
            @if let Some(anchor) = &figures_at { (figures(section, view, anchor)) }
            (runs::settings(view, &settings))
            (controls::two_variants(view))
            (runs::table(view, anchors, &runs_at))
            (reproduce(view, &section.study.checklist(index), &reproduce_at))
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
    let scores = view.variants.iter().enumerate().filter_map(|(i, v)| Some((i, v.score(view)?)));
    let scored = scores.clone().count();
    let better = view.metric().better;
    let Some((best, score)) = scores.min_by(|a, b| better.order(a.1.mean, b.1.mean)) else {
        return match view.outstanding() {
            0 => format!("No run has a value. {}", view.progress()),
            _ => "No run has finished yet.".to_owned(),
        };
    };
    let row = &table.rows[best];
    let unit = &view.metric().unit.long;
    let runs = match row.estimate {
        Some(estimate) if estimate.n < row.planned => {
            format!(" ({} of {})", estimate.n, count(row.planned, "run"))
        }
        _ => String::new(),
    };
    let lead = format!(
        "{} mean {}: {}, {}{}{runs}",
        match better {
            Better::Lower => "Lowest",
            Better::Higher => "Highest",
        },
        view.metric_name(),
        row.label,
        score.words(),
        if unit.is_empty() { String::new() } else { format!(" {unit}") }
    );
    let others = better_by_evidence(table, best);
    let sentence = match (row.verdict, &row.delta) {
        (Verdict::Baseline, _) if scored == 1 => {
            format!("{lead}. That is the baseline; no other variant has a value yet.")
        }
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
    };
    sentence + &others
}

/// Sentence on the variants besides the one with the best mean that are better than the baseline by
/// evidence; empty if there are none.
fn better_by_evidence(table: &Ablation, best: usize) -> String {
    const MOST_LABELS: usize = 5;
    let is_better =
        |row: &AblationRow| matches!(row.verdict, Verdict::Better | Verdict::BetterNegligible);
    let rows = table.rows.iter().enumerate().filter(|(i, row)| *i != best && is_better(row));
    let labels: Vec<&str> = rows.map(|(_, row)| row.label.as_str()).collect();
    let (shown, rest) = labels.split_at(labels.len().min(MOST_LABELS));
    if shown.is_empty() {
        return String::new();
    }
    let also = if is_better(&table.rows[best]) { "Also better" } else { "Better" };
    let more = if rest.is_empty() {
        String::new()
    } else {
        format!(", and {} more", rest.len())
    };
    format!(" {also} than the baseline, by evidence: {}{more}.", shown.join("; "))
}

/// Curves: the figure, in whose place the script draws a chart to work with.
fn curves(section: &Section, view: &View, anchor: &str) -> Markup {
    let loss = section
        .figures
        .iter()
        .find(|figure| figure.study == view.planned.name && figure.name == "loss");
    let has_curves = (view.variants.iter().flat_map(|v| &v.replicates))
        .any(|replicate| !replicate.record.epochs.is_empty());
    html! {
        h3 id=(anchor) { @if view.metrics.family.is_empty() { "Curves" } @else { "Loss curves" } }
        @if has_curves {
            p.muted {
                "Solid: " (view.held_out().map_or("", |curve| &curve.words))
                @if view.metrics.training.is_some() { ", dashed: train" }
                "; mean over seeds with "
                (percent(view.plan.compare.level))
                " % t interval; thin lines: single seeds and runs that diverged."
                span.script { " Click a line to open its run; arrow keys move the cursor." }
            }
            (controls::chart(view))
            (controls::exports("curves"))
            div.script data-part="grouped" hidden {}
            div data-part="curves" { @if let Some(figure) = loss { (drawing(figure)) } }
        } @else {
            p.muted { "No run has left a curve." }
        }
    }
}

fn figures(section: &Section, view: &View, anchor: &str) -> Markup {
    let own = || section.figures.iter().filter(|f| f.study == view.planned.name);
    let is_interactive = |figure: &&Figure| INTERACTIVE.contains(&figure.name.as_str());
    let home = format!("./{}", path(&view.plan.name, &view.planned.name));
    html! {
        h3 id=(anchor) { "Figures" }
        @for figure in own().filter(|figure| !is_interactive(figure)) {
            figure.row {
                (drawing(figure))
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
        @for word in figure.linked.iter().map(|format| format.word()) {
            @let name = word.to_uppercase();
            a href={ (stem) "." (word) } aria-label={ (figure.title) ", " (name) } { (name) }
            " "
        }
    }
}

/// A figure within the page: its drawing, or its pixels if they are smaller, as for grids of images.
fn drawing(figure: &Figure) -> Markup {
    let picture = &figure.pictures;
    let (width, height) = picture.size;
    html! {
        div.wrap.drawing tabindex="0" role="group" aria-label=(figure.title) {
            @if is_drawn(figure) {
                (PreEscaped(picture.live_svg.trim()))
            } @else {
                img width=(width) height=(height) alt=(figure.caption) src=(png_address(&picture.png));
            }
        }
    }
}

/// True if a figure is on the page as a drawing, not as pixels.
pub(super) fn is_drawn(figure: &Figure) -> bool {
    figure.pictures.live_svg.len() < figure.pictures.png.len() * 4 / 3
}
