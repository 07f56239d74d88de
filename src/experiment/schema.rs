//! The JSON Schema of the experiment file, from the same declarations that read it: completion and
//! checks in an editor. Each setting is defined once, as a value and as an axis, and referred to.

use serde_json::{Map, Value, json};

use super::design::Design;
use super::draft::SECTIONS;
use super::execution::OPTIONS;
use super::external::EXTERNAL;
use super::program::{METRIC, PROGRAM};
use crate::trainer::kind::{Bounds, Kind, SEED_MAX, Words};
use crate::trainer::{Leaf, Metrics, Settings, Trainer, last};

/// Sections of options that do not depend on the trainer.
const OF_ANY_TRAINER: [&str; 3] = ["plots", "budget", "execution"];

/// The schema, as `ablade schema` prints it and `schema/experiment.json` holds it.
pub fn schema(trainer: &dyn Trainer) -> Value {
    let settings = trainer.settings();
    let sections = settings.sections();
    let mut common = Map::new();
    for (name, schema) in [
        ("name", text("name of the experiment; the file's stem without it")),
        ("question", text("printed above the figures")),
        ("notes", text("printed below the question")),
        ("seeds", to("seeds")),
        ("design", to("design")),
        (
            "extends",
            one_or_many("files that this one builds on, relative to it; later ones win"),
        ),
        (
            "labels",
            described(json!({ "type": "object" }), "labels of the levels of an axis, one a level"),
        ),
    ] {
        common.insert(name.into(), schema);
    }
    common.insert("external".into(), array(to("external")));
    let mut properties = common.clone();
    properties.insert("axes".into(), to("axes"));
    for list in ["zip", "exclude", "set", "extra", "study"] {
        properties.insert(list.into(), array(to(list)));
    }
    for section in &sections {
        properties.insert((*section).into(), to(section));
    }
    properties.insert("compare".into(), options("compare", trainer.metrics()));
    for section in OF_ANY_TRAINER {
        properties.insert(section.into(), to(section));
    }
    let mut definitions = definitions(settings, &sections);
    definitions["experiment"] = object(&properties.into(), &[]);
    definitions["experiment of a program"] = program_experiment(common);
    definitions["seeds"] = seeds();
    definitions["words"] = array(json!({ "type": "string" }));
    for section in OF_ANY_TRAINER {
        definitions[section] = options(section, trainer.metrics());
    }
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "ablade experiment",
        "type": "object",
        "if": { "required": ["program"] },
        "then": to("experiment of a program"),
        "else": to("experiment"),
        "$defs": definitions,
    })
}

/// An experiment of a program: its settings and metrics are those that the file declares.
fn program_experiment(common: Map<String, Value>) -> Value {
    let table = |doc: &str| described(json!({ "type": "object" }), doc);
    let mut properties = common;
    for section in SECTIONS {
        let schema = match section {
            "program" => program_schema(),
            "metrics" => described(
                json!({ "type": "object", "additionalProperties": metric_schema() }),
                "values that a run reports, each with its direction and where it is read",
            ),
            _ => table("the baseline; each setting has the type of its value here"),
        };
        properties.insert(section.into(), schema);
    }
    properties.insert("axes".into(), table("settings to try, each with a list of values"));
    for list in ["zip", "exclude", "set", "extra", "study"] {
        properties.insert(list.into(), array(json!({ "type": "object" })));
    }
    properties.insert(
        "compare".into(),
        table("metric, select, level, test, correction, negligible, baseline, within"),
    );
    for section in OF_ANY_TRAINER {
        properties.insert(section.into(), to(section));
    }
    object(&properties.into(), &["program", "metrics"])
}

fn program_schema() -> Value {
    let words = to("words");
    let texts = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    let properties: Map<String, Value> = PROGRAM
        .iter()
        .map(|(key, kind)| {
            let schema = match *key {
                "command" => json!({ "anyOf": [words, array(words.clone())] }),
                "booleans" => {
                    json!({ "anyOf": [{ "const": "present" }, { "const": "no-" }, words] })
                }
                "env" => texts.clone(),
                "seed_key" => json!({ "type": "string" }),
                "resume" | "versions" | "inputs" | "data" => words.clone(),
                _ => self::kind(kind),
            };
            ((*key).to_owned(), schema)
        })
        .collect();
    object(&properties.into(), &["command"])
}

fn metric_schema() -> Value {
    let string = json!({ "type": "string" });
    let properties: Map<String, Value> = METRIC
        .iter()
        .map(|key| {
            let directions = json!({ "oneOf": [{ "const": "higher" }, { "const": "lower" }] });
            ((*key).to_owned(), if *key == "better" { directions } else { string.clone() })
        })
        .collect();
    object(&properties.into(), &["better"])
}

/// All definitions to which the schema refers.
fn definitions(settings: &Settings, sections: &[&str]) -> Value {
    let mut all = Map::new();
    let mut add = |name: &str, schema: Value| drop(all.insert(name.to_owned(), schema));
    add(
        "design",
        described(words(Design::WORDS), "which combinations of levels are run"),
    );
    add("condition", text("a condition over settings"));
    let tune = json!({ "type": "boolean" });
    add("tune", described(tune, "its levels compete on validation inside every variant"));
    let ends =
        json!({ "type": "array", "items": { "type": "number" }, "minItems": 2, "maxItems": 2 });
    add("ends", ends);
    let n = json!({ "type": "integer", "minimum": 2 });
    let number = json!({ "type": "number" });
    for (name, own, required) in [
        (
            "range",
            json!({ "from": number, "to": number, "step": number }),
            &["from", "to", "step"][..],
        ),
        ("log2", json!({ "log2": to("ends") }), &["log2"]),
        ("geom", json!({ "geom": to("ends"), "n": n }), &["geom", "n"]),
        ("linspace", json!({ "linspace": to("ends"), "n": n }), &["linspace", "n"]),
    ] {
        add(
            name,
            object(&with(own, json!({ "when": to("condition"), "tune": to("tune") })), required),
        );
    }
    add("generator", json!({ "anyOf": (["range", "log2", "geom", "linspace"].map(to)) }));
    for leaf in (0..settings.len()).filter(|leaf| settings.tag(*leaf).is_none()) {
        let path = &settings[leaf].path;
        add(path, value(settings, leaf));
        add(&format!("axis {path}"), axis(settings, leaf));
    }
    for section in sections {
        add(section, tree(settings, section, ""));
        add(&format!("axes {section}"), tree(settings, section, "axis "));
    }
    let each = |prefix: &str| -> Value {
        let one = |section: &&str| ((*section).to_owned(), to(&format!("{prefix}{section}")));
        sections.iter().map(one).collect::<Map<_, _>>().into()
    };
    let (values, axes) = (each(""), each("axes "));
    add("settings", object(&values, &[]));
    let doc = "settings to try; the only place where a list means \"try each\"";
    add("axes", described(object(&axes, &[]), doc));
    let string = json!({ "type": "string" });
    let own = json!({
        "name": string, "labels": array(string.clone()), "when": to("condition"), "tune": to("tune"),
    });
    let keys = EXTERNAL.map(|(key, doc)| (key.to_owned(), text(doc)));
    let required = ["label", "file", "metric", "value"];
    let doc = "values of another tool for each seed, read from a CSV file";
    let keys = Value::Object(keys.into_iter().collect());
    add("external", described(object(&keys, &required), doc));
    add(
        "zip",
        described(object(&with(own, axes), &["name"]), "settings that move together as one axis"),
    );
    let own = json!({ "match": to("settings"), "where": to("condition"), "reason": string });
    add("exclude", described(object(&own, &[]), "combinations to leave out"));
    let own = with(own, json!({ "values": to("settings") }));
    let doc = "settings that differ in matching combinations";
    add("set", described(object(&own, &["values"]), doc));
    let own = json!({ "label": string, "study": string });
    let doc = "variants of their own, relative to the baseline";
    add("extra", described(object(&with(own, values), &["label"]), doc));
    let own = json!({
        "name": string, "question": string, "notes": string, "design": to("design"),
        "axes": array(string.clone()), "exclude": array(to("exclude")), "set": array(to("set")),
        "extra": array(to("extra")),
    });
    let doc = "several studies over one baseline; equal runs are shared";
    add("study", described(object(&own, &["name"]), doc));
    all.into()
}

/// Reference to a definition.
fn to(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{}", name.replace(' ', "%20")) })
}

fn described(mut schema: Value, description: &str) -> Value {
    schema["description"] = description.into();
    schema
}

fn text(description: &str) -> Value {
    described(json!({ "type": "string" }), description)
}

fn array(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn one_or_many(description: &str) -> Value {
    let string = json!({ "type": "string" });
    described(json!({ "anyOf": [string, array(string)] }), description)
}

fn object(properties: &Value, required: &[&str]) -> Value {
    let mut schema =
        json!({ "type": "object", "additionalProperties": false, "properties": properties });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn words(words: Words) -> Value {
    let choices: Vec<Value> = words
        .iter()
        .map(|(word, doc)| json!({ "const": word, "description": doc }))
        .collect();
    json!({ "oneOf": choices })
}

fn seeds() -> Value {
    let count = json!({ "type": "integer", "minimum": 1 });
    let seed = json!({ "type": "integer", "minimum": 0, "maximum": SEED_MAX });
    let counted = object(&json!({ "count": count, "root": seed }), &["count"]);
    let listed = object(&json!({ "list": array(seed) }), &["list"]);
    described(
        json!({ "anyOf": [count, counted, listed] }),
        "replicates, the same in every variant",
    )
}

/// Nested tables of a section, each setting a reference to its definition; settings below a tag are
/// part of the tag.
fn tree(settings: &Settings, section: &str, prefix: &str) -> Value {
    let mut root = object(&json!({}), &[]);
    let below = format!("{section}.");
    for leaf in (0..settings.len()).filter(|leaf| settings.tag(*leaf).is_none()) {
        let path = &settings[leaf].path;
        let Some(rest) = path.strip_prefix(&below) else { continue };
        let mut at = &mut root;
        let mut keys = rest.split('.').peekable();
        while let Some(key) = keys.next() {
            let properties = &mut at["properties"];
            if keys.peek().is_none() {
                properties[key] = to(&format!("{prefix}{path}"));
                break;
            }
            if properties.get(key).is_none() {
                properties[key] = object(&json!({}), &[]);
            }
            at = &mut properties[key];
        }
    }
    root
}

/// Schema of one value of a setting.
fn value(settings: &Settings, leaf: Leaf) -> Value {
    let setting = &settings[leaf];
    let Kind::Tag(tags) = setting.kind else {
        let mut schema = described(kind(&setting.kind), &setting.doc);
        if !setting.default.is_null() {
            schema["default"] = setting.default.clone();
        }
        return schema;
    };
    let mut choices: Vec<Value> = Vec::new();
    let mut tables = Map::new();
    for (word, doc) in tags {
        let mut constants = Map::new();
        let mut required = Vec::new();
        for constant in settings.constants(leaf, word) {
            let name = last(&settings[constant].path);
            constants.insert(name.into(), value(settings, constant));
            if settings[constant].default.is_null() {
                required.push(name);
            }
        }
        choices.push(json!({ "const": word, "description": doc }));
        tables.insert((*word).into(), described(object(&constants.into(), &required), doc));
    }
    let mut table = object(&tables.into(), &[]);
    table["minProperties"] = 1.into();
    table["maxProperties"] = 1.into();
    choices.push(table);
    described(json!({ "anyOf": choices }), &setting.doc)
}

/// Schema of the values of an axis over a setting; over the constants of a tagged one as well.
fn axis(settings: &Settings, leaf: Leaf) -> Value {
    let setting = &settings[leaf];
    let list = json!({ "type": "array", "minItems": 1, "items": to(&setting.path) });
    let own = json!({
        "values": { "anyOf": [list, { "type": "object" }] }, "when": to("condition"), "tune": to("tune"),
    });
    let mut forms = vec![list, object(&own, &["values"])];
    if setting.kind.is_number() {
        forms.push(to("generator"));
    }
    // Label = value; for a tagged setting also the axes over its constants, whose labels are tables
    // of words.
    forms.push(json!({ "type": "object", "minProperties": 1 }));
    described(json!({ "anyOf": forms }), &setting.doc)
}

fn number(bounds: Bounds) -> Value {
    let mut schema = json!({ "type": "number" });
    if let Some((min, closed)) = bounds.min {
        schema[if closed { "minimum" } else { "exclusiveMinimum" }] = min.into();
    }
    if let Some((max, closed)) = bounds.max {
        schema[if closed { "maximum" } else { "exclusiveMaximum" }] = max.into();
    }
    schema
}

fn kind(kind: &Kind) -> Value {
    let count = |min: &u64, max: &u64| json!({ "type": "integer", "minimum": min, "maximum": max });
    match kind {
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Count { min, max } => count(min, max),
        Kind::CountOf(counts) => json!({ "enum": counts }),
        Kind::CountOr { min, max, word, .. } => {
            json!({ "anyOf": [count(min, max), { "const": word }] })
        }
        Kind::Number(bounds) => number(*bounds),
        Kind::Counts { min, max } => array(count(min, max)),
        Kind::Rising(bounds) => array(number(*bounds)),
        Kind::Free(_) => json!({}),
        Kind::Text | Kind::Duration | Kind::Bytes | Kind::Width(_) => json!({ "type": "string" }),
        Kind::Texts => array(json!({ "type": "string" })),
        Kind::Command => json!({ "type": "array", "items": { "type": "string" }, "minItems": 1 }),
        Kind::Option => json!({ "type": "string", "pattern": "^-" }),
        Kind::Options => array(json!({ "type": "string", "pattern": "^-" })),
        Kind::Choice(choices) | Kind::Tag(choices) => words(choices),
        Kind::Choices(choices) => array(words(choices)),
    }
}

fn with(mut own: Value, more: Value) -> Value {
    if let (Value::Object(own), Value::Object(more)) = (&mut own, more) {
        own.extend(more);
    }
    own
}

fn options(section: &str, metrics: &Metrics) -> Value {
    let mut schema = object(&json!({}), &[]);
    for option in OPTIONS {
        let Some(path) = option.path.strip_prefix(section).and_then(|rest| rest.strip_prefix('.'))
        else {
            continue;
        };
        let place = match path.split_once('.') {
            None => &mut schema["properties"][path],
            Some((table, key)) => {
                let properties = &mut schema["properties"];
                if properties.get(table).is_none() {
                    properties[table] = object(&json!({}), &[]);
                }
                &mut properties[table]["properties"][key]
            }
        };
        *place = described(kind(&option.kind(metrics)), option.doc);
    }
    schema
}
