//! Options `--set`, `--axis`, `--seeds`, `--only`, `--name`.

use ablade::experiment::Overrides;

use super::fixture::{expansion, load_text, plan};
use super::matches;

const FILE: &str = "seeds = 4\n\n[axes]\nmodel.masks = { \"one\" = 1, \"two\" = 2, \"four\" = 4 }\n\n[[zip]]\nname = \"pace\"\n\
                    train.batch = [100, 50]\ntrain.epochs = [20, 10]\n";

fn overrides(set: &[&str], axis: &[&str], only: &[&str]) -> Overrides {
    let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    Overrides {
        set: owned(set),
        axis: owned(axis),
        only: owned(only),
        ..Overrides::default()
    }
}

fn refusal(overrides: &Overrides) -> String {
    load_text(FILE, overrides)
        .expect_err("these arguments are refused")
        .render(false)
}

#[test]
fn values_are_read_by_the_kind_of_their_setting() {
    let set = [
        "model.ordering=random",
        "data.name=../letters.npz",
        "model.hidden=[300, 200]",
        "train.optimizer.sgd.lr=1",
        "model.skip=true",
    ];
    let experiment = load_text(FILE, &overrides(&set, &[], &[])).unwrap_or_else(|e| panic!("{e}"));
    let json = serde_json::to_value(&experiment.baseline).expect("JSON");
    assert_eq!(json["model"]["ordering"], "random");
    assert_eq!(json["data"]["name"], "../letters.npz");
    assert_eq!(json["model"]["hidden"], serde_json::json!([300, 200]));
    assert_eq!(
        json["train"]["optimizer"],
        serde_json::json!({ "sgd": { "lr": 1.0, "momentum": 0.0 } })
    );
    assert_eq!(json["model"]["skip"], true);
}

#[test]
fn an_axis_takes_other_values_and_keeps_the_labels_that_it_has() {
    let asked = overrides(&[], &["model.masks=1,4,fresh", "model.hidden=[500],[500,500]"], &[]);
    let mut experiment =
        load_text(FILE, &Overrides { seeds: Some(1), ..asked }).unwrap_or_else(|e| panic!("{e}"));
    experiment.studies[0].variants.truncate(6);
    matches("grammar/arguments", "axis", &expansion(&experiment));
}

#[test]
fn only_restricts_the_runs_and_not_the_plan() {
    let all = load_text(FILE, &Overrides::default()).unwrap_or_else(|e| panic!("{e}"));
    let some = load_text(FILE, &overrides(&[], &[], &["two"])).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(plan(&all), plan(&some));
    assert_eq!(all.selected(&plan(&all)).len(), 24);
    // The baseline and the variant asked for, four seeds each.
    assert_eq!(some.selected(&plan(&some)).len(), 8);
}

#[test]
fn what_does_not_fit_is_refused() {
    let set = [
        "model.masks=3",
        "train.batch=10",
        "model.mask=3",
        "train.epochs",
        "model.ordering=ramdom",
        "train.patience=",
        "execution.local.x=1",
        "execution.workers=2",
    ];
    matches("grammar/arguments", "set-refused", &refusal(&overrides(&set, &[], &[])));
    let axis = ["train.epochs=1,2", "model.masks=0,1"];
    matches("grammar/arguments", "axis-refused", &refusal(&overrides(&[], &axis, &[])));
    matches("grammar/arguments", "only-refused", &refusal(&overrides(&[], &[], &["tow"])));
}
