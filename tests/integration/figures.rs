//! Figures of synthetic studies: content of the charts, at every size of study, and reproducibility
//! of the pictures.

use std::path::PathBuf;

use ablade::figures::chart::{Body, Form, Mark, Plane};
use ablade::figures::{Chart, Figure, WantedFiles, charts, draw_files};
use ablade::plan::{PictureFormat, PlotOptions};
use ablade::record::RunStatus;
use ablade::results::ExperimentResults;
use ablade::trainers::made::figures::Artefacts;

use crate::support::made_up::{Recipe, artefacts, artefacts_of, strings};

/// Folder in which pictures remain for inspection.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("figures").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Draws a study, stores the pictures, and checks properties that every figure must have.
fn check(name: &str, recipe: &Recipe) -> Vec<(&'static str, Chart)> {
    let study = recipe.study();
    let artefacts = artefacts(&study);
    let wanted = WantedFiles::of(&PlotOptions::default());
    for figure in draw_files(&study, &artefacts, &wanted) {
        assert!(figure.title.contains(&recipe.name), "{name}: {} names no study", figure.title);
        let (place, pictures) = (format!("{name}/{}", figure.name), &figure.pictures);
        let stem = folder(name).join(&figure.name);
        for (format, bytes) in &figure.files {
            std::fs::write(stem.with_extension(format.word()), bytes).unwrap();
        }
        for svg in [&pictures.live_svg, &svg(&figure)] {
            assert!(
                svg.contains("<title>") && svg.contains("<desc>"),
                "{place}: no alternative text"
            );
            assert!(!svg.contains("NaN"), "{place}: NaN in the SVG");
        }
        assert_eq!(figure.files[&PictureFormat::Png], pictures.png, "{place}");
        assert!(figure.files[&PictureFormat::Pdf].starts_with(b"%PDF-"), "{place}");
        assert!(!figure.caption.is_empty() && figure.missing.is_empty(), "{place}");
        assert!(pictures.size.0 <= 1200, "{place} is {:?} wide", pictures.size);
    }
    let charts = charts(&study, 0, &artefacts);
    for (kind, chart) in &charts {
        hold(&format!("{name}/{kind}"), chart);
        let is_said = chart.subtitle.contains("Arrow head: the bar continues beyond the axis.");
        // One epoch has intervals in place of bands, which are cut like any curve.
        assert_eq!(
            is_said,
            cuts_an_interval(chart) && *kind != "loss",
            "{name}/{kind}: {}",
            chart.subtitle
        );
    }
    charts
}

/// SVG file of a figure.
fn svg(figure: &Figure) -> String {
    String::from_utf8(figure.files[&PictureFormat::Svg].clone()).unwrap()
}

/// True if an interval ends beyond its axis.
fn cuts_an_interval(chart: &Chart) -> bool {
    let mut found = planes(chart).flat_map(|plane| {
        plane.marks.iter().filter_map(move |mark| match mark {
            Mark::Interval { ends, across: true, .. } => Some((ends, &plane.x)),
            Mark::Interval { ends, across: false, .. } => Some((ends, &plane.y)),
            _ => None,
        })
    });
    found.any(|(ends, axis)| ends.0.min(ends.1) < axis.lo || ends.0.max(ends.1) > axis.hi)
}

fn planes(chart: &Chart) -> impl Iterator<Item = &Plane> {
    chart.panels.iter().filter_map(|panel| match &panel.body {
        Body::Plane(plane) => Some(plane),
        Body::Raster(_) | Body::Message(_) => None,
    })
}

fn marks(chart: &Chart) -> impl Iterator<Item = &Mark> {
    planes(chart).flat_map(|plane| &plane.marks)
}

/// Checks that no mark without extent is off its axes, that every label exists, and that every axis
/// has ascending ticks on it.
fn hold(place: &str, chart: &Chart) {
    assert!(
        !chart.title.is_empty() && !chart.caption.is_empty() && !chart.panels.is_empty(),
        "{place}"
    );
    assert!(
        !format!("{chart:?}").contains("NaN,")
            || place.contains("effects")
            || place.contains("interactions")
    );
    for plane in planes(chart) {
        for axis in [&plane.x, &plane.y] {
            assert!(
                axis.lo.is_finite() && axis.hi.is_finite() && axis.lo < axis.hi,
                "{place}: {axis:?}"
            );
            assert!(
                axis.ticks.iter().all(|tick| axis.holds(tick.at) && !tick.text.is_empty()),
                "{place}: {axis:?}"
            );
            assert!(axis.ticks.windows(2).all(|t| t[0].at < t[1].at), "{place}: {axis:?}");
            assert!(!plane.axes || !axis.ticks.is_empty(), "{place}: {axis:?}");
        }
        for mark in &plane.marks {
            if let Mark::Dot { at, .. } | Mark::Text { at, .. } = mark {
                assert!(
                    plane.x.holds(at.0) && plane.y.holds(at.1),
                    "{place}: {mark:?} off {:?} {:?}",
                    plane.x,
                    plane.y
                );
            }
        }
        assert!(
            plane.ends.iter().all(|end| end.values.len() <= plane.heads.len().max(1)),
            "{place}"
        );
    }
}

fn of<'a>(charts: &'a [(&'static str, Chart)], name: &str) -> &'a Chart {
    &charts
        .iter()
        .find(|(known, _)| *known == name)
        .unwrap_or_else(|| panic!("no figure {name}"))
        .1
}

#[test]
fn grey_images_are_drawn_in_proportional_greys() {
    let study = Recipe::default().study();
    for levels in [4, 16, 256] {
        let artefacts = artefacts_of(&study, levels);
        let charts = charts(&study, 0, &artefacts);
        let expected = [
            (
                "completions",
                "One pass: the expected grey of each pixel given the true earlier ones.",
            ),
            ("completions", "the blue pixels are drawn."),
            (
                "neighbours",
                "the training image with the smallest sum of differences of grey levels.",
            ),
        ];
        for (name, words) in expected {
            assert!(of(&charts, name).subtitle.contains(words), "{}", of(&charts, name).subtitle);
        }
        let calibration = of(&charts, "calibration");
        assert_eq!((calibration.panels.len(), calibration.columns), (8, 2));
        let right = &calibration.panels[1];
        assert!(
            right.note.starts_with(&format!("{levels} levels; 1 never occur; error ")),
            "{}",
            right.note
        );
        assert!(calibration.subtitle.contains("Runs of seed 0."), "{}", calibration.subtitle);
        let Body::Plane(plane) = &right.body else { panic!("levels are a plane") };
        let dots = plane.marks.iter().filter(|mark| matches!(mark, Mark::Dot { .. }));
        assert_eq!(dots.count(), levels - 1);
        let conditionals = of(&charts, "conditionals");
        assert_eq!((conditionals.panels.len(), conditionals.columns), (16, 4));
        assert_eq!(conditionals.panels[3].note, format!("row 13, column 10: {}", levels - 1));
        hold("conditionals", conditionals);
        let Body::Raster(raster) = &of(&charts, "samples").panels[0].body else {
            panic!("samples are a raster")
        };
        let mut classes = raster.cells.clone();
        classes.sort_unstable();
        classes.dedup();
        // And tiles without an image.
        let shades = levels.min(64);
        assert!((shades / 2..=shades + 1).contains(&classes.len()), "{levels}: {classes:?}");
        for figure in draw_files(&study, &artefacts, &WantedFiles::of(&PlotOptions::default())) {
            let stem = folder(&format!("grey-{levels}")).join(&figure.name);
            std::fs::write(stem.with_extension("png"), &figure.pictures.png).unwrap();
        }
    }
}

fn orderings() -> (&'static str, Vec<String>) {
    ("ordering", strings(&["raster", "columns", "reverse", "snake", "spiral"]))
}

#[test]
fn a_grid_shows_every_kind_of_figure() {
    let charts = check("grid", &Recipe::default());
    let names: Vec<&str> = charts.iter().map(|(name, _)| *name).collect();
    let all = [
        "ablation",
        "loss",
        "main-effects",
        "interactions",
        "cost-parameters",
        "cost-time",
        "samples",
        "neighbours",
        "completions",
        "calibration",
        "orderings",
        "masks",
        "network",
        "visibility",
        "views",
    ];
    assert_eq!(names, all);
    let loss = of(&charts, "loss");
    assert!(
        loss.subtitle.contains("mean of 3 seeds") && loss.subtitle.contains("95 %"),
        "{}",
        loss.subtitle
    );
    assert!(
        marks(loss).any(|mark| matches!(mark, Mark::Band { points, .. } if points.len() == 60))
    );
}

/// Axis of a plane and the horizontal places of its dots of one form, ascending.
fn dots(plane: &Plane, wanted: Form) -> Vec<f64> {
    let mut at: Vec<f64> = plane
        .marks
        .iter()
        .filter_map(|mark| match mark {
            Mark::Dot { at, form, .. } if *form == wanted => Some(at.0),
            _ => None,
        })
        .collect();
    at.sort_by(f64::total_cmp);
    at
}

/// Checks a plane over numbers, ascending, and a word: dots are at the numbers and right of them, and
/// a line joins the numbers alone.
fn stands_at_numbers(plane: &Plane, levels: &[&str]) {
    let numbers: Vec<f64> = levels.iter().filter_map(|level| level.parse().ok()).collect();
    let at = dots(plane, Form::Disc);
    assert_eq!(at[..numbers.len()], numbers);
    assert!(at[numbers.len()..].iter().all(|word| *word > numbers[numbers.len() - 1]));
    let texts: Vec<&str> = plane.x.ticks.iter().map(|tick| &tick.text[..]).collect();
    assert_eq!(texts, levels);
    let joined = plane.marks.iter().find_map(|mark| match mark {
        Mark::Line { points, dashed: false, .. } => Some(points),
        _ => None,
    });
    let joined: Vec<f64> = joined.unwrap().iter().map(|point| point.0).collect();
    assert_eq!(joined, numbers);
}

/// Numbers of an axis are at their values, on a logarithmic axis where they span a decade; a word is
/// to the right of them, with no line to it.
#[test]
fn the_response_to_numbers_is_drawn_at_true_distances() {
    let batch = strings(&["10", "1000", "fresh", "100"]);
    let charts = check("response", &Recipe { axes: vec![("batch", batch)], ..Recipe::default() });
    assert!(charts.iter().all(|(name, _)| *name != "main-effects"), "it would say the same");
    let response = planes(of(&charts, "response")).next().unwrap();
    stands_at_numbers(response, &["10", "100", "1000", "fresh"]);
    assert_eq!(dots(response, Form::Ring), [10.0], "the baseline");
    assert_eq!(dots(response, Form::Seed).len(), 12);
    let words = Recipe { axes: vec![orderings()], ..Recipe::default() };
    let charts = check("words", &words);
    assert!(charts.iter().all(|(name, _)| *name != "response"));
    let line = marks(of(&charts, "main-effects"))
        .find(|mark| matches!(mark, Mark::Line { points, .. } if points.len() > 1));
    assert!(line.is_none(), "words are joined: {line:?}");
}

/// No seed vanishes: the axis includes it, or a triangle at the border and a sentence say where it is.
#[test]
fn a_seed_beyond_the_axis_of_a_response_is_marked() {
    let batch = strings(&["10", "100", "1000"]);
    let mut study = Recipe { axes: vec![("batch", batch)], ..Recipe::default() }.study();
    let run = study.plan.studies[0].variants[1].runs[0].clone();
    for by in [0.0, 500.0] {
        let summary = study.records.get_mut(&run).unwrap().summary.as_mut().unwrap();
        let nll = summary.facts.get_mut("test_nll_nats").unwrap();
        *nll = (nll.as_f64().unwrap() + by).into();
        let charts = charts(&study, 0, &Artefacts::default());
        let chart = of(&charts, "response");
        hold("response", chart);
        let plane = planes(chart).next().unwrap();
        let [seeds, beyond] = [Form::Seed, Form::Up].map(|form| dots(plane, form).len());
        assert_eq!((seeds, beyond), if by > 0.0 { (8, 1) } else { (9, 0) });
        for text in [&chart.subtitle, &chart.caption] {
            assert_eq!(text.contains("Triangle at the border"), by > 0.0, "{text}");
        }
    }
}

#[test]
fn two_axes_of_numbers_have_a_heat_map() {
    let axes = vec![
        ("batch", strings(&["10", "100", "1000"])),
        ("width", strings(&["20", "5", "fresh", "80"])),
    ];
    let study = Recipe { axes, ..Recipe::default() };
    let charts = check("heatmap", &study);
    let chart = of(&charts, "heatmap");
    let [cells, legend] = planes(chart).collect::<Vec<_>>()[..] else {
        panic!("map and legend")
    };
    let names: Vec<&str> = cells.x.ticks.iter().map(|tick| &tick.text[..]).collect();
    assert_eq!(names, ["5", "20", "80", "fresh"], "numbers ascend, before words");
    let texts = cells.marks.iter().filter(|mark| matches!(mark, Mark::Text { .. })).count();
    let tiles = cells.marks.iter().filter(|mark| matches!(mark, Mark::Band { .. })).count();
    assert_eq!((texts, tiles), (12, 12));
    assert!(legend.x.label.contains("\u{2190} better") && legend.x.ticks.len() > 2);
    assert!(chart.caption.contains("best at width "), "{}", chart.caption);
    // Lines of the response are the levels of the other axis.
    let response = planes(of(&charts, "response")).collect::<Vec<_>>();
    assert_eq!(response.iter().map(|plane| plane.ends.len()).collect::<Vec<_>>(), [4, 3]);
    stands_at_numbers(planes(of(&charts, "main-effects")).next().unwrap(), &["10", "100", "1000"]);
}

/// More than eight variants: at most eight colours, which a legend explains.
#[test]
fn many_variants_of_a_grid_are_told_apart_by_its_axes() {
    let recipe = Recipe {
        axes: vec![orderings(), ("depth", strings(&["1", "2"]))],
        ..Recipe::default()
    };
    let charts = check("many", &recipe);
    for kind in ["ablation", "cost-parameters"] {
        let [plane, legend] = planes(of(&charts, kind)).collect::<Vec<_>>()[..] else {
            panic!("{kind} without legend")
        };
        let forms = [Form::Disc, Form::Square].map(|form| dots(plane, form).len());
        assert!(forms.iter().all(|count| *count >= 4), "{kind}: {forms:?}");
        let texts = legend.marks.iter().filter(|mark| matches!(mark, Mark::Text { .. })).count();
        assert_eq!(texts, 2 + 5 + 2, "{kind}: two headings and seven levels");
    }
    let curves = &of(&charts, "loss").subtitle;
    assert!(curves.contains(" Colour: ordering.") && !curves.contains("form"), "{curves}");
}

/// Equal costs are at equal places, and time is drawn where variants compute differently.
#[test]
fn costs_are_where_they_are() {
    let mut study = Recipe::default().study();
    for record in study.records.values_mut() {
        let facts = &mut record.summary.as_mut().unwrap().facts;
        facts.insert("parameters".into(), 5_000.into());
    }
    let equal = charts(&study, 0, &Artefacts::default());
    assert!(equal.iter().all(|(name, _)| !name.starts_with("cost")), "nothing costs more");
    let run = study.plan.studies[0].variants[2].runs.clone();
    for id in run {
        let facts = &mut study.records.get_mut(&id).unwrap().summary.as_mut().unwrap().facts;
        facts.insert("parameters".into(), 9_000.into());
    }
    let charts = charts(&study, 0, &Artefacts::default());
    let size = planes(of(&charts, "cost-parameters")).next().unwrap();
    assert_eq!(dots(size, Form::Disc), [5_000.0, 5_000.0, 5_000.0, 9_000.0]);
    assert_eq!(size.names.len(), 4);
    let baseline = marks(of(&charts, "cost-parameters"))
        .filter_map(|mark| match mark {
            Mark::Dot { at, .. } => Some(at.1),
            _ => None,
        })
        .last();
    let mean = |v: usize| {
        let nll = study.plan.studies[0].variants[v].runs.iter().map(|id| {
            let summary = study.records[id].summary.as_ref().unwrap();
            summary.facts["test_nll_nats"].as_f64().unwrap()
        });
        nll.sum::<f64>() / 3.0
    };
    assert!((baseline.unwrap() - mean(0)).abs() < 1e-9, "the baseline is not in front");
    let time = of(&charts, "cost-time");
    let spread = marks(time).filter(|mark| matches!(mark, Mark::Interval { across: true, .. }));
    assert_eq!(spread.count(), 4);
    assert!(time.subtitle.contains("the load of the machine"), "{}", time.subtitle);
}

/// Times that contradict the computation show the load of the machine.
#[test]
fn times_of_a_loaded_machine_are_not_drawn() {
    let mut study = Recipe::default().study();
    let has_times = |study: &ExperimentResults| {
        charts(study, 0, &Artefacts::default())
            .iter()
            .any(|(name, _)| *name == "cost-time")
    };
    assert!(has_times(&study));
    for record in study.records.values_mut() {
        let timing = record.timing.as_mut().unwrap();
        timing.seconds = 100.0 - timing.seconds;
    }
    assert!(!has_times(&study));
}

#[test]
fn shares_of_three_changes_are_drawn_with_their_sum() {
    let axes = vec![
        ("depth", strings(&["1", "2"])),
        ("masks", strings(&["1", "8"])),
        ("skip", strings(&["off", "on"])),
    ];
    let charts = check("shares", &Recipe { axes, ..Recipe::default() });
    let shapley = of(&charts, "shapley");
    let rows: Vec<&str> = planes(shapley)
        .flat_map(|p| &p.y.ticks)
        .map(|tick| tick.text.as_str())
        .collect();
    assert_eq!(rows, ["all together", "skip: off to on", "masks: 1 to 8", "depth: 1 to 2"]);
    let bars = marks(shapley).filter(|mark| matches!(mark, Mark::Interval { .. })).count();
    assert_eq!(bars, 4);
}

#[test]
fn failures_show_where_they_happened() {
    let recipe = Recipe {
        axes: vec![orderings(), ("depth", strings(&["1", "2"])), ("skip", strings(&["off", "on"]))],
        epochs: 200,
        status: |v, s| match (v, s) {
            (3, 1) => RunStatus::Diverged,
            (5, _) => RunStatus::Failed,
            (7, 2) => RunStatus::Outstanding,
            _ => RunStatus::Finished,
        },
        ..Recipe::default()
    };
    let charts = check("failures", &recipe);
    let loss = of(&charts, "loss");
    assert!(
        marks(loss).any(|mark| matches!(mark, Mark::Dot { form: Form::Cross, .. })),
        "the diverged run"
    );
    assert!(
        loss.subtitle.contains("3 of 3 failed") && loss.subtitle.contains("1 run is still to come")
    );
    assert_eq!(loss.panels.len(), 19, "a panel for each variant with a curve");
    let ablation = of(&charts, "ablation");
    let rows: Vec<&str> = planes(ablation)
        .flat_map(|p| &p.ends)
        .map(|end| end.values[0].as_str())
        .collect();
    assert_eq!((rows.len(), rows.last().copied()), (19, Some("3 of 3 failed")));
}

#[test]
fn values_on_different_data_are_not_ordered() {
    let recipe = Recipe {
        axes: vec![("data", strings(&["shapes", "letters", "digits"]))],
        status: |v, s| match (v, s) {
            (1, 2) => RunStatus::Outstanding,
            _ => RunStatus::Finished,
        },
        ..Recipe::default()
    };
    let charts = check("different-data", &recipe);
    let ablation = of(&charts, "ablation");
    let plane = planes(ablation).next().unwrap();
    assert!(!plane.x.label.contains("better"), "{}", plane.x.label);
    assert_eq!(plane.heads, ["test NLL"]);
    let names: Vec<&str> = plane.y.ticks.iter().rev().map(|tick| tick.text.as_str()).collect();
    assert_eq!(names, ["baseline", "data letters", "data digits"]);
    assert!(ablation.caption.contains("do not compare"), "{}", ablation.caption);
    assert!(!ablation.caption.contains("best first"), "{}", ablation.caption);
    assert!(plane.ends.iter().any(|end| end.values[0].ends_with("(1 of 3 to run)")));
    for name in ["completions", "neighbours"] {
        let title = &of(&charts, name).title;
        assert!(title.contains("baseline on shapes"), "{title}");
    }
}

#[test]
fn an_interval_that_is_cut_is_said() {
    let mut study = Recipe::default().study();
    for (by, is_cut) in [(0.0, false), (1000.0, true)] {
        // One seed of one variant is far from its others, so the interval is wider than all means.
        let run = study.plan.studies[0].variants[0].runs[0].clone();
        let summary = study.records.get_mut(&run).unwrap().summary.as_mut().unwrap();
        let nll = summary.facts.get_mut("test_nll_nats").unwrap();
        *nll = (nll.as_f64().unwrap() + by).into();
        let charts = charts(&study, 0, &Artefacts::default());
        let chart = of(&charts, "cost-parameters");
        let said = chart.subtitle.contains("Arrow head: the bar continues beyond the axis.");
        assert_eq!((said, cuts_an_interval(chart)), (is_cut, is_cut), "{}", chart.subtitle);
    }
}

#[test]
fn one_seed_has_no_interval_and_says_so() {
    let charts = check("one-seed", &Recipe { seeds: 1, ..Recipe::default() });
    for name in ["loss", "ablation", "cost-time", "main-effects", "interactions"] {
        let chart = of(&charts, name);
        assert!(chart.subtitle.contains("1 seed"), "{name}: {}", chart.subtitle);
        let widths = marks(chart).filter(|mark| match mark {
            Mark::Band { points, .. } => !points.is_empty(),
            mark => matches!(mark, Mark::Interval { .. }),
        });
        assert_eq!(widths.count(), 0, "{name} draws an interval of one value");
    }
}

#[test]
fn one_variant_has_nothing_to_be_compared_with() {
    let charts = check(
        "one-variant",
        &Recipe { axes: vec![("depth", strings(&["1"]))], ..Recipe::default() },
    );
    let Body::Message(text) = &of(&charts, "ablation").panels[0].body else {
        panic!("no message")
    };
    assert!(text.contains("baseline alone"), "{text}");
    assert_eq!(planes(of(&charts, "loss")).flat_map(|plane| &plane.ends).count(), 1);
}

#[test]
fn forty_variants_have_a_row_each_and_the_best_a_panel() {
    let numbers: Vec<String> = (0..40).map(|i| i.to_string()).collect();
    let charts = check("forty", &Recipe { axes: vec![("batch", numbers)], ..Recipe::default() });
    let loss = of(&charts, "loss");
    assert_eq!(loss.panels.len(), 24);
    assert_eq!(loss.panels[0].title, "baseline");
    assert!(loss.subtitle.contains("without a panel: 16 variants"), "{}", loss.subtitle);
    assert_eq!(planes(of(&charts, "ablation")).next().unwrap().ends.len(), 39);
    let network = of(&charts, "network");
    assert_eq!(network.panels.len(), 1, "equal networks are drawn once");
    assert!(
        network.panels[0].title.ends_with("; and 34 more"),
        "{}",
        network.panels[0].title
    );
    assert_eq!(of(&charts, "samples").panels.len(), 41, "forty, and the real images");
}

#[test]
fn one_epoch_is_a_dot() {
    let charts = check("one-epoch", &Recipe { epochs: 1, ..Recipe::default() });
    let count =
        |wanted: fn(&Mark) -> bool| marks(of(&charts, "loss")).filter(|mark| wanted(mark)).count();
    assert_eq!(count(|mark| matches!(mark, Mark::Dot { form: Form::Disc, .. })), 4);
    assert_eq!(count(|mark| matches!(mark, Mark::Interval { .. })), 4);
}

#[test]
fn ten_thousand_epochs_stay_few_points() {
    let charts = check("long", &Recipe { epochs: 10_000, seeds: 2, ..Recipe::default() });
    for mark in marks(of(&charts, "loss")) {
        match mark {
            Mark::Line { points, .. } => assert!(points.len() <= 400),
            Mark::Band { points, .. } => assert!(points.len() <= 400),
            _ => {}
        }
    }
    let ticks = &planes(of(&charts, "loss")).next().unwrap().x.ticks;
    assert_eq!((ticks[0].text.as_str(), ticks[ticks.len() - 1].text.as_str()), ("1", "10,000"));
}

#[test]
fn a_study_before_its_first_run_says_so() {
    let charts =
        check("empty", &Recipe { status: |_, _| RunStatus::Outstanding, ..Recipe::default() });
    for name in ["loss", "ablation"] {
        let Body::Message(text) = &of(&charts, name).panels[0].body else {
            panic!("{name}: no message")
        };
        assert!(text.contains("12 not run yet"), "{name}: {text}");
    }
    // The masks are known before any training.
    assert!(charts.iter().any(|(name, _)| *name == "network"));
    let all_failed = Recipe { status: |_, _| RunStatus::Failed, ..Recipe::default() };
    let Body::Message(text) = &of(&check("failed", &all_failed), "loss").panels[0].body.clone()
    else {
        panic!()
    };
    assert!(text.contains("12 failed"), "{text}");
}

#[test]
fn names_are_only_ever_text() {
    let hostile = "</title></svg><script>alert(1)</script>\"'&\u{1}]]>";
    let recipe = Recipe {
        axes: vec![
            ("Lớp ẩn <b>", vec![hostile.to_owned(), "=1+1".to_owned()]),
            (
                "thứ tự",
                strings(&[
                    "ngẫu nhiên, độc lập với điểm ảnh và rất dài dòng",
                    "xoắn ốc",
                    "\u{202e}",
                    "日本",
                ]),
            ),
        ],
        name: "Mất mát <i>".into(),
        ..Recipe::default()
    };
    let study = recipe.study();
    for figure in draw_files(&study, &artefacts(&study), &WantedFiles::of(&PlotOptions::default()))
    {
        for svg in [&svg(&figure), &figure.pictures.live_svg] {
            assert!(
                !svg.contains("<script") && !svg.contains("<b>") && !svg.contains('\u{1}'),
                "{}",
                figure.name
            );
            assert_eq!(svg.matches("</svg>").count(), 1, "{}", figure.name);
        }
    }
    check("names", &recipe);
}

/// Outlier rows do not compress the others; if most rows are far from the baseline, the axis is
/// there.
#[test]
fn the_axis_of_differences_is_where_most_variants_are() {
    let mut study = Recipe {
        axes: vec![("batch", (0..9).map(|i| i.to_string()).collect())],
        ..Recipe::default()
    }
    .study();
    let triangles = |study: &ExperimentResults| {
        let charts = charts(study, 0, &Artefacts::default());
        let ablation = of(&charts, "ablation").clone();
        hold("ablation", &ablation);
        let outside = marks(&ablation)
            .filter(|m| matches!(m, Mark::Dot { form: Form::Left | Form::Right, .. }));
        (outside.count(), ablation.subtitle.contains("beyond the axis"))
    };
    let shift = |study: &mut ExperimentResults, variant: usize, by: f64| {
        for id in study.plan.studies[0].variants[variant].runs.clone() {
            let summary = study.records.get_mut(&id).unwrap().summary.as_mut().unwrap();
            if let Some(nll) = summary.facts.get_mut("test_nll_nats") {
                *nll = (nll.as_f64().unwrap() + by).into();
            }
        }
    };
    assert_eq!(triangles(&study), (0, false));
    shift(&mut study, 4, 900.0);
    assert_eq!(triangles(&study), (1, true));
    (1..9)
        .filter(|v| *v != 4)
        .for_each(|variant| shift(&mut study, variant, -900.0));
    assert_eq!(triangles(&study), (0, false));
}

#[test]
fn the_same_study_gives_the_same_bytes() {
    let draw = || {
        let study = Recipe::default().study();
        let small = &["ablation", "loss", "samples", "interactions", "orderings", "completions"];
        let wanted = WantedFiles { small, ..WantedFiles::of(&PlotOptions::default()) };
        draw_files(&study, &artefacts(&study), &wanted)
    };
    let (first, second) = (draw(), draw());
    assert!(first == second);
    let sizes: Vec<usize> =
        first.iter().filter_map(|figure| Some(figure.small.as_ref()?.len())).collect();
    assert!(sizes.len() == 6 && sizes.iter().all(|size| *size < 100_000), "{sizes:?}");
}

/// The margin is a strip across all rows, from its lower to its upper end, and is named; a margin far
/// beyond the differences fills the plane and does not compress them.
#[test]
fn a_negligible_margin_is_shaded() {
    let ablation = |negligible: Option<f64>| {
        let mut study = Recipe::default().study();
        study.plan.compare.negligible = negligible;
        let charts = charts(&study, 0, &artefacts(&study));
        let chart = of(&charts, "ablation");
        let band = marks(chart).find_map(|mark| match mark {
            Mark::Band { points, .. } => Some([points[0].0, points[1].0]),
            _ => None,
        });
        let axis = &planes(chart).next().unwrap().x;
        (band, [axis.lo, axis.hi], chart.subtitle.clone())
    };
    let (none, [lo, hi], subtitle) = ablation(None);
    assert!(none.is_none() && !subtitle.contains("Shaded"), "{subtitle}");
    let margin = 0.5 * (hi - lo);
    let (band, [low, high], subtitle) = ablation(Some(margin));
    assert_eq!(band, Some([-margin, margin]));
    assert!(low <= -margin && margin <= high, "{low} {high}, {margin}");
    assert!(subtitle.contains("Shaded: negligible, less than "), "{subtitle}");
    let (band, range, _) = ablation(Some(1e3 * (hi - lo)));
    assert_eq!((band, range), (Some([lo, hi]), [lo, hi]));
}
