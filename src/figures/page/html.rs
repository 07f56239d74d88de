//! The parts of the page that need no script.

use std::fmt::Write;

use super::{Section, base64, grids, reproduce, table};
use crate::figures::Figure;
use crate::figures::scale::{difference, estimate};
use crate::figures::view::{Estimate, View, percent};
use crate::results::ablation::{Ablation, Verdict};
use crate::stats;
use crate::trainer::Better;

pub(super) use crate::figures::draw::escape;

/// Figures that the page shows in a form of its own.
const INTERACTIVE: [&str; 2] = ["loss", "samples"];

/// A study in the table of contents.
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) question: String,
}

/// Links to the studies, where there are several.
pub(super) fn contents(studies: &[Entry]) -> String {
    if studies.len() < 2 {
        return String::new();
    }
    let links = studies.iter().map(|Entry { id, name, question }| {
        format!(
            "<li><a href=\"#{id}\">{}</a> <span class=\"muted\">{}</span></li>",
            escape(name),
            escape(question)
        )
    });
    format!("<nav aria-label=\"Studies\"><ul>{}</ul></nav>", links.collect::<String>())
}

/// One study.
pub(super) fn study(out: &mut String, id: &str, section: &Section, view: &View, table: &Ablation) {
    let plan = view.plan;
    let _ = writeln!(out, "<section id=\"{id}\">\n<h2>{}</h2>", escape(&view.planned.name));
    if !plan.question.is_empty() {
        let _ = writeln!(out, "<p class=\"question\">{}</p>", escape(&plan.question));
    }
    if !plan.notes.is_empty() {
        let _ = writeln!(out, "<p class=\"muted notes\">{}</p>", escape(&plan.notes));
    }
    for line in &plan.data {
        let _ = writeln!(out, "<p class=\"muted data\">Data: {}</p>", escape(line));
    }
    let _ = writeln!(
        out,
        "<p class=\"headline\" data-part=\"headline\">{}</p>",
        escape(&headline(view, table))
    );
    let _ = writeln!(out, "<p class=\"muted\">{}</p>", escape(&view.progress()));
    table::ablation(out, view, table);
    curves(out, view);
    if !view.planned.axes.is_empty() {
        out.push_str("<h3>Runs, axis by axis</h3>\n<p class=\"muted\">One line a run, coloured by variant; point at one to see which.</p>\n<div class=\"wrap\" data-part=\"parallel\"></div>\n");
    }
    grids::samples(out, section, view);
    figures(out, section, view);
    settings(out, view);
    let index = view.plan.studies.iter().position(|study| study.name == view.planned.name);
    let checklist = index.map(|index| section.study.checklist(index)).unwrap_or_default();
    reproduce::reproduce(out, view, &checklist);
    out.push_str("</section>\n");
}

/// The result in a sentence: the best variant, and whether there is evidence that it is.
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
        words(score),
        if unit.is_empty() { String::new() } else { format!(" {unit}") }
    );
    match (row.verdict, &row.delta) {
        (Verdict::Baseline, _) => {
            format!(
                "{lead}. That is the baseline: no variant is {} on average.",
                better.word().to_lowercase()
            )
        }
        (verdict, Some(delta)) => {
            let change = delta.paired.difference;
            let change = difference(change.mean, half(&change));
            let evidence = match verdict {
                Verdict::Better => {
                    format!("better than the baseline{}, by evidence", row.survivors())
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

pub(super) fn words(e: Estimate) -> String {
    estimate(e.mean, e.half)
}

pub(super) fn half(e: &stats::Estimate) -> Option<f64> {
    e.interval.map(|interval| interval.high - e.mean)
}

fn curves(out: &mut String, view: &View) {
    let _ = writeln!(
        out,
        "<h3>Loss curves</h3>\n<p class=\"muted\">Solid: {}, dashed: train; mean over seeds with {} % t interval; thin lines: \
         single seeds and runs that diverged.</p>\n<div class=\"bar\" role=\"group\" aria-label=\"What the curves show\">",
        view.held_out().map_or("", |curve| &curve.words),
        percent(view.plan.compare.level)
    );
    for (option, name, pressed) in [
        ("train", "train", true),
        ("band", "interval", true),
        ("seeds", "single seeds", false),
        ("log", "log scale", true),
    ] {
        let _ = write!(
            out,
            "<button type=\"button\" data-option=\"{option}\" aria-pressed=\"{pressed}\">{name}</button>"
        );
    }
    out.push_str("</div>\n<div data-part=\"curves\"></div>\n");
}

fn figures(out: &mut String, section: &Section, view: &View) {
    let own: Vec<&Figure> =
        section.figures.iter().filter(|f| f.study == view.planned.name).collect();
    if own.is_empty() {
        return;
    }
    // The only study of an experiment bears its name and has no directory of its own.
    let (experiment, study) = (address(&view.plan.name), address(&view.planned.name));
    let home = if experiment == study {
        format!("./{study}")
    } else {
        format!("./{experiment}/{study}")
    };
    let mut elsewhere = String::new();
    out.push_str("<h3>Figures</h3>\n");
    for figure in &own {
        let link = |ending: &str| format!("{home}/{}.{ending}", address(&figure.name));
        let files = format!(
            "<a href=\"{}\">SVG</a> <a href=\"{}\">PNG</a> <a href=\"{}\">PDF</a>",
            link("svg"),
            link("png"),
            link("pdf")
        );
        if INTERACTIVE.contains(&figure.name.as_str()) {
            let _ = write!(elsewhere, "<br>{}: {files}", escape(&figure.title));
            continue;
        }
        let _ = writeln!(
            out,
            "<figure class=\"row\"><img class=\"paper\" loading=\"lazy\" width=\"{}\" height=\"{}\" alt=\"{}\" \
             src='{}'><figcaption>{} {files}</figcaption></figure>",
            figure.pictures.size.0,
            figure.pictures.size.1,
            escape(&figure.caption),
            picture(figure),
            escape(&figure.caption)
        );
    }
    if !elsewhere.is_empty() {
        let _ = writeln!(out, "<p class=\"muted files\">As files, too:{elsewhere}</p>");
    }
}

/// A figure as a `data:` address between single quotes: drawn, or as pixels where those take less,
/// as they do for grids of images.
fn picture(figure: &Figure) -> String {
    let mut drawn = String::from("data:image/svg+xml,");
    for c in figure.pictures.live_svg.chars() {
        match c {
            '%' => drawn.push_str("%25"),
            '#' => drawn.push_str("%23"),
            '\'' => drawn.push_str("%27"),
            '&' => drawn.push_str("&amp;"),
            '\n' => {}
            c => drawn.push(c),
        }
    }
    let pixels = &figure.pictures.png;
    if pixels.len() * 4 / 3 < drawn.len() {
        format!("data:image/png;base64,{}", base64(pixels))
    } else {
        drawn
    }
}

/// A name as part of a relative address.
fn address(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => {
                out.push(char::from(byte))
            }
            byte => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}

fn settings(out: &mut String, view: &View) {
    if view.variants.is_empty() {
        return;
    }
    let second = usize::from(view.variants.len() > 1);
    let choice = |side: &str, chosen: usize| {
        let options = view.variants.iter().enumerate().map(|(i, v)| {
            format!(
                "<option value=\"{i}\"{}>{}</option>",
                if i == chosen { " selected" } else { "" },
                escape(v.label)
            )
        });
        format!(
            "<select data-part=\"{side}\" aria-label=\"Variant\">{}</select>",
            options.collect::<String>()
        )
    };
    let first = view.baseline.unwrap_or(0);
    let other = if first == second { 0 } else { second };
    let _ = writeln!(
        out,
        "<h3>Settings that differ</h3>\n<div class=\"wrap\"><table><thead><tr><th scope=\"col\">setting</th><th scope=\"col\" \
         class=\"l\">{}</th><th scope=\"col\" class=\"l\">{}</th></tr></thead><tbody data-part=\"differences\"></tbody></table></div>",
        choice("left", first),
        choice("right", other)
    );
}
