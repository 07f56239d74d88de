//! Figures on paper: their size, and the place of every text, in all kinds of figures at the widths
//! of a column and of a page.

use std::collections::BTreeMap;
use std::process::Command;

use ablade::figures::{Figure, WantedFiles, draw_files};
use ablade::plan::{PictureFormat, PlotOptions, TextForm};

use crate::support::made_up::{Recipe, artefacts, strings};
use crate::support::skipped;

/// Smallest text on paper [pt].
const LEAST: f64 = 6.0;

fn options(width: &str) -> PlotOptions {
    PlotOptions {
        width: Some(width.parse().unwrap()),
        ..PlotOptions::default()
    }
}

fn draw(recipe: &Recipe, options: &PlotOptions) -> Vec<Figure> {
    let study = recipe.study();
    draw_files(&study, &artefacts(&study), &WantedFiles::of(options))
}

/// Studies that together have every kind of figure, with few and many variants, and with long names.
fn studies() -> Vec<(&'static str, Recipe)> {
    let wide = |axes| Recipe { axes, epochs: 30, ..Recipe::default() };
    vec![
        ("grid", wide(Recipe::default().axes)),
        (
            "shares",
            wide(vec![
                ("depth", strings(&["1", "2"])),
                ("masks", strings(&["1", "8"])),
                ("skip", strings(&["off", "on"])),
            ]),
        ),
        (
            "twelve",
            wide(vec![
                (
                    "ordering",
                    strings(&["raster", "columns", "reverse", "snake", "spiral", "random"]),
                ),
                ("depth", strings(&["one", "two"])),
            ]),
        ),
        (
            "long names",
            wide(vec![(
                "batch",
                strings(&[
                    "16",
                    "activation softplus and degrees even",
                    "skip connections on, init normal",
                ]),
            )]),
        ),
    ]
}

/// A text of an SVG file in CSS pixels of its view box.
#[derive(Debug)]
struct Text {
    content: String,
    size: f64,
    /// Left, top, right, bottom of its letters.
    area: [f64; 4],
}

/// A figure's SVG as it is read back.
struct Svg {
    /// Width of the view box, and of the paper [mm].
    width: f64,
    height: f64,
    mm: f64,
    texts: Vec<Text>,
    /// Areas of circles.
    dots: Vec<[f64; 4]>,
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

fn number(tag: &str, name: &str) -> f64 {
    let text = attribute(tag, name).unwrap_or_else(|| panic!("no {name} in {tag}"));
    text.parse().unwrap_or_else(|_| panic!("{name} of {tag}"))
}

impl Svg {
    fn read(figure: &Figure) -> Self {
        let svg = String::from_utf8(figure.files[&PictureFormat::Svg].clone()).unwrap();
        let head = svg.split('>').next().unwrap();
        let view: Vec<f64> = attribute(head, "viewBox")
            .unwrap()
            .split(' ')
            .map(|value| value.parse().unwrap())
            .collect();
        let mm = |name| {
            let value = attribute(head, name).unwrap().strip_suffix("mm").expect("a size in mm");
            value.parse::<f64>().unwrap()
        };
        let scale = mm("width") / view[2];
        assert!((mm("height") - scale * view[3]).abs() < 1e-3, "{head}");
        let texts = svg.split("<text ").skip(1).map(|rest| {
            let (tag, rest) = rest.split_once('>').unwrap();
            let tag = format!(" {tag}");
            let content = rest.split_once("</text>").unwrap().0.to_owned();
            let (size, width) = (number(&tag, "font-size"), number(&tag, "textLength"));
            let (x, y) = (number(&tag, "x"), number(&tag, "y"));
            let before = match attribute(&tag, "text-anchor") {
                None => 0.0,
                Some("middle") => 0.5 * width,
                Some("end") => width,
                Some(other) => panic!("{other}"),
            };
            // Capitals are 0.71 em high; the few letters below the line take less than 0.24 em.
            let (up, down) = (0.71 * size, 0.15 * size);
            let area = if let Some(turn) = attribute(&tag, "transform") {
                // Around its anchor, which is on the line from which the text is shifted.
                let around: Vec<f64> = turn
                    .trim_start_matches("rotate(270 ")
                    .trim_end_matches(')')
                    .split(' ')
                    .map(|value| value.parse().unwrap())
                    .collect();
                let base = around[0] + (y - around[1]);
                let end = around[1] + before;
                [base - up, end - width, base + down, end]
            } else {
                [x - before, y - up, x - before + width, y + down]
            };
            Text { content, size, area }
        });
        let dots = svg.split("<circle ").skip(1).map(|rest| {
            let tag = format!(" {}", rest.split_once('>').unwrap().0);
            let (x, y, r) = (number(&tag, "cx"), number(&tag, "cy"), number(&tag, "r"));
            [x - r, y - r, x + r, y + r]
        });
        Self {
            width: view[2],
            height: view[3],
            mm: mm("width"),
            texts: texts.collect(),
            dots: dots.collect(),
        }
    }

    /// Sentences on what is wrong with the places of texts and dots.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let points = self.mm / self.width * 72.0 / 25.4;
        let is_outside = |area: &[f64; 4]| {
            area[0] < -0.5
                || area[1] < -0.5
                || area[2] > self.width + 0.5
                || area[3] > self.height + 0.5
        };
        for text in &self.texts {
            if text.size * points < LEAST - 1e-6 {
                faults.push(format!("{:?} is {:.2} pt", text.content, text.size * points));
            }
            if is_outside(&text.area) {
                faults.push(format!("{:?} leaves the page: {:?}", text.content, text.area));
            }
        }
        faults.extend(
            self.dots.iter().filter(|dot| is_outside(dot)).map(|dot| format!("dot {dot:?}")),
        );
        for (i, a) in self.texts.iter().enumerate() {
            for b in &self.texts[i + 1..] {
                let over = |low: usize, high: usize| {
                    a.area[high].min(b.area[high]) - a.area[low].max(b.area[low])
                };
                if over(0, 2) > 0.5 && over(1, 3) > 0.5 {
                    faults.push(format!(
                        "{:?} and {:?} overlap: {:.0?} {:.0?}",
                        a.content, b.content, a.area, b.area
                    ));
                }
            }
        }
        faults
    }
}

/// Width and height in the header of a PNG.
fn dots(png: &[u8]) -> (u32, u32) {
    let word = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    (word(16), word(20))
}

/// The page of a PDF [pt].
fn media_box(pdf: &[u8]) -> (f64, f64) {
    let text = String::from_utf8_lossy(pdf);
    let (_, rest) = text.split_once("/MediaBox [").expect("a page");
    let sides: Vec<f64> = rest
        .split_once(']')
        .unwrap()
        .0
        .split_whitespace()
        .map(|side| side.parse().unwrap())
        .collect();
    (sides[2], sides[3])
}

/// On paper of every width, in every kind of figure: files have exactly that width, no text is
/// smaller than 6 pt, texts do not overlap, and nothing is outside.
#[test]
fn every_figure_is_legible_at_the_width_of_a_column_and_of_a_page() {
    let mut faults = Vec::new();
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("paper");
    for (name, recipe) in studies() {
        for (width, dpi) in [("85mm", 100), ("180mm", 60)] {
            // The size of a file depends on the paper alone, so that one study tells it.
            let is_sized = name == "shares";
            let asked = PlotOptions {
                dpi: Some(dpi),
                bare: Some(name == "grid"),
                format: (!is_sized).then(|| vec![PictureFormat::Svg]),
                ..options(width)
            };
            for figure in draw(&recipe, &asked) {
                let place = format!("{name}, {width}, {}", figure.name);
                assert!(figure.missing.is_empty(), "{place}: {:?}", figure.missing);
                let dir = folder.join(format!("{name}-{width}"));
                std::fs::create_dir_all(&dir).unwrap();
                for (format, bytes) in &figure.files {
                    let file = format!("{}.{}", figure.name, format.word());
                    std::fs::write(dir.join(file), bytes).unwrap();
                }
                let svg = Svg::read(&figure);
                let mm: f64 = width.trim_end_matches("mm").parse().unwrap();
                assert_eq!(svg.mm, mm, "{place}");
                let high = mm * svg.height / svg.width;
                if is_sized {
                    let (across, down) = dots(&figure.files[&PictureFormat::Png]);
                    let wanted = [mm, high].map(|mm| (mm * f64::from(dpi) / 25.4).round() as u32);
                    assert_eq!([across, down], wanted, "{place}");
                    let page = media_box(&figure.files[&PictureFormat::Pdf]);
                    for (side, mm) in [(page.0, mm), (page.1, high)] {
                        assert!((side - mm * 72.0 / 25.4).abs() < 1e-2, "{place}: {page:?}");
                    }
                }
                faults.extend(svg.faults().into_iter().map(|fault| format!("{place}: {fault}")));
            }
        }
    }
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

/// Curves of many variants are lower on paper, so that the figure and a caption fit on a page.
#[test]
fn curves_of_many_variants_fit_on_a_page() {
    let numbers: Vec<String> = (0..24).map(|i| i.to_string()).collect();
    let recipe = Recipe {
        axes: vec![("batch", numbers)],
        epochs: 30,
        ..Recipe::default()
    };
    for bare in [false, true] {
        let asked = PlotOptions {
            bare: Some(bare),
            format: Some(vec![PictureFormat::Svg]),
            only: Some(strings(&["loss"])),
            ..options("85mm")
        };
        let figures = draw(&recipe, &asked);
        let figure = figures.iter().find(|figure| figure.name == "loss").unwrap();
        let svg = Svg::read(figure);
        let high = svg.mm * svg.height / svg.width;
        assert!(high < 230.0, "{high} mm");
        assert!(svg.faults().is_empty(), "{:?}", svg.faults());
    }
}

#[test]
fn a_bare_figure_has_neither_title_nor_subtitle() {
    let asked = |bare| PlotOptions {
        bare: Some(bare),
        format: Some(vec![PictureFormat::Svg]),
        only: Some(strings(&["ablation", "loss", "orderings"])),
        ..options("180mm")
    };
    let [with, bare] = [false, true].map(|bare| draw(&Recipe::default(), &asked(bare)));
    let mut seen = 0;
    for (figure, bare) in with.iter().zip(&bare).filter(|(figure, _)| !figure.files.is_empty()) {
        let shows = |svg: &Svg, text: &str| svg.texts.iter().any(|own| own.content == text);
        let (with, without) = (Svg::read(figure), Svg::read(bare));
        let first = &with.texts[0].content;
        assert!(figure.title.starts_with(first.as_str()), "{}: {first}", figure.name);
        assert!(
            !shows(&without, first) && without.height < with.height - 19.0,
            "{}",
            figure.name
        );
        seen += 1;
    }
    assert_eq!(seen, 3);
}

#[test]
fn text_is_text_with_its_font_or_outlines() {
    let only = Some(vec!["ablation".to_owned()]);
    let as_form = |text| {
        let asked = PlotOptions { text, only: only.clone(), ..options("85mm") };
        draw(&Recipe::default(), &asked).remove(0).files
    };
    let (text, outlines) = (as_form(None), as_form(Some(TextForm::Outlines)));
    let svg = |files: &BTreeMap<PictureFormat, Vec<u8>>| {
        String::from_utf8(files[&PictureFormat::Svg].clone()).unwrap()
    };
    assert!(svg(&text).contains("<text ") && svg(&text).contains("@font-face"));
    assert!(!svg(&outlines).contains("<text ") && !svg(&outlines).contains("@font-face"));
    assert!(svg(&outlines).contains(" width=\"85mm\" ") && svg(&outlines).contains(" viewBox="));
    assert_eq!(text[&PictureFormat::Png], outlines[&PictureFormat::Png]);

    let dir = tempfile::tempdir().unwrap();
    let read = |program: &str, files: &BTreeMap<PictureFormat, Vec<u8>>| {
        let path = dir.path().join("figure.pdf");
        std::fs::write(&path, &files[&PictureFormat::Pdf]).unwrap();
        let mut command = Command::new(program);
        command.arg(&path);
        if program == "pdftotext" {
            command.arg("-");
        }
        let output = command.output().ok()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(String::from_utf8(output.stdout).unwrap())
    };
    let [Some(fonts), Some(words), Some(info)] =
        ["pdffonts", "pdftotext", "pdfinfo"].map(|program| read(program, &text))
    else {
        return skipped("it needs pdffonts, pdftotext and pdfinfo of poppler");
    };
    // Name, type, encoding, embedded, subset, with Unicode.
    let fonts: Vec<Vec<&str>> =
        fonts.lines().skip(2).map(|line| line.split_whitespace().collect()).collect();
    assert!(!fonts.is_empty());
    for font in fonts {
        assert!(font[0].contains("+NotoSans"), "{font:?}");
        assert_eq!(font[1..7], ["CID", "TrueType", "Identity-H", "yes", "yes", "yes"], "{font:?}");
    }
    for word in ["depth 2, masks 8", "Effect of depth and masks", "verdict", "\u{b1}"] {
        assert!(words.contains(word), "{word} is not in {words}");
    }
    assert!(info.contains(" 240.945 x "), "{info}");
    assert_eq!(read("pdffonts", &outlines).unwrap().lines().count(), 2, "no font");
}

/// Paper that is too narrow for a figure's words is said with the width that is enough, and the
/// other figures are drawn.
#[test]
fn paper_that_is_too_narrow_is_said() {
    let label = "a".repeat(60);
    let recipe = Recipe {
        axes: vec![("batch", vec!["1".to_owned(), label])],
        epochs: 5,
        ..Recipe::default()
    };
    let svg = || Some(vec![PictureFormat::Svg]);
    let figures = draw(&recipe, &PlotOptions { format: svg(), ..options("40mm") });
    let (drawn, narrow): (Vec<_>, Vec<_>) = figures.iter().partition(|own| own.missing.is_empty());
    assert!(!drawn.is_empty() && !narrow.is_empty());
    let mut wider: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for figure in narrow {
        let [why] = &figure.missing[..] else { panic!("{:?}", figure.missing) };
        let enough = why
            .strip_prefix("40mm is too narrow for its words: --width ")
            .and_then(|rest| rest.strip_suffix(" or more"))
            .unwrap_or_else(|| panic!("{why}"));
        wider.entry(enough).or_default().push(figure.name.clone());
    }
    for (enough, names) in wider {
        let asked = PlotOptions { only: Some(names), format: svg(), ..options(enough) };
        let again = draw(&recipe, &asked);
        for figure in again {
            assert!(figure.missing.is_empty(), "{}, {enough}: {:?}", figure.name, figure.missing);
        }
    }
    assert!(
        figures.iter().all(|figure| !figure.pictures.live_svg.is_empty()),
        "the page has all"
    );
}
