//! Agreement of the table of settings with serde's view of `RunConfig`.

use std::path::Path;

use ablade::config::RunConfig;
use ablade::experiment::{OPTIONS, Overrides, RESERVED, declared_trainer, load_with};
use ablade::trainer::kind::{FreeKind, Kind};
use ablade::trainers::made::config_of;
use ablade::trainers::program::ProgramTrainers;
use serde_json::{Map, Value, json};

use super::fixture::{load_text, settings};

fn default_config() -> Value {
    serde_json::to_value(RunConfig::default()).expect("a configuration is JSON")
}

/// A configuration whose setting at `path` is `value`; a table below a tag replaces the tag's
/// value.
fn with(path: &str, value: Value) -> Value {
    let mut config = default_config();
    let mut at = &mut config;
    let (tables, last) = path.rsplit_once('.').expect("a path of two words");
    for key in tables.split('.') {
        if at.get(key).is_none() {
            *at = Value::Object(Map::from_iter([(key.to_owned(), json!({}))]));
        }
        at = &mut at[key];
    }
    at[last] = value;
    config
}

/// Words that serde's message lists after "expected".
fn expected(error: &serde_json::Error) -> Vec<String> {
    let message = error.to_string();
    let list = message.split("expected").nth(1).unwrap_or_default();
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn refused(config: Value) -> serde_json::Error {
    serde_json::from_value::<RunConfig>(config).expect_err("serde takes this")
}

/// Leaves of the default configuration; the value of a tagged setting counts as one.
fn leaves(prefix: &str, value: &Value, out: &mut Vec<String>) {
    let tagged = settings()
        .iter()
        .any(|setting| setting.path == prefix && matches!(setting.kind, Kind::Tag(_)));
    match value {
        Value::Object(table) if !tagged => {
            for (key, value) in table {
                leaves(
                    &if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") },
                    value,
                    out,
                );
            }
        }
        _ => out.push(prefix.to_owned()),
    }
}

fn constants(path: &str, word: &str) -> Vec<String> {
    let below = format!("{path}.{word}.");
    settings()
        .iter()
        .filter_map(|setting| setting.path.strip_prefix(&below).map(str::to_owned))
        .collect()
}

#[test]
fn every_leaf_of_the_configuration_is_one_setting() {
    let mut serde = Vec::new();
    leaves("", &default_config(), &mut serde);
    let tagged = |path: &str| {
        settings()
            .iter()
            .any(|s| matches!(s.kind, Kind::Tag(_)) && path.starts_with(&format!("{}.", s.path)))
    };
    let mut table: Vec<String> = (settings().iter())
        .filter(|setting| !setting.implied)
        .map(|s| s.path.clone())
        .filter(|path| !tagged(path))
        .collect();
    serde.sort();
    table.sort();
    assert_eq!(table, serde);
}

#[test]
fn implied_settings_are_known_to_serde_and_left_out_at_their_default() {
    for setting in settings().iter().filter(|setting| setting.implied) {
        let written = with(&setting.path, setting.default.clone());
        let read: RunConfig = serde_json::from_value(written).expect("a setting of serde");
        assert_eq!(read, RunConfig::default(), "{}", setting.path);
        assert_eq!(serde_json::to_value(&read).expect("JSON"), default_config());
    }
}

#[test]
fn words_and_constants_are_those_of_serde() {
    for setting in &settings() {
        let words: Vec<&str> = setting.kind.words().iter().map(|(word, _)| *word).collect();
        if words.is_empty() {
            continue;
        }
        assert_eq!(words_of_serde(&setting.path), sorted(&words), "{}", setting.path);
        for word in words.iter().filter(|_| matches!(setting.kind, Kind::Tag(_))) {
            let own = constants(&setting.path, word);
            if own.is_empty() {
                serde_json::from_value::<RunConfig>(with(&setting.path, (*word).into()))
                    .expect("a word alone");
                continue;
            }
            let table = Map::from_iter([((*word).to_owned(), json!({ "no such constant": 1 }))]);
            let error = refused(with(&setting.path, table.into()));
            assert_eq!(sorted(&expected(&error)), sorted(&own), "{}.{word}: {error}", setting.path);
        }
    }
}

fn words_of_serde(path: &str) -> Vec<String> {
    sorted(&expected(&refused(with(path, "no such word".into()))))
}

fn sorted(words: &[impl ToString]) -> Vec<String> {
    let mut words: Vec<String> = words.iter().map(ToString::to_string).collect();
    words.sort();
    words
}

#[test]
fn a_constant_has_the_default_that_serde_gives_it() {
    for setting in &settings() {
        let Some((path, word)) =
            setting.path.rsplit_once('.').and_then(|(tag, _)| tag.rsplit_once('.'))
        else {
            continue;
        };
        if !settings().iter().any(|s| s.path == path) {
            continue;
        }
        let own = constants(path, word);
        let name = setting.path.rsplit('.').next().expect("a name");
        let others = own.iter().filter(|constant| *constant != name);
        let value = |constant: &str| if constant == "at" { json!([0.5]) } else { json!(0.5) };
        let table: Map<String, Value> =
            others.map(|constant| ((*constant).clone(), value(constant))).collect();
        let read = serde_json::from_value::<RunConfig>(with(path, json!({ word: table })));
        let default = Some(&setting.default).filter(|default| !default.is_null());
        match (read, default) {
            (Ok(config), Some(default)) => {
                let read = serde_json::to_value(config).expect("JSON");
                let found =
                    path.split('.').chain([word, name]).fold(&read, |value, key| &value[key]);
                assert_eq!(found, default, "{}", setting.path);
            }
            // Serde requires the learning rate of Adam; the grammar uses that of the default
            // configuration.
            (Err(_), Some(default)) => {
                let found = path
                    .split('.')
                    .chain([word, name])
                    .fold(default_config(), |value, key| value[key].clone());
                assert_eq!(&found, default, "{}", setting.path);
            }
            (Err(_), None) => {}
            (Ok(_), None) => panic!("serde has a default for {}, the table has none", setting.path),
        }
    }
}

#[test]
fn generator_keys_are_no_names_in_tables_of_tagged_settings() {
    for setting in &settings() {
        // Below a group and a setting there are the words and constants of a tagged one.
        let constants = setting.path.split('.').skip(2).map(str::to_owned);
        let words = match setting.kind {
            Kind::Tag(words) => words.iter().map(|(word, _)| (*word).to_owned()).collect(),
            _ => vec![],
        };
        for word in constants.chain(words) {
            let path = &setting.path;
            assert!(!RESERVED.contains(&&*word), "{path}, {word}: the name of a generator's key");
        }
    }
}

#[test]
fn a_setting_with_the_name_of_a_generator_key_can_be_swept() {
    let values = |axis: &str| {
        let text = format!(
            "[axes]\n{axis}\n[[set]]\nwhere = \"data.values == 'real'\"\n\
             values = {{ data.name = 'moons', model.output = 'gaussian' }}\n"
        );
        let experiment =
            load_text(&text, &Overrides::default()).unwrap_or_else(|e| panic!("{text}\n{e}"));
        experiment.studies[0].axes[0].levels.len()
    };
    assert_eq!(values("data.values = ['pixels', 'real']"), 2);
    assert_eq!(values("data = { values = ['pixels', 'real'] }"), 2);
    assert_eq!(values("data.values = { values = ['pixels', 'real'] }"), 2);
    assert_eq!(values("data.values = { bits = 'pixels', table = 'real' }"), 2);
}

/// A value other than the default, as TOML.
pub(crate) fn another(setting: &ablade::trainer::Setting) -> Option<String> {
    let name = setting.path.rsplit('.').next().expect("a name");
    Some(match setting.kind {
        Kind::Flag => "true".into(),
        Kind::Count { .. } | Kind::CountOr { .. } => "13".into(),
        Kind::CountOf(counts) => counts[counts.len() - 1].to_string(),
        Kind::Number(_) => "0.125".into(),
        Kind::Counts { .. } => "[13, 17]".into(),
        Kind::Rising(_) => "[0.125, 0.25]".into(),
        Kind::Text => "\"shapes\"".into(),
        Kind::Choice(words) => {
            let other =
                words.iter().map(|(word, _)| *word).find(|word| setting.default != json!(word));
            format!("\"{}\"", other.unwrap_or_else(|| panic!("{name} has a single word")))
        }
        Kind::Tag(_)
        | Kind::Texts
        | Kind::Option
        | Kind::Options
        | Kind::Command
        | Kind::Duration
        | Kind::Choices(_)
        | Kind::Width(_)
        | Kind::Free(_)
        | Kind::Bytes => {
            return None;
        }
    })
}

#[test]
fn every_setting_can_be_written_and_is_read_back_the_same() {
    for setting in &settings() {
        let Some(value) = another(setting) else { continue };
        let required = match setting.path.as_str() {
            "train.schedule.steps.at" => "train.schedule.steps.factor = 0.1",
            "data.train" => "train.batch = 10",
            "data.levels" => "model.output = 'categorical'",
            "data.values" => "model.output = 'gaussian'",
            "sample.masks" => "model.masks = 13",
            "train.schedule.steps.factor" => "train.schedule.steps.at = [0.5]",
            path if path.split('.').next_back() == Some("lr") => "",
            path if path.starts_with("train.optimizer.sgd") => "train.optimizer.sgd.lr = 0.1",
            path if path.starts_with("train.optimizer.adagrad") => {
                "train.optimizer.adagrad.lr = 0.1"
            }
            _ => "",
        };
        let text = format!("{required}\n{} = {value}\n", setting.path);
        let experiment =
            load_text(&text, &Overrides::default()).unwrap_or_else(|e| panic!("{text}\n{e}"));
        let written = experiment.baseline.value();
        let found = setting.path.split('.').fold(&written, |value, key| &value[key]);
        let wanted: toml::Table = format!("v = {value}").parse().expect("TOML");
        assert_eq!(found, &serde_json::to_value(&wanted["v"]).expect("JSON"), "{}", setting.path);
        let again: RunConfig = serde_json::from_value(written).expect("a configuration reads back");
        assert_eq!(config_of(&again), experiment.baseline);
    }
}

#[test]
fn every_option_is_a_field() {
    let value = |kind: &Kind| match kind {
        Kind::Flag => "true".to_owned(),
        Kind::Count { min, .. } => min.max(&3).to_string(),
        Kind::CountOr { .. } => "3".into(),
        Kind::Width(_) => "\"85mm\"".into(),
        Kind::Choices(words) => format!("[\"{}\"]", words[0].0),
        Kind::Number(_) => "0.5".into(),
        Kind::Texts | Kind::Command => "[\"a\"]".into(),
        Kind::Option => "\"-a\"".into(),
        Kind::Options => "[\"-a\"]".into(),
        Kind::Duration => "\"90s\"".into(),
        Kind::Bytes => "\"1KiB\"".into(),
        Kind::Free(FreeKind::Texts) => "[\"sh\"]".into(),
        kind => format!("\"{}\"", kind.words().last().map_or("baseline", |(word, _)| *word)),
    };
    // Some are of programs alone, and one of the built-in model.
    let program = "program.command = [\"true\"]\nmetrics.loss.better = \"lower\"\nsettings.a = 1\nsettings.b = 1\n\
                   axes.a = [1, 2]\naxes.b = [1, 2]\n";
    let path = Path::new("/experiment.toml");
    let load = |text: &str| {
        let read = |_: &Path| Ok(text.to_owned());
        let trainer = declared_trainer(path, &*ProgramTrainers::new(None), &read);
        let trainer = trainer.unwrap_or_else(|e| panic!("{e}")).expect("a program");
        let experiment = load_with(path, &Overrides::default(), &*trainer, &read);
        (experiment.unwrap_or_else(|e| panic!("{e}")), trainer)
    };
    let (_, trainer) = load(program);
    let of_program = OPTIONS.iter().filter(|option| option.path != "execution.missing_data");
    let lines = of_program.map(|option| match option.path {
        "execution.local" => "execution.local.scratch = \"a\"".to_owned(),
        path @ ("execution.command.submit" | "execution.command.single") => {
            format!("{path} = [\"qsub\", \"{{script}}\", \"{{index}}\"]")
        }
        path @ "execution.command.cancel" => format!("{path} = [\"qdel\", \"{{id}}\"]"),
        path => format!("{path} = {}", value(&option.kind(trainer.metrics()))),
    });
    let (experiment, _) = load(&(program.to_owned() + &lines.collect::<Vec<_>>().join("\n")));
    let leaves_of = |prefix: &str, value: Value| {
        let mut found = Vec::new();
        leaves(prefix, &value, &mut found);
        found
    };
    let mut fields =
        leaves_of("execution", serde_json::to_value(&experiment.execution).expect("JSON"));
    fields.extend(leaves_of("budget", serde_json::to_value(&experiment.budget).expect("JSON")));
    fields.extend(leaves_of("compare", serde_json::to_value(&experiment.compare).expect("JSON")));
    fields.extend(leaves_of("plots", serde_json::to_value(&experiment.plots).expect("JSON")));
    let fields: Vec<&str> = fields.iter().map(|f| f.trim_end_matches(".scratch")).collect();
    assert_eq!(
        sorted(&fields),
        sorted(&OPTIONS.iter().map(|option| option.path).collect::<Vec<_>>())
    );
    assert_eq!(
        (experiment.execution.checkpoint, experiment.execution.memory),
        (Some(90.0), Some(1024))
    );
}
