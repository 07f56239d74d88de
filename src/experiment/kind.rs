//! Kinds of values: what a setting takes, how it is read from TOML, and how it is shown.
//!
//! Values are kept as canonical JSON, the form that the run's identity is made of: counts as
//! integers, numbers as floating point (so `1` and `1.0` are one value), words as strings, an
//! absent one as null.

use serde_json::Value;

use super::diagnostics::{Diagnostic, Errors};
use super::tree::{Node, Toml};

/// Words and what each means.
pub type Words = &'static [(&'static str, &'static str)];

/// What a setting takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number, both ends included.
    Count {
        /// Least.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// A whole number or one word, which counts as larger than every number.
    CountOr {
        /// Least.
        min: u64,
        /// Largest.
        max: u64,
        /// The word.
        word: &'static str,
        /// What the word becomes.
        json: Otherwise,
    },
    /// A finite number.
    Number(Bounds),
    /// A list of whole numbers, each within both ends.
    Counts {
        /// Least.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// A list of rising numbers, at least one.
    Rising(Bounds),
    /// Any text but an empty one.
    Text,
    /// A list of texts.
    Texts,
    /// An option as a command line has it.
    Option,
    /// A list of such options.
    Options,
    /// One of several words.
    Choice(Words),
    /// One of several words, each with constants of its own: `{ adam = { lr = 1e-3 } }`, or the
    /// word alone.
    Tag(Words),
    /// A time: `"90s"`, `"30m"`, `"1h30m"`; kept in seconds.
    Duration,
    /// An amount of memory or disk: `"512MiB"`, `"8GiB"`; kept in bytes.
    Bytes,
}

/// What the word of a `CountOr` becomes in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Otherwise {
    /// Nothing: the setting is absent.
    Absent,
    /// The word itself.
    Word,
}

/// Ends of a range of numbers, each with whether it belongs to the range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Lower end.
    pub min: Option<(f64, bool)>,
    /// Upper end.
    pub max: Option<(f64, bool)>,
}

pub(super) const ABOVE_ZERO: Bounds = Bounds { min: Some((0.0, false)), max: None };
pub(super) const FRACTION: Bounds = Bounds { min: Some((0.0, true)), max: Some((1.0, false)) };
pub(super) const INSIDE_ONE: Bounds = Bounds { min: Some((0.0, false)), max: Some((1.0, false)) };

impl Bounds {
    fn holds(self, x: f64) -> bool {
        let above = self.min.is_none_or(|(min, closed)| x > min || (closed && x == min));
        let below = self.max.is_none_or(|(max, closed)| x < max || (closed && x == max));
        above && below
    }

    fn describe(self) -> String {
        let from = self
            .min
            .map(|(x, closed)| format!("{} {}", if closed { "from" } else { "above" }, number(x)));
        let to = self
            .max
            .map(|(x, closed)| format!("{} {}", if closed { "up to" } else { "below" }, number(x)));
        match (from, to) {
            (Some(from), Some(to)) => format!("a number {from} and {to}"),
            (one, None) | (None, one) => {
                one.map_or_else(|| "a number".into(), |one| format!("a number {one}"))
            }
        }
    }
}

fn count_range(min: u64, max: u64) -> String {
    if max >= 1_000_000_000 {
        format!("from {min}")
    } else {
        format!("from {min} to {max}")
    }
}

/// `a, b or c`.
pub(super) fn any_of<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<&str> = words.into_iter().collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((last, _)) => (*last).to_owned(),
        None => String::new(),
    }
}

impl Kind {
    /// The words of a choice.
    pub fn words(&self) -> Words {
        if let Self::Choice(words) | Self::Tag(words) = self { words } else { &[] }
    }

    /// Whether a value of this kind is itself a list.
    pub fn is_list(&self) -> bool {
        matches!(self, Self::Counts { .. } | Self::Rising(_) | Self::Texts | Self::Options)
    }

    /// What is expected, for messages and for the reference: `a whole number from 1`.
    pub fn describe(&self) -> String {
        match self {
            Self::Flag => "true or false".into(),
            Self::Count { min, max } => format!("a whole number {}", count_range(*min, *max)),
            Self::CountOr { min, max, word, .. } => {
                format!("a whole number {} or \"{word}\"", count_range(*min, *max))
            }
            Self::Number(bounds) => bounds.describe(),
            Self::Counts { min, max } => {
                format!("a list of whole numbers, each {}", count_range(*min, *max))
            }
            Self::Rising(bounds) => format!("a rising list, each {}", bounds.describe()),
            Self::Text => "a text".into(),
            Self::Texts => "a list of texts".into(),
            Self::Option => "an option such as \"--constraint=avx512\"".into(),
            Self::Options => "a list of options such as \"--constraint=avx512\"".into(),
            Self::Choice(words) | Self::Tag(words) => any_of(words.iter().map(|(word, _)| *word)),
            Self::Duration => "a time such as \"90s\", \"30m\" or \"1h30m\"".into(),
            Self::Bytes => "an amount such as \"512MiB\" or \"8GiB\"".into(),
        }
    }

    /// Whether a value in canonical JSON, of a configuration that no experiment file was read for,
    /// is one of this kind. That a word is one of the choices, its type has made sure of.
    pub(super) fn holds(&self, value: &Value) -> bool {
        let count = |value: &Value, min: u64, max: u64| {
            value.as_u64().is_some_and(|n| (min..=max).contains(&n))
        };
        let number =
            |value: &Value, bounds: Bounds| value.as_f64().is_some_and(|x| bounds.holds(x));
        match (self, value) {
            (Self::Count { min, max }, _) => count(value, *min, *max),
            (Self::CountOr { .. }, Value::Null | Value::String(_)) => true,
            (Self::CountOr { min, max, .. }, _) => count(value, *min, *max),
            (Self::Number(bounds), _) => number(value, *bounds),
            (Self::Counts { min, max }, Value::Array(list)) => {
                list.iter().all(|item| count(item, *min, *max))
            }
            (Self::Rising(bounds), Value::Array(list)) => {
                let rising = list.iter().map(Value::as_f64).is_sorted_by(|a, b| a < b);
                !list.is_empty() && rising && list.iter().all(|item| number(item, *bounds))
            }
            (Self::Text, Value::String(text)) => !text.is_empty(),
            _ => true,
        }
    }

    /// Reads a value, or reports why it is none. The constants of a tag are read elsewhere.
    pub(super) fn read(&self, path: &str, node: &Node, errors: &mut Errors) -> Option<Value> {
        let found = match (self, &node.value) {
            (Self::Flag, Toml::Flag(flag)) => Some(Value::from(*flag)),
            (Self::Count { min, max } | Self::CountOr { min, max, .. }, Toml::Integer(Some(n))) => {
                u64::try_from(*n).ok().filter(|n| (*min..=*max).contains(n)).map(Value::from)
            }
            (Self::CountOr { word, json, .. }, Toml::Text(text)) => {
                (text == word).then(|| match json {
                    Otherwise::Absent => Value::Null,
                    Otherwise::Word => Value::from(*word),
                })
            }
            (Self::Number(bounds), Toml::Integer(_) | Toml::Float(_)) => finite(node, *bounds),
            (Self::Counts { min, max }, Toml::List(list)) => {
                let one = Self::Count { min: *min, max: *max };
                let items: Vec<_> = list.iter().map(|item| one.read(path, item, errors)).collect();
                return items.into_iter().collect::<Option<Vec<_>>>().map(Value::from);
            }
            (Self::Rising(bounds), Toml::List(list)) => {
                return rising(path, *bounds, node, list, errors);
            }
            (Self::Texts | Self::Options, Toml::List(list)) => {
                let one = if *self == Self::Texts { Self::Text } else { Self::Option };
                let items: Vec<_> = list.iter().map(|item| one.read(path, item, errors)).collect();
                return items.into_iter().collect::<Option<Vec<_>>>().map(Value::from);
            }
            (Self::Option, Toml::Text(text)) => {
                (text.starts_with('-') && !text.contains('\n')).then(|| Value::from(text.as_str()))
            }
            (Self::Text, Toml::Text(text)) => {
                (!text.is_empty()).then(|| Value::from(text.as_str()))
            }
            (Self::Choice(words) | Self::Tag(words), Toml::Text(text)) => {
                words.iter().find(|(word, _)| word == text).map(|(word, _)| Value::from(*word))
            }
            (Self::Duration, Toml::Text(text)) => seconds(text).map(Value::from),
            (Self::Bytes, Toml::Text(text)) => bytes(text).map(Value::from),
            _ => None,
        };
        if found.is_none() {
            errors.push(self.mismatch(path, node));
        }
        found
    }

    /// The error for a value that is none of this kind.
    pub(super) fn mismatch(&self, path: &str, node: &Node) -> Diagnostic {
        let error =
            Diagnostic::new(format!("`{path}` takes {}, not {}", self.describe(), node.found()));
        let error = error.at(node.span, format!("expected {}", self.describe()));
        match (self, &node.value) {
            (Self::Choice(_) | Self::Tag(_), Toml::Text(text)) => {
                error.suggest(text, self.words().iter().map(|(word, _)| *word))
            }
            (Self::CountOr { word, .. }, Toml::Text(text)) => error.suggest(text, [*word]),
            (_, Toml::Date) => error.help("TOML reads this as a date; a text is written in quotes"),
            (Self::Count { .. } | Self::CountOr { .. }, Toml::Float(x)) if x.fract() == 0.0 => {
                error.help(format!("write {} without a decimal point", number(*x)))
            }
            (Self::Flag, Toml::Text(text)) if text == "true" || text == "false" => {
                error.help(format!("write {text} without quotes"))
            }
            (Self::Counts { .. } | Self::Rising(_), Toml::Integer(Some(n))) => {
                error.help(format!("write [{n}]"))
            }
            (kind, Toml::List(_)) if !kind.is_list() => {
                error.help("to try each value of a list, write it in [axes]")
            }
            _ => error,
        }
    }

    /// The value as people write it: `0.001`, `500x500`, `on`.
    pub(super) fn show(&self, value: &Value) -> String {
        match (self, value) {
            (_, Value::Bool(flag)) => if *flag { "on" } else { "off" }.into(),
            (Self::CountOr { word, .. }, Value::Null) => (*word).into(),
            (_, Value::Null) => "none".into(),
            (_, Value::Number(n)) => {
                n.as_u64().map_or_else(|| number(n.as_f64().unwrap_or(0.0)), |n| n.to_string())
            }
            (_, Value::String(text)) => text.clone(),
            (_, Value::Array(list)) if list.is_empty() => "none".into(),
            (_, Value::Array(list)) => list
                .iter()
                .map(|item| self.show(item))
                .collect::<Vec<_>>()
                .join(if matches!(self, Self::Counts { .. }) { "x" } else { "+" }),
            (_, Value::Object(_)) => value.to_string(),
        }
    }
}

fn finite(node: &Node, bounds: Bounds) -> Option<Value> {
    let x = match node.value {
        Toml::Integer(Some(n)) if n.unsigned_abs() <= 1 << 53 => n as f64,
        Toml::Float(x) if x.is_finite() => x,
        _ => return None,
    };
    // A negative zero is the same number and must be the same run.
    bounds.holds(x).then(|| Value::from(x + 0.0))
}

fn rising(
    path: &str,
    bounds: Bounds,
    node: &Node,
    list: &[Node],
    errors: &mut Errors,
) -> Option<Value> {
    let one = Kind::Number(bounds);
    let items: Vec<_> = list.iter().map(|item| one.read(path, item, errors)).collect();
    let items: Vec<Value> = items.into_iter().collect::<Option<_>>()?;
    let numbers: Vec<f64> = items.iter().filter_map(Value::as_f64).collect();
    if numbers.is_empty() || !numbers.is_sorted_by(|a, b| a < b) {
        let why = if numbers.is_empty() { "empty" } else { "not rising" };
        errors.push(
            Diagnostic::new(format!("`{path}` is {why}"))
                .at(node.span, "expected numbers that rise"),
        );
        return None;
    }
    Some(Value::from(items))
}

/// The shortest decimal that reads back as `x`, without an exponent where it stays short.
pub(super) fn number(x: f64) -> String {
    let text = if x != 0.0 && !(1e-4..1e15).contains(&x.abs()) {
        format!("{x:e}")
    } else {
        format!("{x}")
    };
    text
}

/// Seconds of `1h30m`, `90s`, `2.5h`.
pub fn seconds(text: &str) -> Option<f64> {
    let mut total = 0.0;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let amount: f64 = rest[..digits].parse().ok()?;
        let (unit, after) = rest[digits..].split_at(rest[digits..].chars().next()?.len_utf8());
        total += amount
            * match unit {
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                "d" => 86400.0,
                _ => return None,
            };
        rest = after.trim_start();
    }
    (total.is_finite() && total > 0.0).then_some(total)
}

/// Bytes of `512MiB`, `8GB`.
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let amount: f64 = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim() {
        "B" => 1.0,
        "kB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "TB" => 1e12,
        "KiB" => 1024.0,
        "MiB" => 1_048_576.0,
        "GiB" => 1_073_741_824.0,
        "TiB" => 1_099_511_627_776.0,
        _ => return None,
    };
    let total = amount * unit;
    (total.is_finite() && (1.0..1e18).contains(&total)).then_some(total as u64)
}
