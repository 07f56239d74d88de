//! Synthetic study without training: curves, failures and images computed from formulas, for
//! figures and the page.

use std::collections::BTreeMap;

use ablade::config::RunConfig;
use ablade::data::{Images, Shape};
use ablade::made::MaskCount;
use ablade::made::evaluate::{Calibration, Reliability};
use ablade::made::ordering::OrderingRule;
use ablade::plan::{Axis, Compare, Plan, PlannedStudy, PlannedVariant, PlotOptions, RunId};
use ablade::record::{EpochRow, RunRecord, RunStatus, Summary, Timing};
use ablade::results::ExperimentResults;
use ablade::rng::{Purpose, Seed};
use ablade::trainers::made::figures::{
    Artefacts, Completion, Picture, PixelDistribution, TableArtefacts,
};
use ablade::trainers::made::metrics::MadeFacts;

use super::{made, run_spec};

/// Description of a synthetic study.
pub(crate) struct Recipe {
    /// Axis name and its levels.
    pub(crate) axes: Vec<(&'static str, Vec<String>)>,
    /// Number of seeds.
    pub(crate) seeds: usize,
    /// Number of epochs of each run.
    pub(crate) epochs: usize,
    /// Status of a run by variant and seed.
    pub(crate) status: fn(usize, usize) -> RunStatus,
    /// Name of the experiment and of its study.
    pub(crate) name: String,
    /// Question and notes.
    pub(crate) words: (String, String),
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            axes: vec![("depth", strings(&["1", "2"])), ("masks", strings(&["1", "8"]))],
            seeds: 3,
            epochs: 60,
            status: |_, _| RunStatus::Finished,
            name: "fixture".into(),
            words: ("Does depth help once masks vary?".into(), "Made up.".into()),
        }
    }
}

pub(crate) fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

impl Recipe {
    /// The study.
    pub(crate) fn study(&self) -> ExperimentResults {
        let mut cells: Vec<Vec<String>> = vec![Vec::new()];
        for (_, levels) in &self.axes {
            let grown = cells.iter().flat_map(|cell| {
                levels.iter().map(move |level| {
                    cell.iter().cloned().chain([level.clone()]).collect::<Vec<_>>()
                })
            });
            cells = grown.collect();
        }
        let seeds: Vec<Seed> = (0..self.seeds as u64).map(Seed).collect();
        let mut runs = Vec::new();
        let mut records = BTreeMap::new();
        let mut variants = Vec::new();
        for (v, levels) in cells.iter().enumerate() {
            let mut config = RunConfig::default();
            let mut data = "d5e1".to_owned();
            config.data.size = 14;
            config.train.epochs = self.epochs;
            for ((axis, axis_levels), level) in self.axes.iter().zip(levels) {
                let index = axis_levels.iter().position(|l| l == level).unwrap_or(0);
                match *axis {
                    "data" => {
                        config.data.name.clone_from(level);
                        data = format!("d5e{}", index + 1);
                    }
                    "depth" => config.model.hidden = vec![120; index + 1],
                    "masks" => config.model.masks = MaskCount::Cycle(1 << (3 * index)),
                    "ordering" => config.model.ordering = OrderingRule::ALL[index % 9],
                    "skip" => config.model.skip = index > 0,
                    _ => config.train.batch = 50 + v,
                }
            }
            let mut ids = Vec::new();
            for (s, &seed) in seeds.iter().enumerate() {
                let spec = run_spec(&config, &data, seed);
                ids.push(spec.id.clone());
                records.insert(spec.id.clone(), self.record(v, s, levels));
                runs.push(spec);
            }
            let words: Vec<String> = self
                .axes
                .iter()
                .zip(levels)
                .map(|((axis, _), l)| format!("{axis} {l}"))
                .collect();
            let label = if v == 0 { "baseline".to_owned() } else { words.join(", ") };
            variants.push(PlannedVariant {
                label,
                name: format!("v{v}"),
                levels: levels.clone(),
                runs: ids,
                candidates: Vec::new(),
                method: None,
            });
        }
        let axes = self.axes.iter().map(|(axis, levels)| Axis {
            path: format!("model.{axis}"),
            column: (*axis).to_owned(),
            levels: levels.clone(),
            tune: false,
        });
        let planned = PlannedStudy {
            name: self.name.clone(),
            question: String::new(),
            notes: String::new(),
            design: "grid".into(),
            axes: axes.collect(),
            variants,
            baseline: Some(0),
        };
        let plan = Plan {
            name: self.name.clone(),
            question: self.words.0.clone(),
            notes: self.words.1.clone(),
            command: "ablade sweep fixture.toml".into(),
            external: Vec::new(),
            studies: vec![planned],
            seeds,
            compare: Compare::default(),
            plots: PlotOptions::default(),
            program: None,
            data: Vec::new(),
            missing: Vec::new(),
            runs,
        };
        ExperimentResults::new(made(), plan, records)
    }

    fn record(&self, v: usize, s: usize, levels: &[String]) -> RunRecord {
        let status = (self.status)(v, s);
        if matches!(status, RunStatus::Failed | RunStatus::Outstanding) {
            let error = (status == RunStatus::Failed).then(|| "the disk is full".to_owned());
            return RunRecord {
                status,
                error,
                summary: None,
                epochs: Vec::new(),
                timing: None,
            };
        }
        let mut noise = Seed((v * 1000 + s) as u64).stream(Purpose::Statistics, 0);
        let variants: usize = self.axes.iter().map(|(_, levels)| levels.len()).product();
        let level = 30.0
            + 6.0 * ((v * 7) % variants.max(1)) as f64 / variants.max(1) as f64
            + 0.25 * noise.normal();
        let seed_effect = 0.6 * Seed(s as u64).stream(Purpose::Statistics, 1).normal();
        let speed = 0.12 + 0.05 * ((v * 3) % 5) as f64 / 5.0;
        let last = if status == RunStatus::Diverged {
            (self.epochs / 3).max(1)
        } else {
            self.epochs
        };
        let scale = 60.0 / self.epochs as f64;
        let epochs: Vec<EpochRow> = (1..=last)
            .map(|epoch| {
                let t = epoch as f64 * scale.min(1.0);
                let fall = 70.0 * (-speed * t).exp() + 14.0 / (1.0 + 0.2 * t);
                let overfit = 0.0006 * (t - 35.0).max(0.0).powi(2) * (v % 3) as f64;
                let blow = if status == RunStatus::Diverged {
                    (0.5 * epoch as f64 - 5.0).max(0.0).exp()
                } else {
                    0.0
                };
                let held = level + seed_effect + fall + overfit + blow + 0.12 * noise.normal();
                let train = level - 0.8 + seed_effect + 0.97 * fall - 0.03 * t + blow;
                let valid = held + 0.2 + 0.05 * noise.normal();
                EpochRow { epoch, values: vec![train, valid, held] }
            })
            .collect();
        let best = epochs.iter().min_by(|a, b| a.values[1].total_cmp(&b.values[1])).cloned();
        let nll = best.clone().filter(|_| status == RunStatus::Finished);
        let value = |curve: usize| nll.as_ref().map(|row| row.values[curve]);
        let facts = MadeFacts {
            test_nll_without_class_nats: None,
            test_accuracy: None,
            test_nll_own_units_nats: None,
            share_at_smallest_scale: None,
            test_rows_beyond_bound: None,
            classes: None,
            parameters: 47_000 * (1 + levels.first().map_or(0, String::len) as u64 + v as u64 % 4),
            connected_parameters: 24_000,
            train_nll_nats: value(0),
            valid_nll_nats: value(1),
            test_nll_nats: value(2),
            test_nll_mixture_nats: value(2).map(|nll| nll - 0.4),
            mixture_masks: 1,
            test_nll_averaged_nats: None,
            dim: 196,
            binarization: None,
            kernel: "avx2".into(),
        };
        let summary = Summary {
            status,
            error: (status == RunStatus::Diverged)
                .then(|| format!("loss is not finite at epoch {}", last + 1)),
            epochs: last,
            best_epoch: best.map_or(0, |b| b.epoch),
            facts: facts.facts(),
        };
        let timing = Timing {
            started_utc: "2026-11-23 06:40:00".into(),
            seconds: 20.0 + 3.0 * v as f64 + 0.7 * s as f64,
            images_per_second: 40_000.0,
            threads: 1,
            host: "host".into(),
        };
        RunRecord {
            status,
            error: summary.error.clone(),
            summary: Some(summary),
            epochs,
            timing: Some(timing),
        }
    }
}

/// Shape of the fixture's images.
pub(crate) const SHAPE: Shape = Shape { width: 14, height: 14 };

/// Rings in pixels of this many levels; those of more than two have soft edges.
fn rings(count: usize, seed: u64, noise: f64, levels: usize) -> Images {
    let highest = (levels - 1) as f64;
    let mut stream = Seed(seed).stream(Purpose::Data, 0);
    let mut pixels = Vec::with_capacity(count * SHAPE.dim());
    for _ in 0..count {
        let (x, y, r) = (
            5.0 + 3.0 * stream.uniform(),
            5.0 + 3.0 * stream.uniform(),
            2.5 + 3.0 * stream.uniform(),
        );
        for i in 0..SHAPE.dim() {
            let (dx, dy) = ((i % SHAPE.width) as f64 - x, (i / SHAPE.width) as f64 - y);
            let from_ring = (dx.hypot(dy) - r).abs();
            let level = match levels {
                2 => f64::from(u8::from(from_ring < 0.8)),
                _ => (highest * (1.6 - from_ring).clamp(0.0, 1.0)).round(),
            };
            let is_noise = stream.uniform() < noise;
            pixels.push(if is_noise { highest - level } else { level } as u8);
        }
    }
    Images::new(pixels, SHAPE.dim())
}

/// Calibration of grey levels of which the last is never seen, or of bits.
fn calibration(levels: usize) -> Calibration {
    let counted = |predicted: f64, happened: f64| Reliability { predicted, happened, count: 1e4 };
    let level = |level: usize| {
        let predicted = 5e3 * 0.5f64.powi(level.min(12) as i32);
        counted(predicted, if level + 1 == levels { 0.0 } else { (1.2 * predicted).ceil() })
    };
    Calibration {
        levels: if levels > 2 { (0..levels).map(level).collect() } else { Vec::new() },
        bins: std::array::from_fn(|bin| counted(1e3 * (bin as f64 + 0.5), 1e3 * bin as f64 + 4e2)),
    }
}

/// Binary images for every finished run of a study.
pub(crate) fn artefacts(study: &ExperimentResults) -> Artefacts {
    artefacts_of(study, 2)
}

/// Images for every finished run of a study, in pixels of this many levels.
pub(crate) fn artefacts_of(study: &ExperimentResults, levels: usize) -> Artefacts {
    let rings = |count, seed, noise| rings(count, seed, noise, levels);
    let finished = |id: &RunId| study.records[id].status == RunStatus::Finished;
    let ids: Vec<&RunId> =
        study.plan.runs.iter().map(|run| &run.id).filter(|id| finished(id)).collect();
    let samples = ids.iter().enumerate().map(|(i, id)| {
        (
            (*id).clone(),
            Picture {
                shape: SHAPE,
                levels,
                images: rings(100, i as u64, 0.01 + 0.002 * i as f64),
                classes: None,
            },
        )
    });
    let completion = Completion {
        shape: SHAPE,
        levels,
        originals: rings(10, 999, 0.0),
        given: (0..SHAPE.dim()).map(|i| i < SHAPE.dim() / 2).collect(),
        completions: (0..4).map(|k| rings(10, 700 + k, 0.02)).collect(),
        reconstruction: Some(Images::new(
            rings(10, 999, 0.0)
                .pixels()
                .iter()
                .enumerate()
                .map(|(i, &p)| (usize::from(p) * 200 / (levels - 1) + i % 50) as u8)
                .collect::<Vec<u8>>(),
            SHAPE.dim(),
        )),
    };
    let samples: BTreeMap<RunId, Picture> = samples.collect();
    Artefacts {
        nearest: samples
            .iter()
            .map(|(id, p)| (id.clone(), Picture { images: rings(100, 5, 0.0), ..p.clone() }))
            .collect(),
        samples,
        tests: [(
            "d5e1".to_owned(),
            Picture {
                shape: SHAPE,
                levels,
                images: rings(100, 999, 0.0),
                classes: None,
            },
        )]
        .into(),
        completions: ids.first().map(|id| ((*id).clone(), completion)).into_iter().collect(),
        calibrations: ids.iter().map(|id| ((*id).clone(), calibration(levels))).collect(),
        conditionals: ids
            .iter()
            .filter(|_| levels > 2)
            .map(|id| ((*id).clone(), conditionals(levels)))
            .collect(),
        tables: TableArtefacts::default(),
        problems: Vec::new(),
    }
}

/// Predicted distributions of four pixels: bumps of several widths.
fn conditionals(levels: usize) -> Vec<PixelDistribution> {
    let of = |(i, &pixel): (usize, &usize)| {
        let weight = |level: usize| {
            let apart = (level as f32 - levels as f32 / 2.0) / levels as f32;
            (-apart * apart * (4 << (3 * i)) as f32).exp()
        };
        let weights: Vec<f32> = (0..levels).map(weight).collect();
        let sum: f32 = weights.iter().sum();
        let probabilities = weights.into_iter().map(|weight| weight / sum).collect();
        PixelDistribution { pixel, level: i * (levels - 1) / 3, probabilities }
    };
    [30, 39, 130, 192].iter().enumerate().map(of).collect()
}
