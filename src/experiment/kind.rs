//! Reading values of a kind from TOML, each error with its place.

use serde_json::Value;

use super::diagnostics::{Diagnostic, Errors};
use super::tree::{Node, Toml};
use crate::plan::Width;
use crate::trainer::kind::{Bounds, FreeKind, Kind, WordValue, number};

impl Kind {
    /// Reads a value, or reports why it has another kind. The constants of a tag are read
    /// elsewhere.
    pub(super) fn read(&self, path: &str, node: &Node, errors: &mut Errors) -> Option<Value> {
        let found = match (self, &node.value) {
            (Self::Flag, Toml::Flag(flag)) => Some(Value::from(*flag)),
            (Self::Count { min, max } | Self::CountOr { min, max, .. }, Toml::Integer(Some(n))) => {
                u64::try_from(*n).ok().filter(|n| (*min..=*max).contains(n)).map(Value::from)
            }
            (Self::CountOf(counts), Toml::Integer(Some(n))) => {
                u64::try_from(*n).ok().filter(|n| counts.contains(n)).map(Value::from)
            }
            (Self::CountOr { word, json, .. }, Toml::Text(text)) => {
                (text == word).then(|| match json {
                    WordValue::Absent => Value::Null,
                    WordValue::Word => Value::from(*word),
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
            (Self::Command, Toml::List(list)) => command(list),
            (Self::Option, Toml::Text(text)) => {
                (text.starts_with('-') && !text.contains('\n')).then(|| Value::from(text.as_str()))
            }
            (Self::Text, Toml::Text(text)) => {
                (!text.is_empty()).then(|| Value::from(text.as_str()))
            }
            (Self::Choice(words) | Self::Tag(words), Toml::Text(text)) => {
                words.iter().find(|(word, _)| word == text).map(|(word, _)| Value::from(*word))
            }
            (Self::Choices(words), Toml::List(list)) => {
                let one = Self::Choice(words);
                let items: Vec<_> = list.iter().map(|item| one.read(path, item, errors)).collect();
                return items.into_iter().collect::<Option<Vec<_>>>().map(Value::from);
            }
            (Self::Free(free), _) => free_value(*free, node),
            (Self::Duration, Toml::Text(text)) => seconds(text).map(Value::from),
            (Self::Bytes, Toml::Text(text)) => bytes(text).map(Value::from),
            (Self::Width(_), Toml::Text(text)) => {
                text.parse::<Width>().ok().map(|width| width.to_string().into())
            }
            _ => None,
        };
        if found.is_none() {
            errors.push(self.mismatch(path, node));
        }
        found
    }

    /// Error for a value of another kind.
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
            (Self::Count { .. } | Self::CountOf(_) | Self::CountOr { .. }, Toml::Float(x))
                if x.fract() == 0.0 =>
            {
                error.help(format!("write {} without a decimal point", number(*x)))
            }
            (Self::Flag, Toml::Text(text)) if text == "true" || text == "false" => {
                error.help(format!("write {text} without quotes"))
            }
            (Self::Counts { .. } | Self::Rising(_), Toml::Integer(Some(n))) => {
                error.help(format!("write [{n}]"))
            }
            (Self::Command, Toml::Text(line)) => {
                let words: Vec<String> =
                    line.split_whitespace().map(|word| format!("{word:?}")).collect();
                error.help(format!("no shell takes it apart: write [{}]", words.join(", ")))
            }
            (kind, Toml::List(_)) if !kind.is_list() => {
                error.help("to try each value of a list, write it in [axes]")
            }
            _ => error,
        }
    }
}

/// The words of a command.
fn command(list: &[Node]) -> Option<Value> {
    let word = |node: &Node| match &node.value {
        Toml::Text(text) => (!text.contains('\0')).then(|| text.clone()),
        _ => None,
    };
    let words = list.iter().map(word).collect::<Option<Vec<String>>>()?;
    words.first().is_some_and(|program| !program.is_empty()).then(|| words.into())
}

/// A value of a setting that a program declares; null for "none" where that is no text.
fn free_value(kind: FreeKind, node: &Node) -> Option<Value> {
    match (kind, &node.value) {
        (FreeKind::Text, Toml::Text(text)) => {
            (!text.contains('\0')).then(|| Value::from(text.as_str()))
        }
        (_, Toml::Text(text)) if text == "none" => Some(Value::Null),
        (FreeKind::Flag, Toml::Flag(flag)) => Some(Value::from(*flag)),
        (FreeKind::Integer, Toml::Integer(Some(n))) => Some(Value::from(*n)),
        (FreeKind::Number, Toml::Integer(_) | Toml::Float(_)) => {
            finite(node, Bounds { min: None, max: None })
        }
        (_, Toml::List(list)) => {
            let element = kind.element()?;
            let items = list.iter().map(|item| free_value(element, item));
            let items: Vec<Value> = items.collect::<Option<_>>()?;
            (!items.contains(&Value::Null)).then(|| items.into())
        }
        _ => None,
    }
}

fn finite(node: &Node, bounds: Bounds) -> Option<Value> {
    let x = match node.value {
        Toml::Integer(Some(n)) if n.unsigned_abs() <= 1 << 53 => n as f64,
        Toml::Float(x) if x.is_finite() => x,
        _ => return None,
    };
    // Negative zero is the same number as zero and must give the same run.
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

/// Seconds of `1h30m`, `90s`, `2.5h`.
pub fn seconds(text: &str) -> Option<f64> {
    let mut total = 0.0;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let amount: f64 = rest[..digits].parse().ok()?;
        let length = if rest[digits..].starts_with("ms") { 2 } else { 1 };
        let (unit, after) = rest[digits..].split_at_checked(length)?;
        total += amount
            * match unit {
                "ms" => 1e-3,
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
