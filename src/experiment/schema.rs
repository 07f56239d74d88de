//! The JSON Schema of the experiment file, from the same tables that read it: completion and checks
//! in an editor.

use serde_json::{Map, Value, json};

use super::design::Design;
use super::execution::OPTIONS;
use super::kind::{Bounds, Kind, Words};
use super::point::last;
use super::settings::{self, Leaf, SETTINGS};

/// The schema, as `ablade schema` prints it and `schema/experiment.json` holds it.
pub fn schema() -> Value {
    let mut properties = Map::new();
    for (name, schema) in [
        (
            "name",
            described(
                json!({ "type": "string" }),
                "name of the experiment; the file's stem without it",
            ),
        ),
        ("question", described(json!({ "type": "string" }), "printed above the figures")),
        ("notes", described(json!({ "type": "string" }), "printed below the question")),
        ("seeds", seeds()),
        ("design", design()),
        (
            "extends",
            described(
                one_or_many(),
                "files that this one builds on, relative to it; later ones win",
            ),
        ),
        (
            "axes",
            described(
                tree(&axis, ""),
                "settings to try; the only place where a list means \"try each\"",
            ),
        ),
        (
            "labels",
            described(json!({ "type": "object" }), "labels of the levels of an axis, one a level"),
        ),
        ("zip", described(array(zip()), "settings that move together as one axis")),
        ("exclude", described(array(rule(false)), "combinations to leave out")),
        (
            "set",
            described(array(rule(true)), "settings that differ in matching combinations"),
        ),
        (
            "extra",
            described(array(extra()), "variants of their own, relative to the baseline"),
        ),
        (
            "study",
            described(array(study()), "several studies over one baseline; equal runs are shared"),
        ),
    ] {
        properties.insert(name.into(), schema);
    }
    if let Value::Object(sections) = tree(&value, "")["properties"].take() {
        properties.extend(sections);
    }
    for section in ["compare", "budget", "execution"] {
        properties.insert(section.into(), options(section));
    }
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "ablade experiment",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    })
}

fn described(mut schema: Value, description: &str) -> Value {
    schema["description"] = description.into();
    schema
}

fn array(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn one_or_many() -> Value {
    json!({ "anyOf": [{ "type": "string" }, array(json!({ "type": "string" }))] })
}

fn object(properties: &Value, required: &[&str]) -> Value {
    json!({ "type": "object", "additionalProperties": false, "properties": properties, "required": required })
}

fn words(words: Words) -> Value {
    let choices: Vec<Value> = words
        .iter()
        .map(|(word, doc)| json!({ "const": word, "description": doc }))
        .collect();
    json!({ "oneOf": choices })
}

fn design() -> Value {
    described(words(Design::WORDS), "which combinations of levels are run")
}

fn seeds() -> Value {
    let count = json!({ "type": "integer", "minimum": 1 });
    let seed = json!({ "type": "integer", "minimum": 0, "maximum": settings::SEED_MAX });
    let counted = object(&json!({ "count": count, "root": seed }), &["count"]);
    let listed = object(&json!({ "list": array(seed) }), &["list"]);
    described(
        json!({ "anyOf": [count, counted, listed] }),
        "replicates, the same in every variant",
    )
}

/// Nested tables of all settings, each as `leaf` describes it; those below a tag are part of it.
fn tree(leaf: &dyn Fn(Leaf) -> Value, section: &str) -> Value {
    let mut root = json!({ "type": "object", "additionalProperties": false, "properties": {} });
    for (index, setting) in SETTINGS.iter().enumerate() {
        if settings::tag(index).is_some() || !setting.path.starts_with(section) {
            continue;
        }
        let mut at = &mut root;
        let mut keys = setting.path.split('.').peekable();
        while let Some(key) = keys.next() {
            let properties = &mut at["properties"];
            if keys.peek().is_none() {
                properties[key] = leaf(index);
                break;
            }
            if properties.get(key).is_none() {
                properties[key] =
                    json!({ "type": "object", "additionalProperties": false, "properties": {} });
            }
            at = &mut properties[key];
        }
    }
    root
}

/// One value of a setting.
fn value(leaf: Leaf) -> Value {
    let setting = &SETTINGS[leaf];
    let Kind::Tag(tags) = setting.kind else {
        let mut schema = described(kind(&setting.kind), setting.doc);
        if !settings::default(leaf).is_null() {
            schema["default"] = settings::default(leaf).clone();
        }
        return schema;
    };
    let mut choices: Vec<Value> = Vec::new();
    let mut tables = Map::new();
    for (word, doc) in tags {
        let mut constants = Map::new();
        let mut required = Vec::new();
        for constant in settings::constants(leaf, word) {
            constants.insert(last(SETTINGS[constant].path).into(), value(constant));
            if SETTINGS[constant].unless_given.is_none() {
                required.push(last(SETTINGS[constant].path));
            }
        }
        choices.push(json!({ "const": word, "description": doc }));
        let table = if required.is_empty() {
            object(&constants.into(), &[])
        } else {
            object(&constants.into(), &required)
        };
        tables.insert((*word).into(), described(table, doc));
    }
    let mut table = object(&tables.into(), &[]);
    table["minProperties"] = 1.into();
    table["maxProperties"] = 1.into();
    choices.push(table);
    described(json!({ "anyOf": choices }), setting.doc)
}

/// The values of an axis over a setting; over the constants of a tagged one as well.
fn axis(leaf: Leaf) -> Value {
    let setting = &SETTINGS[leaf];
    let list = json!({ "type": "array", "minItems": 1, "items": value(leaf) });
    let when = json!({ "type": "string", "description": "a condition: elsewhere the axis falls back to the baseline" });
    let number = json!({ "type": "number" });
    let ends = json!({ "type": "array", "items": number, "minItems": 2, "maxItems": 2 });
    let n = json!({ "type": "integer", "minimum": 2 });
    let tune = tune();
    let mut forms = vec![
        list.clone(),
        object(
            &json!({ "values": { "anyOf": [list, { "type": "object" }] }, "when": when, "tune": tune }),
            &["values"],
        ),
    ];
    if matches!(setting.kind, Kind::Count { .. } | Kind::CountOr { .. } | Kind::Number(_)) {
        forms.extend([
            object(
                &json!({ "from": number, "to": number, "step": number, "when": when, "tune": tune }),
                &["from", "to", "step"],
            ),
            object(&json!({ "log2": ends, "when": when, "tune": tune }), &["log2"]),
            object(&json!({ "geom": ends, "n": n, "when": when, "tune": tune }), &["geom", "n"]),
            object(&json!({ "linspace": ends, "n": n, "when": when, "tune": tune }), &["linspace", "n"]),
        ]);
    }
    // Label = value; for a tagged setting also the axes over its constants, which have labels of
    // words.
    forms.push(json!({ "type": "object", "minProperties": 1 }));
    described(json!({ "anyOf": forms }), setting.doc)
}

fn tune() -> Value {
    described(
        json!({ "type": "boolean" }),
        "its levels compete on validation inside every variant",
    )
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
        Kind::CountOr { min, max, word, .. } => {
            json!({ "anyOf": [count(min, max), { "const": word }] })
        }
        Kind::Number(bounds) => number(*bounds),
        Kind::Counts { min, max } => array(count(min, max)),
        Kind::Rising(bounds) => array(number(*bounds)),
        Kind::Text | Kind::Duration | Kind::Bytes => json!({ "type": "string" }),
        Kind::Texts => array(json!({ "type": "string" })),
        Kind::Option => json!({ "type": "string", "pattern": "^-" }),
        Kind::Options => array(json!({ "type": "string", "pattern": "^-" })),
        Kind::Choice(choices) | Kind::Tag(choices) => words(choices),
    }
}

fn with(mut own: Value, settings: Value) -> Value {
    if let (Value::Object(own), Value::Object(settings)) = (&mut own, settings) {
        own.extend(settings);
    }
    own
}

fn zip() -> Value {
    let own = json!({ "name": { "type": "string" }, "labels": array(json!({ "type": "string" })), "when": { "type": "string" }, "tune": tune() });
    object(&with(own, tree(&axis, "")["properties"].take()), &["name"])
}

fn rule(sets: bool) -> Value {
    let mut own = json!({ "match": tree(&value, ""), "where": { "type": "string" }, "reason": { "type": "string" } });
    if sets {
        own["values"] = tree(&value, "");
    }
    object(&own, if sets { &["values"] } else { &[] })
}

fn extra() -> Value {
    let own = json!({ "label": { "type": "string" }, "study": { "type": "string" } });
    object(&with(own, tree(&value, "")["properties"].take()), &["label"])
}

fn study() -> Value {
    let text = json!({ "type": "string" });
    let own = json!({
        "name": text, "question": text, "notes": text, "design": design(), "axes": array(text.clone()),
        "exclude": array(rule(false)), "set": array(rule(true)), "extra": array(extra()),
    });
    object(&own, &["name"])
}

fn options(section: &str) -> Value {
    let mut schema = json!({ "type": "object", "additionalProperties": false, "properties": {} });
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
                    properties[table] = json!({ "type": "object", "additionalProperties": false, "properties": {} });
                }
                &mut properties[table]["properties"][key]
            }
        };
        *place = described(kind(&option.kind), option.doc);
    }
    schema
}
