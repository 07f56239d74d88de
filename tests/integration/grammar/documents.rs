//! Agreement of the schema, the reference, the shipped experiments and the files of packages with the
//! code.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ablade::experiment::{Overrides, declared_trainer, load, load_with, reference, schema};
use ablade::launch::array::scheduler_table;
use ablade::trainer::{
    Config, Declaration, DeclarationFault, IdentifiedRun, Program, Programs, Trainer,
};
use ablade::trainers::program::ProgramTrainers;

use crate::support::made;
use crate::support::place::Place;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Compares a file with the expected content; `UPDATE_DOCUMENTS=1` writes it instead.
fn holds(path: &Path, wanted: &str) {
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder is made");
        std::fs::write(path, wanted).expect("a document is written");
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    let name = path.display();
    assert!(
        found == wanted,
        "{name} is out of date: UPDATE_DOCUMENTS=1 cargo test --test integration grammar::documents"
    );
}

#[test]
fn the_schema_file_is_the_schema() {
    holds(&root().join("schema/experiment.json"), &format!("{:#}\n", schema(&*made())));
}

/// Compares the part of a document between two marks with the expected content.
fn holds_between_marks(document: &str, part: &str, wanted: &str) {
    let begin = format!(
        "<!-- {part}: begin, written by UPDATE_DOCUMENTS=1 cargo test --test integration grammar::documents -->\n"
    );
    let end = format!("<!-- {part}: end -->");
    let path = root().join(document);
    let text = std::fs::read_to_string(&path).expect(document);
    let (before, rest) = text.split_once(&begin).expect("the mark where the part begins");
    let (_, after) = rest.split_once(&end).expect("the mark where it ends");
    holds(&path, &format!("{before}{begin}{wanted}{end}{after}"));
}

/// JSON Schemas of the documents for programs, as the program prints them.
fn schemas_of_documents() -> Vec<(&'static str, String)> {
    let place = crate::support::place::Place::new();
    let of = |name| (name, place.exits(0, &format!("schema {name}")).0);
    crate::json::NAMES.into_iter().map(of).collect()
}

#[test]
fn the_schema_files_of_documents_are_their_schemas() {
    for (name, schema) in schemas_of_documents() {
        holds(&root().join(format!("schema/{name}.json")), &schema);
    }
    let n_files = std::fs::read_dir(root().join("schema")).expect("a folder").count();
    assert_eq!(
        n_files,
        crate::json::NAMES.len() + 1,
        "one for each document, and the experiment"
    );
}

/// Words for the type of a value.
fn type_in_words(schema: &serde_json::Value) -> String {
    use serde_json::Value;
    if let Some(word) = schema["const"].as_str() {
        return format!("`{word}`");
    }
    let types = match &schema["type"] {
        Value::Array(types) => types.clone(),
        one => vec![one.clone()],
    };
    let word = match types[0].as_str().expect("a type") {
        _ if schema["enum"].is_array() => {
            let words = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
            words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
        }
        "string" => "text".to_owned(),
        "integer" => "whole number".to_owned(),
        "boolean" => "true or false".to_owned(),
        "array" => format!("list of {}", plural(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => {
            format!("object of {}", plural(&schema["additionalProperties"]))
        }
        other => other.to_owned(),
    };
    if types.len() > 1 { format!("{word}, or null") } else { word }
}

fn plural(schema: &serde_json::Value) -> String {
    match type_in_words(schema).as_str() {
        "text" => "texts".to_owned(),
        list if list.starts_with("list of ") => list.replacen("list", "lists", 1),
        word => match word.split_once(", or null") {
            Some((word, _)) => format!("{word}s, or null"),
            None => format!("{word}s"),
        },
    }
}

/// Rows of a Markdown table for the keys of an object.
fn rows_of_keys(schema: &serde_json::Value, at: &str) -> String {
    let properties = schema["properties"].as_object().into_iter().flatten();
    let row = |(key, inner): (&String, &serde_json::Value)| {
        let path = format!("{at}{key}");
        let meaning = inner["description"].as_str().expect("a description").trim_end_matches('.');
        let items = rows_of_keys(&inner["items"], &format!("{path}[]."));
        let keys = rows_of_keys(inner, &format!("{path}."));
        format!("| `{path}` | {} | {meaning} |\n{items}{keys}", type_in_words(inner))
    };
    properties.map(row).collect()
}

#[test]
fn the_keys_of_documents_are_in_their_reference() {
    const BEGIN: &str = "<!-- keys: begin, written by UPDATE_DOCUMENTS=1 cargo test --test \
                         integration grammar::documents -->\n";
    const END: &str = "<!-- keys: end -->";
    const HEAD: &str = "| key | type | meaning |\n|---|---|---|\n";
    let mut keys = String::new();
    for (name, schema) in schemas_of_documents() {
        let schema: serde_json::Value = serde_json::from_str(&schema).expect("JSON");
        let about = schema["description"].as_str().expect("a description");
        keys += &format!("### `{name}`\n\n{about}\n");
        let events = schema["oneOf"].as_array().into_iter().flatten();
        for event in events {
            let (name, about) = (&event["title"], &event["description"]);
            let [name, about] = [name, about].map(|text| text.as_str().expect("text"));
            keys += &format!("\n`{name}`: {about}\n\n{HEAD}{}", rows_of_keys(event, ""));
        }
        if schema["oneOf"].is_null() {
            keys += &format!("\n{HEAD}{}", rows_of_keys(&schema, ""));
        }
        keys += "\n";
    }
    let path = root().join("docs/reference/json.md");
    let text = std::fs::read_to_string(&path).expect("docs/reference/json.md");
    let (before, rest) = text.split_once(BEGIN).expect("the mark where the keys begin");
    let (_, after) = rest.split_once(END).expect("the mark where they end");
    holds(&path, &format!("{before}{BEGIN}\n{keys}{END}{after}"));
}

#[test]
fn the_reference_is_in_the_format_document() {
    holds_between_marks("docs/reference/format.md", "settings", &reference(&*made()));
}

#[test]
fn the_schedulers_are_in_the_cluster_document() {
    holds_between_marks("docs/reference/cluster.md", "schedulers", &scheduler_table());
}

/// Files that `pip install` puts below `share` in its environment.
#[test]
fn the_man_page_and_completions_of_packages_are_those_of_the_program() {
    let share = root().join("packaging/data/share");
    for (command, file) in [
        ("man", "man/man1/ablade.1"),
        ("completions bash", "bash-completion/completions/ablade"),
        ("completions zsh", "zsh/site-functions/_ablade"),
        ("completions fish", "fish/vendor_completions.d/ablade.fish"),
    ] {
        let (out, _) = Place::new().exits(0, command);
        holds(&share.join(file), &out);
    }
}

/// Programs of examples, which are on no disk.
#[derive(Debug)]
struct Unresolved(Arc<ProgramTrainers>);

impl Programs for Unresolved {
    fn resolve(&self, _: &mut Declaration) -> Vec<DeclarationFault> {
        Vec::new()
    }

    fn trainer(&self, declaration: Declaration) -> Result<Arc<dyn Trainer>, String> {
        self.0.trainer(declaration)
    }

    fn identify(&self, program: &Program, config: &Config) -> Result<IdentifiedRun, String> {
        self.0.identify(program, config)
    }
}

#[test]
fn every_example_of_the_format_document_loads() {
    let text = std::fs::read_to_string(root().join("docs/reference/format.md"))
        .expect("docs/reference/format.md");
    let examples: Vec<&str> = text
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(examples.len() > 5, "{} examples", examples.len());
    for example in examples {
        let read = |_: &Path| Ok(example.to_owned());
        let path = Path::new("/experiment.toml");
        let program = declared_trainer(path, &Unresolved(ProgramTrainers::new(None)), &read)
            .unwrap_or_else(|e| panic!("{example}\n{e}"));
        let trainer = program.unwrap_or_else(|| made());
        load_with(path, &Overrides::default(), &*trainer, &read)
            .unwrap_or_else(|e| panic!("{example}\n{e}"));
    }
}

#[test]
fn every_shipped_experiment_loads() {
    let folders = ["experiments", "experiments/outputs", "experiments/report", "experiments/paper"];
    let entries = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(root().join(folder)).expect("a folder"));
    let files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|p| p.extension().is_some_and(|e| e == "toml"))
        .collect();
    assert!(files.len() >= 5);
    for file in files {
        let experiment =
            load(&file, &Overrides::default(), &*made()).unwrap_or_else(|e| panic!("{e}"));
        assert!(
            !experiment.question.is_empty() && !experiment.notes.is_empty(),
            "{} asks nothing",
            file.display()
        );
        assert!(experiment.remarks.is_empty(), "{:?}", experiment.remarks);
    }
}

/// Validates by hand the keywords that `schema` uses: enough to see that it accepts what the
/// grammar accepts.
fn fits(schema: &serde_json::Value, value: &serde_json::Value) -> bool {
    use serde_json::Value;
    let each = |key: &str| schema[key].as_array().into_iter().flatten();
    let kind = match schema["type"].as_str() {
        None => true,
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_u64() || value.is_i64(),
        Some("number") => value.is_number(),
        Some(other) => panic!("{other}"),
    };
    let bound =
        |key: &str, holds: fn(f64, f64) -> bool| match (schema[key].as_f64(), value.as_f64()) {
            (Some(bound), Some(x)) => holds(x, bound),
            _ => true,
        };
    let table = value.as_object().is_none_or(|table| {
        let known = |(key, value): (&String, &Value)| match schema["properties"].get(key) {
            Some(inner) => fits(inner, value),
            None if schema["additionalProperties"].is_object() => {
                fits(&schema["additionalProperties"], value)
            }
            None => schema["additionalProperties"] != false,
        };
        table.iter().all(known)
            && each("required").all(|key| table.contains_key(key.as_str().expect("a key")))
    });
    let list = value.as_array().is_none_or(|list| {
        schema
            .get("items")
            .is_none_or(|items| list.iter().all(|item| fits(items, item)))
    });
    let branch = match schema.get("if") {
        None => true,
        Some(condition) => {
            let branch = if fits(condition, value) { "then" } else { "else" };
            fits(&schema[branch], value)
        }
    };
    kind && table
        && branch
        && list
        && schema.get("const").is_none_or(|word| word == value)
        && (schema.get("anyOf").is_none() || each("anyOf").any(|one| fits(one, value)))
        && (schema.get("oneOf").is_none()
            || each("oneOf").filter(|one| fits(one, value)).count() == 1)
        && bound("minimum", |x, bound| x >= bound)
        && bound("maximum", |x, bound| x <= bound)
        && bound("exclusiveMinimum", |x, bound| x > bound)
        && bound("exclusiveMaximum", |x, bound| x < bound)
}

/// A schema with each reference replaced by what it refers to.
fn inlined(schema: serde_json::Value, definitions: &serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match schema {
        Value::Object(fields) => match fields.get("$ref").and_then(Value::as_str) {
            Some(reference) => {
                let name = reference.strip_prefix("#/$defs/").expect("a definition");
                let found = definitions.get(name.replace("%20", " ")).expect(name);
                inlined(found.clone(), definitions)
            }
            None => {
                let each = |(key, value)| (key, inlined(value, definitions));
                Value::Object(fields.into_iter().map(each).collect())
            }
        },
        Value::Array(items) => items.into_iter().map(|item| inlined(item, definitions)).collect(),
        other => other,
    }
}

#[test]
fn the_schema_takes_what_the_grammar_takes_and_knows_its_keys() {
    let mut schema = schema(&*made());
    let definitions = schema["$defs"].take();
    let schema = inlined(schema, &definitions);
    let read = |path: &Path| -> serde_json::Value {
        let text = std::fs::read_to_string(path).expect("an experiment");
        serde_json::to_value(text.parse::<toml::Table>().expect("TOML")).expect("JSON")
    };
    for folder in ["tests/fixtures/grammar", "tests/fixtures/grammar/parts", "experiments"] {
        for entry in std::fs::read_dir(root().join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|e| e == "toml") {
                assert!(fits(&schema, &read(&path)), "the schema refuses {}", path.display());
            }
        }
    }
    for misuse in ["unknown-setting", "unknown-keys", "list-in-the-baseline", "options", "seeds"] {
        let path = root().join(format!("tests/fixtures/grammar/misuse/{misuse}.toml"));
        assert!(!fits(&schema, &read(&path)), "the schema takes {misuse}");
    }
}
