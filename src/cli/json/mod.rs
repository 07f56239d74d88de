//! JSON documents that commands print for programs, and the events of `--progress json`.
//!
//! Each document is one Rust type, declared by [`facts!`]: the command fills it, and prints it or the
//! text for people. Its JSON Schema (`ablade schema NAME`, `schema/NAME.json`) and the tables of
//! `docs/reference/json.md` are derived from the same declaration.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::Terminal;
use crate::cli::show::terminal::escaped_json;
use crate::stats::{Estimate, Interval};
use crate::trainer::Metric;

/// Declares a struct whose fields are the keys of a JSON object. The documentation of a field is its
/// description in the schema.
macro_rules! facts {
    (
        $(#[doc = $about:literal])+
        $visibility:vis struct $name:ident {
            $( $(#[doc = $doc:literal])+ $field:ident: $type:ty, )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, serde::Serialize)]
        $visibility struct $name {
            $( $(#[doc = $doc])+ pub(crate) $field: $type, )+
        }

        impl $crate::cli::json::HasSchema for $name {
            fn schema() -> serde_json::Value {
                $crate::cli::json::object(
                    &[$($about),+],
                    [$((
                        stringify!($field),
                        &[$($doc),+][..],
                        <$type as $crate::cli::json::HasSchema>::schema(),
                    )),+],
                )
            }
        }
    };
}

/// Declares an enum whose variants are words in JSON and in text.
macro_rules! words {
    (
        $(#[doc = $about:literal])+
        $visibility:vis enum $name:ident {
            $( $(#[doc = $doc:literal])+ $variant:ident = $word:literal, )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $visibility enum $name {
            $( $(#[doc = $doc])+ $variant, )+
        }

        impl $name {
            /// The word.
            pub(crate) fn word(self) -> &'static str {
                match self {
                    $( Self::$variant => $word, )+
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.word())
            }
        }

        impl $crate::cli::json::HasSchema for $name {
            fn schema() -> serde_json::Value {
                serde_json::json!({ "type": "string", "enum": [$($word),+] })
            }
        }
    };
}

pub(crate) mod compare;
pub(crate) mod data;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod status;
pub(crate) mod verify;
pub(crate) mod why;

/// Type with a JSON Schema.
pub(crate) trait HasSchema {
    /// Its schema.
    fn schema() -> Value;
}

macro_rules! described {
    ($($type:ty => $schema:tt,)+) => {
        $(impl HasSchema for $type {
            fn schema() -> Value {
                json!($schema)
            }
        })+
    };
}

described! {
    String => { "type": "string" },
    &'static str => { "type": "string" },
    bool => { "type": "boolean" },
    usize => { "type": "integer", "minimum": 0 },
    u64 => { "type": "integer", "minimum": 0 },
    u32 => { "type": "integer", "minimum": 0 },
    u8 => { "type": "integer", "minimum": 0 },
    f64 => { "type": "number" },
}

impl<T: HasSchema> HasSchema for Option<T> {
    fn schema() -> Value {
        let mut schema = T::schema();
        schema["type"] = json!([schema["type"], "null"]);
        if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
            words.push(Value::Null);
        }
        schema
    }
}

impl<T: HasSchema> HasSchema for Vec<T> {
    fn schema() -> Value {
        json!({ "type": "array", "items": T::schema() })
    }
}

impl<T: HasSchema> HasSchema for BTreeMap<String, T> {
    fn schema() -> Value {
        json!({ "type": "object", "additionalProperties": T::schema() })
    }
}

/// Schema of an object: every key is always there.
pub(crate) fn object<const N: usize>(
    about: &[&str],
    fields: [(&'static str, &[&'static str], Value); N],
) -> Value {
    let names: Vec<&str> = fields.iter().map(|(name, ..)| *name).collect();
    let properties = fields.into_iter().map(|(name, doc, mut schema)| {
        schema["description"] = sentence(doc).into();
        (name.to_owned(), schema)
    });
    json!({
        "type": "object",
        "description": sentence(about),
        "properties": properties.collect::<serde_json::Map<_, _>>(),
        "required": names,
    })
}

/// Lines of a doc comment as one line.
fn sentence(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

/// JSON document of a command.
pub(crate) trait JsonDocument: HasSchema + Serialize {
    /// Name of its schema.
    const NAME: &'static str;
    /// Version of its schema: raised when a key is removed or changes its meaning.
    const VERSION: u32 = 1;

    /// Name and version, the first value of the document.
    fn id() -> String {
        format!("ablade/{}/{}", Self::NAME, Self::VERSION)
    }

    /// Its JSON Schema.
    fn document_schema() -> Value {
        with_header(&Self::id(), Self::schema())
    }
}

/// Schema of a document with the key `schema` before those of its type.
fn with_header(id: &str, schema: Value) -> Value {
    let mut whole = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": id,
    });
    for (key, value) in schema.as_object().into_iter().flatten() {
        whole[key] = value.clone();
    }
    let tag = json!({ "const": id, "description": "Name and version of this schema." });
    let mut properties = json!({ "schema": tag });
    for (key, value) in schema["properties"].as_object().into_iter().flatten() {
        properties[key] = value.clone();
    }
    whole["properties"] = properties;
    if let Some(required) = whole["required"].as_array_mut() {
        required.insert(0, "schema".into());
    }
    whole
}

/// Every schema by name, in the order of the documentation.
pub(crate) fn schemas() -> [(&'static str, Value); 9] {
    fn of<T: JsonDocument>() -> (&'static str, Value) {
        (T::NAME, T::document_schema())
    }
    [
        of::<plan::PlanFacts>(),
        of::<status::StatusFacts>(),
        of::<compare::CompareFacts>(),
        of::<compare::ChangesFacts>(),
        of::<why::WhyFacts>(),
        of::<verify::VerifyFacts>(),
        of::<data::DataListFacts>(),
        of::<data::DataShowFacts>(),
        (progress::NAME, progress::schema()),
    ]
}

/// A document under its schema.
#[derive(Serialize)]
struct Tagged<'a, T> {
    schema: String,
    #[serde(flatten)]
    facts: &'a T,
}

impl Terminal<'_> {
    /// Prints a document.
    pub(crate) fn json<T: JsonDocument>(&mut self, facts: &T) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(&Tagged { schema: T::id(), facts })?;
        writeln!(self.out, "{}", escaped_json(&text))?;
        Ok(())
    }
}

/// Option `--json`.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct JsonArgs {
    /// Print one JSON document, for programs: `ablade schema` has its keys
    #[arg(long)]
    pub(crate) json: bool,
}

facts! {
    /// Compared metric.
    pub(crate) struct MetricFacts {
        /// Name, as in `[compare] metric`.
        name: String,
        /// Stem of its columns in tables.
        column: String,
        /// Unit of every value, mean and difference of the metric; empty if it has none.
        unit: String,
        /// Direction in which it improves.
        better: Direction,
    }
}

words! {
    /// Direction in which a metric improves.
    pub(crate) enum Direction {
        /// Lower is better.
        Lower = "lower",
        /// Higher is better.
        Higher = "higher",
    }
}

impl MetricFacts {
    pub(crate) fn of(metric: &Metric) -> Self {
        Self {
            name: metric.name.clone(),
            column: metric.column.clone(),
            unit: metric.unit.short.clone(),
            better: match metric.better {
                crate::trainer::Better::Lower => Direction::Lower,
                crate::trainer::Better::Higher => Direction::Higher,
            },
        }
    }
}

facts! {
    /// Confidence interval.
    pub(crate) struct IntervalFacts {
        /// Lower end; null if it is not finite.
        low: Option<f64>,
        /// Upper end; null if it is not finite.
        high: Option<f64>,
    }
}

impl IntervalFacts {
    pub(crate) fn of(interval: Interval) -> Self {
        Self { low: number(interval.low), high: number(interval.high) }
    }

    pub(crate) fn of_estimate(estimate: Option<Estimate>) -> Option<Self> {
        estimate.and_then(|estimate| estimate.interval).map(Self::of)
    }
}

/// A number as tables have it: `None` if it is not finite, and no negative zero.
pub(crate) fn number(value: f64) -> Option<f64> {
    value.is_finite().then_some(value + 0.0)
}
