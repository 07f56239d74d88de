//! Studies over blocks: `cargo bench --bench blocks -- ROUNDS`.
//!
//! First the error rate of the joint test: simulated studies without an effect, whose blocks share
//! what a seed does; the share in which one variant, and any of them, is significant at 5 %. Then
//! time and memory of all statistics of 10,000 variants with 8 seeds, as 1,250 variants in each of
//! 8 blocks. The random streams are fixed. Prints the table of `docs/dev/measurements.md` and JSON.

#![expect(clippy::print_stdout, reason = "a benchmark's result is its output")]

mod noise;

use std::collections::BTreeMap;
use std::time::Instant;

use ablade::config::RunConfig;
use ablade::plan::{
    Axis, Compare, Method, Plan, PlannedStudy, PlannedVariant, PlotOptions, RunId, RunSpec, hashed,
};
use ablade::record::{RunRecord, RunStatus, Summary};
use ablade::results::ExperimentResults;
use ablade::rng::{Purpose, Seed, Stream};
use ablade::stats::{join_blocks, max_t, sign_flip};
use ablade::trainers::made::metrics::MadeFacts;
use ablade::trainers::made::{MadeTrainer, config_of};

use noise::{Draw, exponential, normal, student};

const ALPHA: f64 = 0.05;
const VARIANTS: usize = 3;
const BLOCKS: usize = 5;

/// Significance of the first variant, and of any, in one study without an effect. A run is what its
/// seed does to its variant in every block, with weight `shared`, and what it does in this block
/// alone.
fn round(noise: &mut Stream, seeds: usize, shared: f64, draw: Draw) -> [bool; 2] {
    let own = (1.0 - shared * shared).sqrt();
    // [n_blocks][n_seeds], blocks of units from 0.01 to 100
    let mut variant = || -> Vec<Vec<f64>> {
        let of_seeds: Vec<f64> = (0..seeds).map(|_| draw(noise)).collect();
        (0..BLOCKS as i32)
            .map(|b| {
                let unit = 10f64.powi(b - 2);
                of_seeds.iter().map(|of| unit * (shared * of + own * draw(noise))).collect()
            })
            .collect()
    };
    let baseline = variant();
    let parts: Vec<Vec<Option<f64>>> = (0..VARIANTS)
        .map(|_| {
            let difference = |(own, base): (Vec<f64>, &Vec<f64>)| -> Vec<Option<f64>> {
                own.iter().zip(base).map(|(own, base)| Some(own - base)).collect()
            };
            join_blocks(&variant().into_iter().zip(&baseline).map(difference).collect::<Vec<_>>())
        })
        .collect();
    let single = |parts: &Vec<Option<f64>>| {
        let parts: Vec<f64> = parts.iter().flatten().copied().collect();
        sign_flip(&parts, || unreachable!("every flip is counted")).p
    };
    let each: Vec<f64> = parts.iter().map(single).collect();
    let corrected = max_t(&parts, &each, || unreachable!("every flip is counted")).p;
    [each[0] <= ALPHA, corrected.into_iter().flatten().any(|p| p <= ALPHA)]
}

fn main() {
    let rounds: u32 = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(10_000);
    println!("| runs | shared | n | one variant | any of 3, max-T |\n|---|---|---|---|---|");
    let draws: [(&str, Draw); 3] =
        [("normal", normal), ("exponential", exponential), ("t, 3 df", student)];
    for (name, draw) in draws {
        for shared in [0.0, 0.7, 1.0] {
            for seeds in [6, 8, 10] {
                let mut noise = Seed(20_261_129).stream(Purpose::Statistics, seeds as u64);
                let mut found = [0u32; 2];
                for _ in 0..rounds {
                    let significant = round(&mut noise, seeds, shared, draw);
                    found.iter_mut().zip(significant).for_each(|(n, is)| *n += u32::from(is));
                }
                let [one, any] = found.map(|n| f64::from(n) / f64::from(rounds));
                println!("| {name} | {shared} | {seeds} | {one:.4} | {any:.4} |");
            }
        }
    }
    let study = large(1250, 8, 8);
    let (before, clock) = (memory("VmRSS:"), Instant::now());
    let ablation = study.ablation(0);
    let over = study.over_blocks(0, &ablation).expect("the study has blocks");
    let (seconds, more) = (clock.elapsed().as_secs_f64(), memory("VmHWM:") - before);
    println!(
        r#"{{"variants": {}, "seeds": {}, "seconds": {seconds:.3}, "mib_besides_the_records": {more:.0}, "ranked": {}}}"#,
        ablation.rows.len(),
        study.plan.seeds.len(),
        over.ranking.methods
    );
}

/// A line of the memory of this process [MiB], 0 outside Linux.
fn memory(line: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = status.lines().find_map(|text| text.strip_prefix(line));
    of.and_then(|text| text.trim().strip_suffix(" kB")?.parse::<f64>().ok())
        .unwrap_or(0.0)
        / 1024.0
}

/// A finished study of this many methods, blocks and seeds.
fn large(methods: usize, blocks: usize, seeds: usize) -> ExperimentResults {
    let trainer = MadeTrainer::shared();
    let mut noise = Seed(20_261_129).stream(Purpose::Statistics, 0);
    let seeds: Vec<Seed> = (1..=seeds as u64).map(Seed).collect();
    let (mut runs, mut records, mut variants) = (Vec::new(), BTreeMap::new(), Vec::new());
    for m in 0..methods {
        for b in 0..blocks {
            let mut config = RunConfig::default();
            config.train.batch = m + 1;
            config.data.seed = b as u64;
            let config = config_of(&config);
            let hashed = hashed(&*trainer, &config, "made-up");
            let ids: Vec<RunId> = seeds.iter().map(|seed| hashed.run(*seed)).collect();
            for (id, seed) in ids.iter().zip(&seeds) {
                records.insert(id.clone(), record(90.0 + noise.normal()));
                runs.push(RunSpec {
                    id: id.clone(),
                    seed: *seed,
                    data: "made-up".into(),
                    config: config.clone(),
                    earlier: None,
                });
            }
            let label = if m == 0 { "baseline".to_owned() } else { format!("m{m}") };
            variants.push(PlannedVariant {
                label: format!("{label}, b{b}"),
                name: format!("m{m}_b{b}"),
                levels: vec![format!("m{m}"), format!("b{b}")],
                runs: ids,
                candidates: Vec::new(),
                method: Some(Method { name: label.clone(), label }),
            });
        }
    }
    let axis = |path: &str, letter: char, n: usize| Axis {
        path: path.into(),
        column: path.into(),
        levels: (0..n).map(|level| format!("{letter}{level}")).collect(),
        tune: false,
    };
    let study = PlannedStudy {
        name: "made-up".into(),
        question: String::new(),
        notes: String::new(),
        design: "grid".into(),
        axes: vec![axis("method", 'm', methods), axis("block", 'b', blocks)],
        variants,
        baseline: Some(0),
    };
    let plan = Plan {
        name: "made-up".into(),
        question: String::new(),
        notes: String::new(),
        command: String::new(),
        studies: vec![study],
        seeds,
        compare: Compare { within: vec!["block".into()], ..Compare::default() },
        plots: PlotOptions::default(),
        program: None,
        external: Vec::new(),
        data: Vec::new(),
        missing: Vec::new(),
        runs,
    };
    ExperimentResults::new(trainer, plan, records)
}

fn record(nll: f64) -> RunRecord {
    let facts = MadeFacts {
        test_nll_without_class_nats: None,
        test_accuracy: None,
        test_nll_own_units_nats: None,
        share_at_smallest_scale: None,
        test_rows_beyond_bound: None,
        classes: None,
        parameters: 1000,
        connected_parameters: 500,
        train_nll_nats: Some(nll),
        valid_nll_nats: Some(nll),
        test_nll_nats: Some(nll),
        test_nll_mixture_nats: Some(nll),
        mixture_masks: 1,
        test_nll_averaged_nats: None,
        dim: 100,
        binarization: None,
        kernel: "none".into(),
    };
    let summary = Summary {
        status: RunStatus::Finished,
        error: None,
        epochs: 1,
        best_epoch: 1,
        facts: facts.facts(),
    };
    RunRecord {
        status: RunStatus::Finished,
        error: None,
        summary: Some(summary),
        epochs: Vec::new(),
        timing: None,
    }
}
