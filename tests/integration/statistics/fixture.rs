//! Synthetic studies, and the programs that check them.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Output, Stdio};

use ablade::config::RunConfig;
use ablade::plan::{
    Axis, Compare, Plan, PlannedStudy, PlannedVariant, PlotOptions, RunId, RunSpec,
};
use ablade::record::{RunRecord, RunStatus, Summary};
use ablade::results::ExperimentResults;
use ablade::rng::Seed;
use ablade::trainers::made::metrics::MadeFacts;

use crate::support::{made, run_spec};

/// A full grid of this shape with these test NLLs by variant and seed; `None` = the run diverged.
/// The first variant is the baseline.
pub(crate) fn study(
    shape: &[usize],
    values: &[Vec<Option<f64>>],
    compare: Compare,
) -> ExperimentResults {
    let seeds: Vec<Seed> = (1..=values[0].len() as u64).map(Seed).collect();
    let (mut runs, mut records, mut variants) = (Vec::new(), BTreeMap::new(), Vec::new());
    for (v, own) in values.iter().enumerate() {
        let mut config = RunConfig::default();
        config.train.batch = v + 1;
        let specs: Vec<RunSpec> =
            seeds.iter().map(|seed| run_spec(&config, "made-up", *seed)).collect();
        let ids: Vec<RunId> = specs.iter().map(|spec| spec.id.clone()).collect();
        records.extend(ids.iter().cloned().zip(own.iter().map(|nll| record(*nll))));
        runs.extend(specs);
        let mut rest = v;
        let mut levels: Vec<String> = (shape.iter().rev())
            .map(|size| {
                let level = rest % size;
                rest /= size;
                format!("l{level}")
            })
            .collect();
        levels.reverse();
        let label = if v == 0 { "baseline".into() } else { levels.join(", ") };
        variants.push(PlannedVariant {
            label,
            name: format!("v{v}"),
            levels,
            runs: ids,
            candidates: Vec::new(),
            method: None,
        });
    }
    let axis = |(i, size): (usize, &usize)| Axis {
        path: format!("axis.{i}"),
        column: format!("a{i}"),
        levels: (0..*size).map(|level| format!("l{level}")).collect(),
        tune: false,
    };
    let planned = PlannedStudy {
        name: "made-up".into(),
        question: String::new(),
        notes: String::new(),
        design: "grid".into(),
        axes: shape.iter().enumerate().map(axis).collect(),
        variants,
        baseline: Some(0),
    };
    let plan = Plan {
        name: "made-up".into(),
        question: String::new(),
        notes: String::new(),
        command: String::new(),
        external: Vec::new(),
        studies: vec![planned],
        seeds,
        compare,
        plots: PlotOptions::default(),
        program: None,
        data: Vec::new(),
        missing: Vec::new(),
        runs,
    };
    ExperimentResults::new(made(), plan, records)
}

fn record(nll: Option<f64>) -> RunRecord {
    let status = if nll.is_some() { RunStatus::Finished } else { RunStatus::Diverged };
    let facts = MadeFacts {
        test_nll_without_class_nats: None,
        test_accuracy: None,
        test_nll_own_units_nats: None,
        share_at_smallest_scale: None,
        test_rows_beyond_bound: None,
        classes: None,
        parameters: 1000,
        connected_parameters: 500,
        train_nll_nats: nll,
        valid_nll_nats: nll,
        test_nll_nats: nll,
        test_nll_mixture_nats: nll,
        mixture_masks: 1,
        test_nll_averaged_nats: None,
        dim: 100,
        binarization: None,
        kernel: "none".into(),
    };
    let summary = Summary {
        status,
        error: None,
        epochs: 1,
        best_epoch: 1,
        facts: facts.facts(),
    };
    RunRecord {
        status,
        error: None,
        summary: Some(summary),
        epochs: Vec::new(),
        timing: None,
    }
}

/// Runs the program in a directory and requires success.
#[track_caller]
pub(crate) fn ablade(home: &Path, arguments: &str) -> String {
    succeeded(
        crate::support::place::ablade(home, arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap(),
    )
}

/// Stdout of a program that must have succeeded.
#[track_caller]
pub(crate) fn succeeded(output: Output) -> String {
    let [out, err] =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{out}\n{err}");
    out
}
