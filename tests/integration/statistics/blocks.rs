//! `[compare] within`: every block has its own baseline, and over blocks there are ranks and joint
//! tests; values are recomputed here from the definitions.

use std::fs;

use ablade::figures::chart::Body;
use ablade::figures::{Chart, charts};
use ablade::plan::{Compare, Method};
use ablade::record::RunRecord;
use ablade::results::ExperimentResults;
use ablade::results::ablation::Verdict;
use ablade::results::blocks::OverBlocks;
use proptest::prelude::*;

use super::fixture::study;
use crate::support::place::Place;

/// A grid of `methods` x `blocks` with these values by method, block and seed; the first method is
/// the baseline.
fn divided(values: &[Vec<Vec<Option<f64>>>]) -> ExperimentResults {
    let flat: Vec<Vec<Option<f64>>> = values.iter().flatten().cloned().collect();
    let shape = [values.len(), values[0].len()];
    let compare = Compare { within: vec!["axis.1".into()], ..Compare::default() };
    let mut study = study(&shape, &flat, compare);
    for variant in &mut study.plan.studies[0].variants {
        let method = &variant.levels[0];
        let label = if method == "l0" { "baseline" } else { method };
        variant.method = Some(Method { label: label.into(), name: label.into() });
    }
    study
}

fn over(study: &ExperimentResults) -> OverBlocks {
    study.over_blocks(0, &study.ablation(0)).unwrap()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9 * a.abs().max(b.abs()).max(1.0)
}

/// Corrected p values by step-down max-T over all sign vectors; each comparison is a list of blocks
/// whose studentised sums are added: of one block, the comparison itself.
fn max_t(comparisons: &[Vec<Vec<f64>>]) -> Vec<f64> {
    let seeds = comparisons[0][0].len();
    let statistic = |blocks: &[Vec<f64>], signs: u32| -> f64 {
        let of = |d: &Vec<f64>| {
            let signed = |(r, d): (usize, &f64)| if signs >> r & 1 == 1 { -d } else { *d };
            let sum: f64 = d.iter().enumerate().map(signed).sum();
            sum / d.iter().map(|d| d * d).sum::<f64>().sqrt()
        };
        // Divided by the root of the sum of squares of the seeds' parts, which no sign changes.
        let part = |r: usize| -> f64 {
            blocks.iter().map(|d| d[r] / d.iter().map(|d| d * d).sum::<f64>().sqrt()).sum()
        };
        let norm = (0..seeds).map(|r| part(r).powi(2)).sum::<f64>().sqrt();
        (blocks.iter().map(of).sum::<f64>() / norm).abs()
    };
    let seen: Vec<f64> = comparisons.iter().map(|blocks| statistic(blocks, 0)).collect();
    let alone = |i: usize| {
        let reached = |signs: &u32| {
            (0..seen.len()).any(|j| {
                seen[j] <= seen[i] + 1e-9 && statistic(&comparisons[j], *signs) >= seen[i] - 1e-9
            })
        };
        (0..1u32 << seeds).filter(reached).count() as f64 / f64::from(1u32 << seeds)
    };
    let p: Vec<f64> = (0..seen.len()).map(alone).collect();
    // Never less than the p of a comparison ahead.
    let stepped = |i: usize| {
        let ahead = (0..seen.len()).filter(|&j| seen[j] >= seen[i] - 1e-9);
        ahead.map(|j| p[j]).fold(0.0, f64::max)
    };
    (0..seen.len()).map(stepped).collect()
}

fn whole() -> impl Strategy<Value = Vec<Vec<Vec<f64>>>> {
    (2usize..4, 2usize..4, 6usize..8).prop_flat_map(|(methods, blocks, seeds)| {
        let value = (-500i32..500).prop_map(|v| 90.0 + f64::from(v) / 100.0);
        prop::collection::vec(
            prop::collection::vec(prop::collection::vec(value, seeds), blocks),
            methods,
        )
    })
}

fn some(values: &[Vec<Vec<f64>>]) -> Vec<Vec<Vec<Option<f64>>>> {
    let seeds = |seeds: &Vec<f64>| seeds.iter().copied().map(Some).collect();
    values.iter().map(|blocks| blocks.iter().map(seeds).collect()).collect()
}

/// Differences of method `m` in block `b`.
fn differences(values: &[Vec<Vec<f64>>], m: usize, b: usize) -> Vec<f64> {
    values[m][b].iter().zip(&values[0][b]).map(|(own, base)| own - base).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_block_has_its_own_baseline_and_signs_are_shared(values in whole()) {
        let (methods, blocks) = (values.len(), values[0].len());
        let cells: Vec<(usize, usize)> =
            (1..methods).flat_map(|m| (0..blocks).map(move |b| (m, b))).collect();
        prop_assume!(cells.iter().all(|&(m, b)| differences(&values, m, b).iter().any(|d| *d != 0.0)));
        let study = divided(&some(&values));
        let ablation = study.ablation(0);
        prop_assert_eq!(ablation.comparisons(), (methods - 1) * blocks);
        let rows = &ablation.rows;
        prop_assert!((0..blocks).all(|b| rows[b].verdict == Verdict::Baseline));
        // variants x blocks are one family
        let family: Vec<Vec<Vec<f64>>> =
            cells.iter().map(|&(m, b)| vec![differences(&values, m, b)]).collect();
        for (&(m, b), p) in cells.iter().zip(max_t(&family)) {
            let delta = rows[m * blocks + b].delta.unwrap();
            let own = differences(&values, m, b);
            let mean = own.iter().sum::<f64>() / own.len() as f64;
            prop_assert!(close(delta.paired.difference.mean, mean));
            prop_assert!(close(delta.p_corrected.unwrap(), p), "{:?} {}", delta.p_corrected, p);
        }
        // The methods over blocks are another.
        let over = over(&study);
        let joint: Vec<Vec<Vec<f64>>> =
            (1..methods).map(|m| (0..blocks).map(|b| differences(&values, m, b)).collect()).collect();
        for (m, p) in (1..methods).zip(max_t(&joint)) {
            let row = &over.rows[m];
            let found = row.joint.unwrap();
            prop_assert!(close(found.p(), p), "{} {}", found.p(), p);
            let of = |d: &Vec<f64>| d.iter().sum::<f64>() / d.iter().map(|d| d * d).sum::<f64>().sqrt();
            prop_assert!(close(found.statistic, joint[m - 1].iter().map(of).sum()));
            let is = |b: &usize, verdict| rows[m * blocks + b].verdict == verdict;
            let outcomes = row.outcomes.unwrap();
            prop_assert_eq!(outcomes.wins, (0..blocks).filter(|b| is(b, Verdict::Better)).count());
            prop_assert_eq!(outcomes.losses, (0..blocks).filter(|b| is(b, Verdict::Worse)).count());
            prop_assert_eq!(outcomes.wins + outcomes.losses + outcomes.undecided, blocks);
            let expected = if p > 0.05 {
                Verdict::NoEvidence
            } else if found.statistic < 0.0 {
                Verdict::Better
            } else {
                Verdict::Worse
            };
            prop_assert_eq!(row.verdict, expected);
        }
        // Mean ranks: one plus the methods ahead, and half of those that tie.
        for (m, row) in over.rows.iter().enumerate() {
            let mean = |m: usize, b: usize| values[m][b].iter().sum::<f64>() / values[m][b].len() as f64;
            let rank = |b: usize| -> f64 {
                let count = |is: fn(f64, f64) -> bool| {
                    (0..methods).filter(|&o| o != m && is(mean(o, b), mean(m, b))).count() as f64
                };
                1.0 + count(|a, b| a < b) + 0.5 * count(|a, b| a == b)
            };
            let expected = (0..blocks).map(rank).sum::<f64>() / blocks as f64;
            prop_assert!(close(row.mean_rank.unwrap(), expected));
        }
        prop_assert!(over.ranking.friedman.is_none() && over.ranking.critical_difference.is_none());
        prop_assert!(study.effects(0).is_none(), "nothing is averaged over blocks");
    }

    /// Neither the unit of a block nor its level changes what is said over blocks.
    #[test]
    fn a_block_counts_in_its_own_unit(values in whole(), power in -3i32..4) {
        let mut other = values.clone();
        for blocks in &mut other {
            blocks[0].iter_mut().for_each(|v| *v = (*v - 90.0) * 2f64.powi(power));
        }
        let [a, b] = [&values, &other].map(|values| over(&divided(&some(values))));
        for (a, b) in a.rows.iter().zip(&b.rows) {
            prop_assert_eq!((a.verdict, a.outcomes, a.mean_rank), (b.verdict, b.outcomes, b.mean_rank));
            prop_assert_eq!(a.joint.map(|joint| joint.p()), b.joint.map(|joint| joint.p()));
        }
    }
}

/// A method's values in `blocks` blocks over six seeds, `step` from the baseline's in each.
fn steady(blocks: usize, step: f64) -> Vec<Vec<Option<f64>>> {
    let block = |b: usize| {
        (0..6)
            .map(|s| Some(50.0 * (b + 1) as f64 + f64::from(s * s % 5) + step))
            .collect()
    };
    (0..blocks).map(block).collect()
}

#[test]
fn ranks_are_tested_from_six_blocks_and_have_a_critical_difference_from_ten() {
    for blocks in [2, 5, 6, 9, 10, 12] {
        let values = [steady(blocks, 0.0), steady(blocks, -1.0), steady(blocks, 1.0)];
        let over = over(&divided(&values));
        let ranks: Vec<f64> = over.rows.iter().map(|row| row.mean_rank.unwrap()).collect();
        assert_eq!(ranks, [2.0, 1.0, 3.0]);
        let ranking = &over.ranking;
        assert_eq!(ranking.smallest_p, 0.5f64.powi(blocks as i32 - 1));
        assert_eq!(ranking.friedman.is_some(), blocks >= 6);
        if let Some(test) = ranking.friedman {
            assert!(close(test.statistic, 2.0 * blocks as f64));
            assert!(close(test.p * 6f64.powi(blocks as i32 - 1), 1.0), "{}", test.p);
        }
        // 2.343 of Demsar's table, times sqrt(k (k + 1) / (6 N)).
        let expected = (blocks >= 10).then(|| 2.3437 * (2.0 / blocks as f64).sqrt());
        match (ranking.critical_difference, expected) {
            (Some(found), Some(expected)) => assert!((found - expected).abs() < 1e-4, "{found}"),
            (found, expected) => assert_eq!(found, expected),
        }
        let said = ranking.words(0.05).join(" ");
        assert_eq!(said.contains("are not tested"), blocks < 6, "{said}");
        assert_eq!(said.contains("Critical difference"), blocks >= 10, "{said}");
    }
}

#[test]
fn a_block_in_which_a_method_failed_is_left_out_by_name() {
    let mut values = [steady(7, 0.0), steady(7, -1.0), steady(7, 1.0)];
    values[1][2][4] = None;
    let study = divided(&values);
    let over = over(&study);
    let [left_out] = &over.ranking.left_out[..] else {
        panic!("{:?}", over.ranking.left_out)
    };
    assert_eq!((&*left_out.block, &*left_out.why), ("l2", "l1 lacks 1 of 6 runs"));
    assert_eq!(over.ranking.blocks, 6);
    // The comparison in that block remains, on the other seeds.
    let row = &over.rows[1];
    assert_eq!((row.joint.unwrap().blocks, row.verdict), (7, Verdict::Better));
    assert_eq!(study.ablation(0).rows[7 + 2].delta.unwrap().paired.difference.n, 5);
}

#[test]
fn outstanding_runs_leave_the_joint_test_open() {
    let mut study = divided(&[steady(3, 0.0), steady(3, -1.0)]);
    let run = study.plan.studies[0].variants[4].runs[0].clone();
    study.records.insert(run, RunRecord::outstanding());
    let over = over(&study);
    assert_eq!(over.rows[1].verdict, Verdict::Incomplete);
    assert_eq!(over.rows[1].note, "runs are outstanding in 1 of 3 blocks");
    let few: Vec<Vec<Vec<Option<f64>>>> = [0.0, -1.0]
        .map(|step| steady(3, step).into_iter().map(|b| b[..5].to_vec()).collect())
        .to_vec();
    let few = divided(&few);
    assert_eq!(
        few.over_blocks(0, &few.ablation(0)).unwrap().rows[1].verdict,
        Verdict::TooFewSeeds
    );
}

/// A method's values in `blocks` blocks over `seeds` seeds, above the baseline by one.
fn shifted(blocks: usize, seeds: usize, step: f64) -> Vec<Vec<Option<f64>>> {
    let value = |b: usize, s: usize| 50.0 * (b + 1) as f64 + (s * s % 5) as f64 + step;
    (0..blocks).map(|b| (0..seeds).map(|s| Some(value(b, s))).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    /// The joint verdict names the seeds that every block of the test has, and blocks without a
    /// pair are no outcome.
    #[test]
    fn a_joint_verdict_says_on_how_many_seeds_it_stands(
        lost in prop::collection::vec(prop::collection::btree_set(0usize..12, 0..3), 3),
        is_gone: bool,
    ) {
        let mut values = [shifted(3, 12, 0.0), shifted(3, 12, 1.0)];
        for (block, lost) in lost.iter().enumerate() {
            for &seed in lost {
                values[1][block][seed] = None;
            }
        }
        if is_gone {
            values[1][2] = vec![None; 12];
        }
        let there = if is_gone { 2 } else { 3 };
        let all: std::collections::BTreeSet<usize> = lost[..there].iter().flatten().copied().collect();
        let over = over(&divided(&values));
        let row = &over.rows[1];
        prop_assert_eq!(row.outcomes.unwrap().losses, there);
        prop_assert_eq!(row.outcomes.unwrap().undecided, 0);
        let words = match all.len() {
            0 => "worse".to_owned(),
            lost => format!("worse on {} of 12 seeds", 12 - lost),
        };
        prop_assert_eq!(row.conclusion(), words);
        let note = format!("{} of 12 seeds have a pair in every block of the test", 12 - all.len());
        prop_assert_eq!(row.note.contains(&note), !all.is_empty(), "{}", row.note);
        prop_assert_eq!(row.note.contains("tested over 2 of 3 blocks"), is_gone);
    }

    /// Notes on the smallest p and on drawn signs, by the number of seeds.
    #[test]
    fn a_joint_test_has_the_notes_of_a_comparison(seeds in 2usize..23) {
        let over = over(&divided(&[shifted(2, seeds, 0.0), shifted(2, seeds, 1.0)]));
        let note = &over.rows[1].note;
        let says = |words: &str| note.contains(words);
        prop_assert_eq!(says("could not have shown a difference"), seeds < 6, "{}", note);
        prop_assert_eq!(says("reached here); 6 could"), seeds < 6, "{}", note);
        prop_assert_eq!(says("p is the smallest that this test of"), seeds >= 6, "{}", note);
        prop_assert_eq!(says("random sign flips, not all of them"), seeds > 20, "{}", note);
    }
}

#[test]
fn a_variant_alone_has_no_rank() {
    // The second method is in one block only.
    let mut study = divided(&[shifted(3, 6, 0.0), shifted(3, 6, 1.0)]);
    study.plan.studies[0].variants.truncate(4);
    let over = over(&study);
    assert!(over.rows.iter().all(|row| row.mean_rank.is_none() && row.ranks.is_empty()));
    assert_eq!((over.ranking.methods, over.ranking.blocks), (1, 0));
    let said = over.ranking.words(0.05).join(" ");
    assert!(said.contains("fewer than two variants are in every block"), "{said}");
    assert!(said.contains("Not ranked, because not every block has it: l1"), "{said}");
}

#[test]
fn a_level_that_is_a_number_is_named_with_its_axis() {
    let mut values = [shifted(2, 6, 0.0), shifted(2, 6, 1.0)];
    values[1][1][0] = None;
    let mut study = divided(&values);
    for variant in &mut study.plan.studies[0].variants {
        variant.levels[1].remove(0);
    }
    let ablation = study.ablation(0);
    let [first, second] = &ablation.blocks[..] else { panic!("two blocks") };
    assert_eq!((&*first.name, &*second.title), ("0", "axis.1 1"));
    assert_eq!(study.label_in_block(&ablation, first, 2), "axis.1 0: l1");
    let said = over(&study).ranking.words(0.05).join(" ");
    assert!(said.contains("axis.1 1 is not ranked: l1 lacks 1 of 6 runs."), "{said}");
}

/// Three methods on seven sets: `better` is below the baseline everywhere but in `s6`, `worse`
/// above it, and fails on `s7` with one seed.
const EXPERIMENT: &str = r#"
seeds = 6

[program]
command = ["sh", "-c", 'awk -f score.awk -v "method=$1" -v "set=$2" -v "seed=$3" > "$ABLADE_RUN/out.json"', "score", "{method}", "{data}", "{seed}"]
inputs  = ["score.awk"]

[metrics]
loss = { better = "lower", file = "out.json" }

[settings]
method = "plain"
data   = "s1"

[compare]
within = ["data"]

[axes]
method = ["plain", "better", "worse"]
data   = ["s1", "s2", "s3", "s4", "s5", "s6", "s7"]
"#;

const SCORE: &str = r#"
BEGIN {
    n = substr(set, 2)
    unit = 10 ^ (n % 3)
    if (method == "worse" && n == 7 && seed == 3) exit 1
    step = method == "plain" ? 0 : method == "worse" ? 1 : n == 6 ? 0.5 : -1
    printf "{\"loss\": %.4f}\n", unit * (10 + seed * seed % 5 + step * (1 + seed / 10))
}
"#;

fn table(place: &Place, file: &str) -> Vec<std::collections::BTreeMap<String, String>> {
    let text = place.read(&format!("results/small/{file}"));
    csv::Reader::from_reader(text.as_bytes())
        .deserialize()
        .map(Result::unwrap)
        .collect()
}

#[test]
fn blocks_go_from_a_file_to_tables_terminal_figures_and_page() {
    let place = Place::with(EXPERIMENT);
    fs::write(place.path("score.awk"), SCORE).unwrap();
    // One run fails.
    let (said, _) = place.exits(1, "sweep small.toml --progress none");
    let blocks = table(&place, "blocks.csv");
    let column = |name: &str| blocks.iter().map(|row| row[name].as_str()).collect::<Vec<_>>();
    assert_eq!(column("variant"), ["baseline", "method-better", "method-worse"]);
    assert_eq!(column("method"), ["plain", "better", "worse"]);
    assert!(!blocks[0].contains_key("data"));
    assert_eq!(column("wins"), ["", "6", "0"]);
    assert_eq!(column("losses"), ["", "1", "6"]);
    assert_eq!(column("undecided"), ["", "0", "1"]);
    assert_eq!(column("n_ranked"), ["6", "6", "6"]);
    assert_eq!(column("left_out"), ["s7", "s7", "s7"]);
    assert_eq!(column("verdict"), ["baseline", "better", "worse on 5 of 6 seeds"]);
    let ablation = table(&place, "ablation.csv");
    let baselines: Vec<&str> = ablation
        .iter()
        .filter(|row| row["verdict"] == "baseline")
        .map(|row| row["data"].as_str())
        .collect();
    assert_eq!(baselines, ["s1", "s2", "s3", "s4", "s5", "s6", "s7"]);
    assert!(!place.path("results/small/effects.csv").exists());
    for part in [
        "blocks: data = `s1`, `s2`, `s3`, `s4`, `s5`, `s6`, `s7`; each has a baseline",
        "about these 7 blocks of data, not about others",
        "Friedman's test of 3 mean ranks over 6 blocks",
        "s7 is not ranked: method worse lacks 1 of 6 runs",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(place.exits(0, "compare small").0.matches("mean rank").count(), 3);
    place.exits(0, "plots small");
    for figure in ["ablation", "ranks"] {
        assert!(place.path(&format!("plots/small/{figure}.svg")).exists(), "{figure}");
    }
    let page = place.read("plots/index.html");
    assert!(page.contains("Over 7 blocks of data"));
    assert!(page.contains("not about others"));
    // Each format for a paper has both tables, and the checklist says what was compared.
    for format in ["latex", "markdown", "json"] {
        let (paper, _) = place.exits(0, &format!("compare small --format {format}"));
        for part in [
            "Over 7 blocks of data",
            "method better: better in 6, worse in 1, undecided in 0",
        ] {
            assert!(paper.contains(part), "{format}: {part}: {paper}");
        }
    }
    assert!(place.read("results/small/tables.tex").contains("\\label{tab:small-blocks}"));
    let (json, _) = place.exits(0, "compare small --format json");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    for (row, cells) in json["studies"][0]["blocks"]["rows"].as_array().unwrap().iter().zip(&blocks)
    {
        assert_eq!(row["variant"], cells["variant"].as_str());
        let statistic = row["joint_statistic"].as_f64().map(|value| value.to_string());
        assert_eq!(statistic.unwrap_or_default(), cells["joint_statistic"]);
    }
    let (checklist, _) = place.exits(0, "compare small --checklist");
    let checklist = checklist.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "Blocks Each of 7 blocks of data (`s1`,",
        "corrected over 2 variants by step-down max-T",
        "Whether all seeds are scored on one test set is up to the program",
        "Reserved CPU time: wall time of the commands times 1 processor (program.cpus)",
    ] {
        assert!(checklist.contains(part), "{part}: {checklist}");
    }
    // The spread of finished runs is that of a block.
    let (plan, _) = place.exits(0, "plan small.toml");
    assert_eq!(plan.matches(" paired differences of finished runs").count(), 7, "{plan}");
    // Another baseline, by the name of a method.
    let (other, _) = place.exits(0, "compare small --baseline method-worse");
    assert!(other.contains("method better"), "{other}");
}

#[test]
fn figures_say_what_is_missing_and_why() {
    let values = || {
        let mut values = [shifted(3, 6, 0.0), shifted(3, 6, 1.0)];
        values[1][1] = vec![None; 6];
        values
    };
    let figure = |study: &ExperimentResults, name: &str| {
        let found = charts(study, 0, &()).into_iter().find(|(own, _)| *own == name);
        found.unwrap().1
    };
    let message = |chart: &Chart, panel: usize| match &chart.panels[panel].body {
        Body::Message(text) => text.clone(),
        _ => String::new(),
    };
    let mut study = divided(&values());
    // The third block has its baseline alone.
    study.plan.studies[0].variants.truncate(5);
    let chart = figure(&study, "ablation");
    assert_eq!(message(&chart, 0), "");
    assert_eq!(message(&chart, 1), "No difference to show: 6 runs diverged.");
    assert_eq!(message(&chart, 2), "No variant besides the baseline.");
    assert!(chart.subtitle.contains(" 6 runs diverged."), "{}", chart.subtitle);
    let run = study.plan.studies[0].variants[4].runs[0].clone();
    study.records.insert(run, RunRecord::outstanding());
    assert_eq!(message(&figure(&study, "ablation"), 1), "No difference to show yet.");
    // The second block lacks the baseline.
    let mut study = divided(&[shifted(2, 6, 0.0), shifted(2, 6, 1.0), shifted(2, 6, 2.0)]);
    study.plan.studies[0].variants.remove(1);
    let subtitle = figure(&study, "ranks").subtitle;
    assert!(
        subtitle.contains("Not ranked, because not every block has it: baseline."),
        "{subtitle}"
    );
}

#[test]
fn what_is_missing_for_good_is_not_still_to_come() {
    let text = EXPERIMENT
        .replace(r#""plain", "better", "worse""#, r#""plain", "worse""#)
        .replace(r#""s1", "s2", "s3", "s4", "s5", "s6", "s7""#, r#""s1", "s2", "s3""#)
        + "\n[[exclude]]\nmatch = { method = \"worse\", data = \"s2\" }\nreason = \"none\"\n";
    let place = Place::with(&text);
    let score = SCORE.replace("n == 7 && seed == 3", "n == 1");
    fs::write(place.path("score.awk"), score).unwrap();
    place.exits(1, "sweep small.toml --progress none");
    place.exits(0, "plots small");
    let page = place.read("plots/index.html");
    assert!(!page.contains("Lowest mean rank"), "one variant is not ranked");
    assert!(page.contains("There are no ranks: fewer than two variants are in every block."));
    let blocks = table(&place, "blocks.csv");
    assert!(blocks.iter().all(|row| row["mean_rank"].is_empty() && row["n_ranked"] == "0"));
    let outcomes = ["wins", "losses", "undecided"].map(|name| blocks[1][name].as_str());
    assert_eq!(outcomes, ["0", "1", "0"], "a block without a pair, and one without the variant");
}

#[test]
fn the_joint_test_is_named_where_the_test_of_a_block_is_another() {
    let text = EXPERIMENT
        .replace("seeds = 6", "seeds = 5")
        .replace("[compare]", "[compare]\ntest = \"t\"\ncorrection = \"holm\"");
    let place = Place::with(&text);
    fs::write(place.path("score.awk"), SCORE).unwrap();
    let (plan, _) = place.exits(0, "plan small.toml");
    assert!(plan.contains("joint sign-flip test over blocks"), "{plan}");
    // Two variants under Holm: 2 x 2^(1-7) is the first below 5 %.
    assert!(plan.contains("never below 0.05: that needs 7 seeds"), "{plan}");
    let (said, _) = place.exits(1, "sweep small.toml --progress none");
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("The joint sign-flip test is about these 7 blocks"), "{said}");
    assert!(said.contains("Within a block the test is the paired t test."), "{said}");
    assert!(said.contains("7 could"), "{said}");
}
