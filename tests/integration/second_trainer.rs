//! A second trainer, as a test of the interface: it fits a line to noise, has its own settings and
//! metrics (one of which is better if higher), and goes from an experiment file to tables, verdicts
//! and figures without any code for it in `src`.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use ablade::experiment::{Overrides, load_with};
use ablade::figures::draw_all;
use ablade::page::{self, Section};
use ablade::plan::Plan;
use ablade::record::{EpochRow, RunOutput, RunStatus, Summary, Timing};
use ablade::results::ablation::{AblationRow, Verdict};
use ablade::results::{ExperimentResults, tables};
use ablade::rng::Purpose;
use ablade::runner::{Ready, Silent, Worker};
use ablade::store::Store;
use ablade::trainer::kind::{Bounds, Kind};
use ablade::trainer::{
    Better, Column, Config, Control, Cost, Curve, Execution, Facts, Identity, Metric, MetricWords,
    Metrics, PerExample, RunKey, Setting, Settings, Source, Trainer, TrainerError, Unit,
};
use serde_json::{Value, json};

/// Gradient descent on the squared error of a line through noisy points.
#[derive(Debug)]
struct LineTrainer {
    settings: Settings,
    metrics: Metrics,
}

impl LineTrainer {
    fn new() -> Self {
        let setting = |path: &str, kind, default: Value, doc: &str| Setting {
            path: path.into(),
            kind,
            default,
            doc: doc.into(),
            implied: false,
        };
        let rate = Bounds { min: Some((0.0, false)), max: Some((1.0, true)) };
        let settings = Settings::new(vec![
            setting("line.intercept", Kind::Flag, json!(true), "fits an intercept"),
            setting("fit.rate", Kind::Number(rate), json!(0.5), "step of gradient descent"),
            setting("fit.steps", Kind::Count { min: 1, max: 1000 }, json!(20), "steps"),
            setting("points.noise", Kind::Number(rate), json!(0.25), "standard deviation"),
        ]);
        let unit = |short: &str, long: &str| Unit {
            short: short.into(),
            long: long.into(),
            explained: String::new(),
        };
        let metric = |name: &str, better, unit, curve| Metric {
            name: name.into(),
            column: name.replace('-', "_"),
            unit,
            better,
            source: Source::Fact(name.replace('-', "_")),
            words: MetricWords {
                head: name.into(),
                short: name.into(),
                long: format!("{name} of new points"),
                axis: name.into(),
                doc: format!("{name} of new points"),
                exact: format!("{name} of new points"),
            },
            curve: Some(curve),
            examples: PerExample::Of(|_| None),
            selects: false,
        };
        let curve = |name: &str| Curve {
            name: name.into(),
            unit: Unit::default(),
            head: name.into(),
            words: name.into(),
            better: None,
        };
        let mut metrics = Metrics::new(vec![
            metric("explained", Better::Higher, unit("percent", "percent of the variance"), 0),
            metric("absolute-error", Better::Lower, unit("", ""), 1),
        ]);
        metrics.curves = vec![curve("explained"), curve("error")];
        metrics.columns = vec![Column {
            name: "slope".into(),
            source: Source::Fact("slope".into()),
            is_always_there: true,
        }];
        Self { settings, metrics }
    }
}

impl Trainer for LineTrainer {
    fn version(&self) -> u32 {
        1
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    fn complete(&self, config: &Value) -> Result<Config, String> {
        Ok(Config::new(config))
    }

    fn identities<'a>(
        &'a self,
        config: &'a Config,
        data: &'a str,
    ) -> Box<dyn Iterator<Item = Identity> + 'a> {
        let bytes = format!("line 1 {} {data}", config.as_str()).into_bytes();
        Box::new(std::iter::once(Identity { bytes, since: Vec::new() }))
    }

    fn fingerprint(&self, _: &Config) -> Result<String, TrainerError> {
        Ok("points".into())
    }

    fn epochs(&self, config: &Config) -> Option<usize> {
        config.get("fit.steps")?.as_u64().map(|steps| steps as usize)
    }

    fn cost(&self, _: &Config) -> Result<Option<Cost>, TrainerError> {
        Ok(Some(Cost {
            work: 1.0,
            nominal_seconds: 0.001,
            memory: 1 << 10,
            disk: 1 << 10,
            size: None,
            examples: None,
            after_training: 1.0,
            stops_early: false,
        }))
    }

    fn prepare(&self, _: &[RunKey]) -> Result<(), TrainerError> {
        Ok(())
    }

    fn execute(
        &self,
        run: &RunKey,
        threads: usize,
        control: Control,
    ) -> Result<Execution, TrainerError> {
        let number = |path: &str| run.config.get(path).and_then(|v| v.as_f64()).expect("a number");
        let intercept = run.config.get("line.intercept") == Some(json!(true));
        let mut noise = run.seed.stream(Purpose::Statistics, 0);
        let mut points = |n: usize| -> Vec<(f64, f64)> {
            let x = |i: usize| i as f64 / n as f64;
            let y = |x: f64, e: f64| 1.0 + 2.0 * x + number("points.noise") * e;
            (0..n).map(|i| (x(i), y(x(i), noise.normal()))).collect()
        };
        let (seen, new) = (points(30), points(30));
        let (mut a, mut b, mut epochs) = (0.0, 0.0, Vec::new());
        let score = |a: f64, b: f64| {
            let n = new.len() as f64;
            let mean = new.iter().map(|(_, y)| y).sum::<f64>() / n;
            let of = |f: &dyn Fn(f64, f64) -> f64| new.iter().map(|(x, y)| f(*x, *y)).sum::<f64>();
            let left = of(&|x, y| (y - a - b * x).powi(2));
            let explained = 100.0 * (1.0 - left / of(&|_, y| (y - mean).powi(2)));
            (explained, of(&|x, y| (y - a - b * x).abs()) / n)
        };
        for epoch in 1..=number("fit.steps") as usize {
            let n = seen.len() as f64;
            let error = |x: f64, y: f64| a + b * x - y;
            let down = seen.iter().map(|(x, y)| error(*x, *y)).sum::<f64>() / n;
            let slope = seen.iter().map(|(x, y)| error(*x, *y) * x).sum::<f64>() / n;
            let rate = number("fit.rate");
            (a, b) = (if intercept { a - rate * down } else { 0.0 }, b - rate * slope);
            let (explained, error) = score(a, b);
            let row = EpochRow { epoch, values: vec![explained, error] };
            (control.on_epoch)(&row);
            epochs.push(row);
        }
        let (explained, error) = score(a, b);
        let facts: Facts = [("explained", explained), ("absolute_error", error), ("slope", b)]
            .map(|(name, value)| (name.to_owned(), value.into()))
            .into_iter()
            .collect();
        let summary = Summary {
            status: RunStatus::Finished,
            error: None,
            epochs: epochs.len(),
            best_epoch: epochs.len(),
            facts,
        };
        let timing = Timing {
            started_utc: "2026-11-29 06:00:00".into(),
            seconds: 0.001,
            images_per_second: 1.0,
            threads,
            host: "here".into(),
        };
        Ok(Execution::Done(Box::new(RunOutput {
            summary,
            epochs,
            timing,
            files: Vec::new(),
            taken: Vec::new(),
        })))
    }
}

const EXPERIMENT: &str = r#"
question = "What does a line need?"
seeds = 8
design = "one-at-a-time"
[axes]
line.intercept = [true, false]
fit.rate = [0.5, 0.01]
points.noise = { values = [0.25, 0.26] }
"#;

fn planned(text: &str, trainer: &LineTrainer) -> Plan {
    load_with(Path::new("line.toml"), &Overrides::default(), trainer, &|_| Ok(text.to_owned()))
        .unwrap_or_else(|errors| panic!("{errors}"))
        .plan(trainer)
        .unwrap()
}

/// Trains a plan in a new directory and writes its tables.
fn trained(text: &str) -> (tempfile::TempDir, ExperimentResults) {
    let dir = tempfile::tempdir().unwrap();
    let plan = planned(text, &LineTrainer::new());
    let store = Store::open(dir.path(), Arc::new(LineTrainer::new())).unwrap();
    store.save_plan(&plan).unwrap();
    let mut worker = Worker::new(&plan, &store).unwrap();
    let threads = worker.threads;
    let ready = |runs: &[&_]| -> Result<Ready, Box<dyn std::error::Error>> {
        Ok(Ready::load(&plan, runs, &store, threads)?)
    };
    assert!(worker.train(&Arc::default(), &Silent, ready).unwrap());
    let plan = store.load_plan("line").unwrap();
    let (results, remarks) = tables::write_all(&store, &plan).unwrap();
    assert_eq!(remarks, Vec::<String>::new());
    (dir, results)
}

#[test]
fn goes_from_a_file_to_tables_verdicts_and_figures() {
    let (dir, results) = trained(EXPERIMENT);
    let table = |name: &str| fs::read_to_string(dir.path().join("line").join(name)).unwrap();

    let header = |name: &str| table(name).lines().next().unwrap().to_owned();
    assert_eq!(
        header("runs.csv"),
        "study,variant,label,intercept,rate,noise,seed,run,status,error,epochs,best_epoch,slope,tuning"
    );
    assert!(header("metrics.csv").ends_with("seed,run,epoch,explained,error"));
    assert!(header("ablation.csv").contains("explained_mean_percent,explained_sd_percent"));
    assert!(header("ablation.csv").contains("delta_examples_percent"));
    for name in ["runs.csv", "metrics.csv", "ablation.csv", "curves.csv"] {
        let text = table(name).to_lowercase();
        for word in ["nll", "mask", "image", "nats", "parameters"] {
            assert!(!text.contains(word), "{name} says {word}: {text}");
        }
    }

    let ablation = results.ablation(0);
    let verdict = |label: &str| {
        let row = ablation.rows.iter().find(|row| row.label == label);
        row.unwrap_or_else(|| panic!("no {label}: {:?}", ablation.rows)).verdict
    };
    // Without an intercept less of the variance is explained: lower is worse here.
    assert_eq!(verdict("intercept off"), Verdict::Worse);
    assert_eq!(verdict("rate 0.01"), Verdict::Worse);
    let row = ablation.rows.iter().find(|row| row.label == "intercept off").unwrap();
    let paired = row.delta.unwrap().paired;
    assert!(paired.difference.mean < 0.0 && paired.losses == 8 && paired.wins == 0);
    // The highest mean may be the best, and a variant that is worse in every seed may not.
    let mean = |row: &AblationRow| row.estimate.map_or(0.0, |estimate| estimate.mean);
    let highest = ablation.rows.iter().max_by(|a, b| mean(a).total_cmp(&mean(b))).unwrap();
    assert_eq!((highest.may_be_best, row.may_be_best), (Some(true), Some(false)));

    let figures = draw_all(&results, &());
    let names: Vec<&str> = figures.iter().map(|figure| figure.name.as_str()).collect();
    assert_eq!(names, ["ablation", "loss"]);
    let html = page::render(&[Section { study: &results, own: &(), figures: &figures }]);
    for figure in &figures {
        let words = format!("{} {} {}", figure.title, figure.caption, figure.pictures.live_svg);
        for word in ["NLL", "nats", "image", "mask", "Lower is better"] {
            assert!(!words.contains(word), "{} says {word}: {words}", figure.name);
        }
    }
    assert!(figures[0].pictures.live_svg.contains("better \u{2192}"));
    assert!(html.contains("Highest mean explained of new points: "));
    for word in ["NLL", "nats", "Lower is better"] {
        assert!(!html.contains(word), "the page says {word}");
    }
}

#[test]
fn the_other_metric_is_compared_on_request_and_lower_is_better() {
    let text = format!("compare.metric = \"absolute-error\"\n{EXPERIMENT}");
    let (_dir, results) = trained(&text);
    let ablation = results.ablation(0);
    let row = ablation.rows.iter().find(|row| row.label == "intercept off").unwrap();
    assert_eq!(row.verdict, Verdict::Worse);
    assert!(row.delta.unwrap().paired.difference.mean > 0.0);
}

#[test]
fn what_is_wrong_in_the_file_is_told_in_its_own_words() {
    let message = |text: &str| {
        let trainer = LineTrainer::new();
        let read = |_: &Path| Ok(text.to_owned());
        load_with(Path::new("line.toml"), &Overrides::default(), &trainer, &read)
            .map(|_| ())
            .unwrap_err()
            .to_string()
    };
    let unknown = message("[line]\nintercpt = false\n");
    assert!(unknown.contains("did you mean `line.intercept`?"), "{unknown}");
    let section = message("[model]\nhidden = [3]\n");
    assert!(section.contains("unknown key `model`"), "{section}");
    let metric = message("compare.metric = \"test-nll\"\n");
    assert!(metric.contains("explained or absolute-error"), "{metric}");
}
