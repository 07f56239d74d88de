//! Changes of an experiment file that change the identity of its runs, and those that do not.

use std::collections::BTreeSet;

use ablade::experiment::Overrides;
use ablade::plan::RunId;
use ablade::trainer::kind::Kind;
use proptest::prelude::*;

use super::fixture::{load_text, plan, settings};
use super::table::another;

fn ids(text: &str) -> Vec<RunId> {
    let experiment =
        load_text(text, &Overrides::default()).unwrap_or_else(|e| panic!("{text}\n{e}"));
    plan(&experiment).runs.into_iter().map(|run| run.id).collect()
}

#[test]
fn comments_order_notation_and_execution_change_no_run() {
    let plain = ids(
        "seeds = 2\n[model]\nhidden = [100]\n[train]\noptimizer = { adam = { lr = 1.0 } }\n[sample]\ntemperature = 1.0\n[axes]\nmodel.masks = [1, 2]",
    );
    let other = ids(
        "# a comment\nnotes = 'why'\n[execution]\nworkers = 3\n[axes]\nmodel.masks = { log2 = [1, 2] } # the same\n\
         [sample]\ntemperature = 1\n[train.optimizer.adam]\neps = 1e-8\nlr = 1\n[model]\nskip = false\nhidden = [100]\n\
         [seeds]\nroot = 1\ncount = 2\n[budget]\nruns = 3",
    );
    assert_eq!(plain, other);
    assert_eq!(ids("sample.temperature = -0.0"), ids("sample.temperature = 0.0"));
    assert_eq!(ids("train.optimizer = 'adam'"), ids(""));
}

#[test]
fn more_seeds_keep_the_first_ones() {
    let (few, many) = (ids("seeds = 3"), ids("seeds = 8"));
    assert_eq!(few, many[..3]);
    assert_eq!(ids("seeds = { count = 3, root = 2 }"), many[1..4]);
    assert_eq!(ids("seeds = { list = [2, 1] }"), [many[1].clone(), many[0].clone()]);
}

#[test]
fn every_setting_changes_exactly_the_runs_that_it_is_set_in() {
    // The existing constants depend on the word: they are tested below their own.
    let constants = [
        ("data.levels", "model.output = 'categorical'"),
        ("train.optimizer.adam", ""),
        ("train.optimizer.sgd", "train.optimizer = { sgd = { lr = 0.5 } }"),
        ("train.optimizer.adagrad", "train.optimizer = { adagrad = { lr = 0.5 } }"),
        ("train.optimizer.adadelta", "train.optimizer = { adadelta = { } }"),
        (
            "train.schedule.steps",
            "train.schedule = { steps = { at = [0.5], factor = 0.5 } }",
        ),
    ];
    for setting in settings().iter().filter(|setting| !matches!(setting.kind, Kind::Tag(_))) {
        let Some(value) = another(setting) else { continue };
        let base = constants
            .iter()
            .find(|(path, _)| setting.path.starts_with(path))
            .map_or("", |(_, base)| *base);
        // Masks and widths are both axes only here: the setting itself must not be one of the
        // cells.
        let axis = if setting.path == "train.epochs" { "train.batch" } else { "train.epochs" };
        let text = format!("seeds = 2\n{base}\n[axes]\n{axis} = [101, 102, 103]\n");
        let before: BTreeSet<RunId> = ids(&text).into_iter().collect();
        let overrides = Overrides {
            set: vec![format!("{}={value}", setting.path)],
            ..Overrides::default()
        };
        let changed = load_text(&text, &overrides).map(|experiment| plan(&experiment));
        // One mask cannot be averaged thirteen times: there must be enough masks.
        let changed = if setting.path == "sample.masks" {
            let overrides = Overrides {
                set: vec!["model.masks=13".into(), "sample.masks=13".into()],
                ..overrides
            };
            load_text(&text, &overrides).map(|experiment| plan(&experiment))
        } else if setting.path == "data.values" {
            let set = vec!["data.values=real".into(), "model.output=gaussian".into()];
            load_text(&text, &Overrides { set, ..overrides }).map(|experiment| plan(&experiment))
        } else if setting.path == "data.train" {
            let overrides = Overrides { set: vec!["data.train=130".into()], ..overrides };
            load_text(&text, &overrides).map(|experiment| plan(&experiment))
        } else {
            changed
        };
        let changed = changed.unwrap_or_else(|e| panic!("{}\n{e}", setting.path));
        assert_eq!(changed.runs.len(), 6);
        assert!(
            changed.runs.iter().all(|run| !before.contains(&run.id)),
            "{} changes no run",
            setting.path
        );
    }
}

#[test]
fn a_change_in_one_cell_changes_no_other() {
    let text = "seeds = 2\n[axes]\nmodel.masks = [1, 2, 4]";
    let (before, after) = (
        ids(text),
        ids(&format!(
            "{text}\n[[set]]\nwhere = 'model.masks == 4'\nvalues = {{ train.epochs = 3 }}"
        )),
    );
    assert_eq!(before[..4], after[..4]);
    assert!(before[4..].iter().all(|id| !after.contains(id)));
}

/// For every setting as an axis with two levels, changing one level changes exactly the runs of
/// that level.
#[test]
fn every_setting_changes_the_runs_of_one_level_and_no_others() {
    let mut tried = 0;
    for setting in settings().iter().filter(|setting| !matches!(setting.kind, Kind::Tag(_))) {
        let Some(value) = another(setting) else { continue };
        let axis = if setting.path == "train.epochs" { "train.batch" } else { "train.epochs" };
        let also = match setting.path.as_str() {
            "sample.masks" => "model.masks = 13\n",
            "data.levels" => "model.output = 'categorical'\n",
            "train.schedule.steps.at" => {
                "train.schedule = { steps = { at = [0.5], factor = 0.1 } }\n"
            }
            "train.schedule.steps.factor" => {
                "train.schedule = { steps = { at = [0.5], factor = 0.5 } }\n"
            }
            path => match path.split('.').nth(2) {
                Some("sgd") => "train.optimizer = { sgd = { lr = 0.5 } }\n",
                Some("adagrad") => "train.optimizer = { adagrad = { lr = 0.5 } }\n",
                Some("adadelta") => "train.optimizer = \"adadelta\"\n",
                _ => "",
            },
        };
        let text = format!("seeds = 2\n{also}[axes]\n{axis} = [101, 102, 103]\n");
        // A minibatch must not be larger than the training set, and real numbers have densities.
        let value = match setting.path.as_str() {
            "data.train" => "130",
            "data.values" => "'real', model.output = 'gaussian'",
            _ => &value,
        };
        let set = format!(
            "[[set]]\nwhere = '{axis} == 102'\nvalues = {{ {} = {value} }}\n",
            setting.path
        );
        let (before, after) = (ids(&text), ids(&format!("{text}{set}")));
        let same: Vec<bool> =
            before.iter().zip(&after).map(|(before, after)| before == after).collect();
        assert_eq!(same, [true, true, false, false, true, true], "{}", setting.path);
        tried += 1;
    }
    assert!(tried > 30, "only {tried} settings were tried");
}

/// Variations of the text of one experiment: its parts in any order, numbers in any notation, and
/// additions that are not settings.
fn written(order: &[usize], notation: &[bool], noise: &[bool]) -> String {
    let pick = |i: usize, plain: &'static str, other: &'static str| {
        if notation[i] { other } else { plain }
    };
    let add = |i: usize, text: &str| if noise[i] { text.to_owned() } else { String::new() };
    let parts = [
        format!("seeds = {}\n", pick(0, "2", "{ root = 1, count = 2 }")),
        format!("model.hidden = {}\n", pick(1, "[100, 20]", "[ 100,\n  20 ] # two layers")),
        format!("train.optimizer.adam.lr = {}\n", pick(2, "1", "1.0")),
        format!("train.optimizer.adam.eps = {}\n", pick(3, "1e-8", "0.00000001")),
        format!("sample.temperature = {}\n", pick(4, "1.0", "1e0")),
        format!("axes.model.masks = {}\n", pick(5, "[1, 2, 4]", "{ log2 = [1, 4] }")),
        format!("data.name = {}\n", pick(6, "\"digits\"", "'digits'")),
        add(0, "execution = { workers = 3, checkpoint = \"1s\", memory = \"1GiB\" }\n"),
        add(1, "# a comment\n\n\tquestion = \"why?\" # another\nnotes = 'n'\n"),
        add(
            2,
            "budget = { runs = 3 }\ncompare.level = 0.9\nlabels.model.masks = ['a', 'b', 'c']\n",
        ),
        add(3, "model.skip = false\ntrain.patience = 0\n"),
    ];
    order.iter().map(|&i| parts[i].as_str()).collect()
}

proptest! {
    #[test]
    fn however_it_is_written_an_experiment_has_the_same_runs(
        order in Just((0..11).collect::<Vec<usize>>()).prop_shuffle(),
        notation in prop::collection::vec(any::<bool>(), 7),
        noise in prop::collection::vec(any::<bool>(), 4),
    ) {
        let plain = written(&(0..11).collect::<Vec<_>>(), &[false; 7], &[false; 4]);
        prop_assert_eq!(ids(&written(&order, &notation, &noise)), ids(&plain));
    }
}
