//! The parts of the page that need no script.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::{Section, base64};
use crate::figures::samples::Picture;
use crate::figures::scale::{difference, estimate, extent, group, short};
use crate::figures::view::{Estimate, View, percent};
use crate::figures::{Figure, tiles};
use crate::plan::{Correction, ENGINE};
use crate::record::RunStatus;
use crate::stats;
use crate::study::ablation::{Ablation, AblationRow, Verdict};

pub(super) use crate::figures::svg::escape;

/// Figures that the page shows in a form of its own.
const INTERACTIVE: [&str; 2] = ["loss", "samples"];

/// Links to the studies, where there are several.
pub(super) fn contents(studies: &[(String, String)]) -> String {
    if studies.len() < 2 {
        return String::new();
    }
    let links = studies.iter().map(|(id, name)| format!("<li><a href=\"#{id}\">{}</a></li>", escape(name)));
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
    let _ = writeln!(out, "<p class=\"headline\" data-part=\"headline\">{}</p>", escape(&headline(view, table)));
    let _ = writeln!(out, "<p class=\"muted\">{}</p>", escape(&view.progress()));
    ablation(out, view, table);
    curves(out, view);
    if !view.planned.axes.is_empty() {
        out.push_str("<h3>Runs, axis by axis</h3>\n<p class=\"muted\">One line a run, coloured by variant; point at one to see which.</p>\n<div class=\"wrap\" data-part=\"parallel\"></div>\n");
    }
    samples(out, section, view);
    figures(out, section, view);
    settings(out, view);
    reproduce(out, section, view);
    out.push_str("</section>\n");
}

/// The result in a sentence: the best variant, and whether there is evidence that it is.
fn headline(view: &View, table: &Ablation) -> String {
    let scored = view.variants.iter().enumerate().filter_map(|(i, v)| Some((i, v.score(view)?)));
    let Some((best, score)) = scored.min_by(|a, b| a.1.mean.total_cmp(&b.1.mean)) else {
        return "No run has finished yet.".into();
    };
    let row = &table.rows[best];
    let lead = format!("Lowest mean {}: {}, {} nats per image", view.metric_name(), row.label, words(score));
    match (row.verdict, &row.delta) {
        (Verdict::Baseline, _) => format!("{lead}. That is the baseline: no variant is lower on average."),
        (verdict, Some(delta)) => {
            let change = delta.paired.difference;
            let change = difference(change.mean, half(&change));
            let evidence = match verdict {
                Verdict::Better => "better than the baseline, by evidence".to_owned(),
                Verdict::TooFewSeeds => "too few seeds to tell it from the baseline".to_owned(),
                other => other.words().to_owned(),
            };
            format!("{lead}; {change} against the baseline on the same seeds: {evidence}.")
        }
        (Verdict::NotComparable, None) => format!("{lead}. It says nothing against the baseline: {}.", row.note),
        (_, None) => format!("{lead}."),
    }
}

fn words(e: Estimate) -> String {
    estimate(e.mean, e.half)
}

fn half(e: &stats::Estimate) -> Option<f64> {
    e.interval.map(|interval| interval.high - e.mean)
}

fn ablation(out: &mut String, view: &View, table: &Ablation) {
    let corrected = match table.correction {
        Correction::Holm => "p, Holm",
        Correction::None => "p",
    };
    let _ = writeln!(
        out,
        "<h3>Variants</h3>\n<p class=\"muted\">Mean {} over seeds in nats per image, lower is better, and its paired \
         difference to the baseline; \u{b1} is half of a {} % t interval over seeds. p: two-sided sign-flip test{}. Untick \
         a variant to leave it out of the charts.</p>\n<div class=\"bar\"><button type=\"button\" data-part=\"all\">All\
         </button><button type=\"button\" data-part=\"none\">None</button></div>",
        view.metric_name(),
        percent(table.level),
        if table.correction == Correction::Holm { ", corrected for the number of variants" } else { "" }
    );
    let heads = [
        "variant",
        "n",
        "NLL",
        "difference",
        "",
        "d<sub>z</sub>",
        corrected,
        "wins : losses",
        "parameters",
        "s a run",
        "verdict",
    ];
    out.push_str("<div class=\"wrap\"><table data-part=\"table\"><thead><tr>");
    for head in heads {
        let _ = match head {
            "" => write!(out, "<th scope=\"col\" class=\"l\"></th>"),
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

fn table_row(out: &mut String, view: &View, i: usize, row: &AblationRow, range: Option<(f64, f64)>) {
    let _ = write!(out, "<tr data-variant=\"{i}\">");
    let mut cell = |class: &str, key: &str, text: &str| {
        let _ = write!(out, "<td class=\"{class}\" data-k=\"{}\">{}</td>", escape(key), text);
    };
    let key = |value: Option<f64>| value.map(|v| v.to_string()).unwrap_or_default();
    let shown = |value: Option<f64>, text: &dyn Fn(f64) -> String| value.map(|v| escape(&text(v))).unwrap_or_default();
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
    let parameters = row.parameters.map(|n| n as f64);
    cell("", &key(parameters), &shown(parameters, &|v| group(v, 0)));
    cell("", &key(row.seconds), &shown(row.seconds, &|v| group(v, usize::from(v < 100.0))));
    cell("l", row.verdict.words(), row.verdict.words());
    out.push_str("</tr>\n");
}

/// Range of the pictures of differences: the means and zero, and intervals as far as they do not rule it.
fn range(table: &Ablation) -> Option<(f64, f64)> {
    let changes: Vec<stats::Estimate> =
        table.rows.iter().filter_map(|r| r.delta.as_ref()).map(|d| d.paired.difference).collect();
    let (lo, hi) = extent(changes.iter().map(|d| d.mean).chain([0.0]))?;
    let reach = (hi - lo).max(1e-6);
    let (low, high) =
        extent(changes.iter().filter_map(|d| d.interval).flat_map(|i| [i.low, i.high])).unwrap_or((lo, hi));
    Some((lo.min(low.max(lo - reach)), hi.max(high.min(hi + reach))))
}

fn interval_picture(i: usize, view: &View, row: &AblationRow, range: Option<(f64, f64)>) -> String {
    let (Some(delta), Some((lo, hi)), Some(baseline)) = (&row.delta, range, view.baseline) else {
        return String::new();
    };
    let x = |value: f64| 5.0 + 110.0 * (value - lo) / (hi - lo).max(1e-9);
    let color = i % 8;
    let mut svg = String::from("<svg width=\"120\" height=\"20\" viewBox=\"0 0 120 20\" aria-hidden=\"true\">");
    let _ = write!(svg, "<line x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"1\" y2=\"19\" stroke=\"var(--axis)\"/>", x(0.0));
    if let Some(interval) = delta.paired.difference.interval {
        let _ = write!(
            svg,
            "<line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"8\" y2=\"8\" stroke=\"var(--c{color})\" stroke-width=\"2\"/>",
            x(interval.low),
            x(interval.high)
        );
    }
    for value in view.variants[i].differences(&view.variants[baseline]) {
        let _ = write!(svg, "<circle cx=\"{:.1}\" cy=\"15.5\" r=\"1.7\" fill=\"var(--muted)\"/>", x(value));
    }
    let _ = write!(
        svg,
        "<circle cx=\"{:.1}\" cy=\"8\" r=\"4\" fill=\"var(--c{color})\"/></svg>",
        x(delta.paired.difference.mean)
    );
    svg
}

fn curves(out: &mut String, view: &View) {
    let _ = writeln!(
        out,
        "<h3>Loss curves</h3>\n<p class=\"muted\">Solid: {}, dashed: train; mean over seeds with {} % t interval; thin lines: \
         single seeds and runs that diverged.</p>\n<div class=\"bar\" role=\"group\" aria-label=\"What the curves show\">",
        view.held_out(),
        percent(view.plan.compare.level)
    );
    for (option, name, pressed) in [
        ("train", "train", true),
        ("band", "interval", true),
        ("seeds", "single seeds", false),
        ("log", "log scale", true),
    ] {
        let _ =
            write!(out, "<button type=\"button\" data-option=\"{option}\" aria-pressed=\"{pressed}\">{name}</button>");
    }
    out.push_str("</div>\n<div data-part=\"curves\"></div>\n");
}

fn samples(out: &mut String, section: &Section, view: &View) {
    let most = if view.variants.len() <= 9 { 100 } else { 25 };
    let picture = |v: &crate::figures::view::Variant| {
        v.replicates
            .iter()
            .find_map(|r| Some((r.seed, section.artefacts.samples.get(&r.spec.id)?)).map(|(s, p)| (s, p.clone())))
    };
    let grids: Vec<_> = view.variants.iter().filter_map(|v| Some((v, picture(v)?))).collect();
    if grids.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "<h3>Samples</h3>\n<p class=\"muted\">The first {most} draws; real test images last.</p>\n<div class=\"grids\">"
    );
    for (variant, (seed, picture)) in &grids {
        let score = variant.score(view).map(words).unwrap_or_default();
        grid(out, variant.label, &format!("{score} nats, seed {}", seed.0), picture, most);
    }
    let data: BTreeSet<&str> = view.variants.iter().flat_map(|v| &v.replicates).map(|r| r.spec.data.as_str()).collect();
    for fingerprint in data {
        if let Some(tests) = section.artefacts.tests.get(fingerprint) {
            grid(out, "test images", "real, for reference", tests, most);
        }
    }
    out.push_str("</div>\n");
}

fn grid(out: &mut String, name: &str, note: &str, picture: &Picture, most: usize) {
    let (width, height, png) = grid_png(picture, most);
    let _ = writeln!(
        out,
        "<figure><b>{}</b><span class=\"muted\">{}</span><img class=\"pixels\" width=\"{width}\" height=\"{height}\" \
         alt=\"Grid of images: {}\" src=\"data:image/png;base64,{}\"></figure>",
        escape(name),
        escape(note),
        escape(name),
        base64(&png)
    );
}

/// A grid of images as a small PNG of three colours: gaps between tiles are clear.
fn grid_png(picture: &Picture, most: usize) -> (usize, usize, Vec<u8>) {
    let raster = tiles::grid(picture.shape, &picture.images, most);
    let (across, down) = raster.tile.expect("a grid has tiles");
    let size = |cells: usize, tile: usize| cells + (cells / tile).saturating_sub(1);
    let (width, height) = (size(raster.width, across), size(raster.height, down));
    let stride = width.div_ceil(4);
    let mut pixels = vec![0u8; stride * height];
    for (i, class) in raster.cells.iter().enumerate() {
        let (x, y) = (i % raster.width, i / raster.width);
        let (x, y) = (x + x / across, y + y / down);
        let index = match *class {
            tiles::OFF => 1,
            tiles::ON => 2,
            _ => 0u8,
        };
        pixels[y * stride + x / 4] |= index << (6 - 2 * (x % 4));
    }
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width as u32, height as u32);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Two);
    encoder.set_palette(vec![0xFF, 0xFF, 0xFF, 0xF1, 0xF2, 0xF4, 0x22, 0x26, 0x2B]);
    encoder.set_trns(vec![0, 255, 255]);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels));
    written.expect("writing into memory does not fail");
    (width, height, out)
}

fn figures(out: &mut String, section: &Section, view: &View) {
    let own: Vec<&Figure> = section.figures.iter().filter(|f| f.study == view.planned.name).collect();
    if own.is_empty() {
        return;
    }
    out.push_str("<h3>Figures</h3>\n");
    for figure in &own {
        let link = |ending: &str| format!("./{}/{}.{ending}", address(&figure.study), address(&figure.name));
        let files = format!(
            "<a href=\"{}\">SVG</a> <a href=\"{}\">PNG</a> <a href=\"{}\">PDF</a>",
            link("svg"),
            link("png"),
            link("pdf")
        );
        if INTERACTIVE.contains(&figure.name.as_str()) {
            let _ = writeln!(out, "<p class=\"muted\">{}, as a file: {files}</p>", escape(&figure.title));
            continue;
        }
        let _ = writeln!(
            out,
            "<figure><img class=\"paper\" loading=\"lazy\" width=\"{}\" height=\"{}\" alt=\"{}\" \
             src=\"data:image/svg+xml;base64,{}\"><figcaption>{} {files}</figcaption></figure>",
            figure.pictures.size.0,
            figure.pictures.size.1,
            escape(&figure.caption),
            base64(figure.pictures.live_svg.as_bytes()),
            escape(&figure.caption)
        );
    }
}

/// A name as part of a relative address.
fn address(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => out.push(char::from(byte)),
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
            format!("<option value=\"{i}\"{}>{}</option>", if i == chosen { " selected" } else { "" }, escape(v.label))
        });
        format!("<select data-part=\"{side}\" aria-label=\"Variant\">{}</select>", options.collect::<String>())
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

fn reproduce(out: &mut String, section: &Section, view: &View) {
    let replicates = || view.variants.iter().flat_map(|v| &v.replicates);
    let unique =
        |values: Vec<String>| values.into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ");
    let data = unique(replicates().map(|r| format!("{} ({})", r.spec.config.data.name, r.spec.data)).collect());
    let kernels = unique(replicates().filter_map(|r| r.record.summary.as_ref()).map(|s| s.kernel.clone()).collect());
    let hosts = unique(replicates().filter_map(|r| r.record.timing.as_ref()).map(|t| t.host.clone()).collect());
    let seeds: Vec<String> = view.plan.seeds.iter().map(|s| s.0.to_string()).collect();
    out.push_str("<h3>How to reproduce</h3>\n<dl>\n");
    let mut entry = |name: &str, value: &str| {
        let _ = writeln!(out, "<dt>{name}</dt><dd>{}</dd>", escape(value));
    };
    entry("command", section.command);
    entry("again, byte for byte", &format!("ablade verify {}", view.plan.name));
    entry("version", &format!("ablade {}, engine {ENGINE}", env!("CARGO_PKG_VERSION")));
    entry("data (fingerprint)", &data);
    entry("seeds", &seeds.join(", "));
    entry("instructions", &kernels);
    entry("machines", &hosts);
    entry("compute", &compute(view));
    out.push_str("</dl>\n");
    let failures: Vec<String> = replicates()
        .filter(|r| matches!(r.record.status, RunStatus::Failed | RunStatus::Diverged))
        .map(|r| {
            let why = r.record.error.as_deref().unwrap_or("no reason was recorded");
            format!(
                "<li><code>{}</code> seed {}: {} ({})</li>",
                r.spec.id,
                r.seed.0,
                escape(why),
                r.record.status.word()
            )
        })
        .collect();
    if !failures.is_empty() {
        let _ = writeln!(
            out,
            "<details><summary>Runs that failed or diverged</summary><ul>{}</ul></details>",
            failures.concat()
        );
    }
    let _ = writeln!(
        out,
        "<details><summary>Checklist for a paper</summary><pre>{}</pre></details>",
        escape(&checklist(view))
    );
}

/// Wall time of a study's runs, those that came to nothing included.
fn compute(view: &View) -> String {
    let runs: Vec<_> = view.variants.iter().flat_map(|v| &v.replicates).collect();
    let seconds = |status: RunStatus| -> f64 {
        let of_status = runs.iter().filter(|r| r.record.status == status);
        of_status.filter_map(|r| r.record.timing.as_ref()).map(|t| t.seconds * t.threads as f64).sum()
    };
    let (finished, diverged) = (seconds(RunStatus::Finished), seconds(RunStatus::Diverged));
    let untimed = runs.iter().filter(|r| r.record.status == RunStatus::Failed).count();
    let mut text = format!("{} of thread time in finished runs", duration(finished));
    if diverged > 0.0 {
        let _ = write!(text, ", {} in diverged ones", duration(diverged));
    }
    if untimed > 0 {
        let _ = write!(text, "; {untimed} failed runs left no time");
    }
    text
}

fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

fn checklist(view: &View) -> String {
    let n = view.plan.seeds.len();
    let correction = match view.plan.compare.correction {
        Correction::Holm => "Holm (1979) over the variants of the study",
        Correction::None => "none",
    };
    format!(
        "Error bars: {level} % Student t intervals of the mean over n = {n} seeds (half-widths after \u{b1}); normality of the seed means is assumed.\n\
         What varies between seeds: initial weights, order of minibatches, masks, and the binarisation of training images where it is dynamic. Data and splits are fixed.\n\
         Comparison: paired by seed with the baseline; two-sided exact sign-flip test; correction: {correction}.\n\
         Selection: the epoch is chosen on validation, the numbers are of the test set, in nats per image summed over pixels.\n\
         Runs: {progress}\n\
         Compute: {compute}.\n",
        level = percent(view.plan.compare.level),
        progress = view.progress(),
        compute = compute(view),
    )
}
