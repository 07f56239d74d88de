//! Generators of an axis: `{ from, to, step }`, `{ log2 }`, `{ geom, n }`, `{ linspace, n }`. Both
//! ends are always included.

use super::diagnostics::{Diagnostic, Errors, Span};
use super::tree::{Key, Node, Toml, TomlTable};
use crate::trainer::kind::number;

/// Keys that make a table at a setting below `[axes]` a generator. No word and no constant of a tagged
/// setting may have such a name, nor a setting of a program; `data.values` is below a group, whose
/// table is never a generator.
pub const RESERVED: [&str; 11] = [
    "values", "from", "to", "step", "linspace", "geom", "log2", "n", "when", "tune", "label",
];

/// Words with which other programs write ranges. A table that contains one of them is not a table
/// of labels: `{ min = 1, max = 8 }` would be two levels.
const RANGE_WORDS: [&str; 21] = [
    "arange",
    "count",
    "end",
    "geomspace",
    "hi",
    "high",
    "lo",
    "log10",
    "loguniform",
    "logspace",
    "low",
    "lower",
    "max",
    "min",
    "num",
    "points",
    "range",
    "start",
    "steps",
    "stop",
    "upper",
];

/// The word of `RANGE_WORDS` among the keys of a table, if there is one.
pub(super) fn range_word(table: &TomlTable) -> Option<&Key> {
    table
        .0
        .iter()
        .map(|(key, _)| key)
        .find(|key| RANGE_WORDS.contains(&key.name.to_ascii_lowercase().as_str()))
}

/// Syntax of ranges.
pub(super) const FORMS: &str = "{ from = 1, to = 9, step = 2 }, { log2 = [1, 64] }, { geom = [0.0001, 0.01], n = 3 }, \
    { linspace = [0, 1], n = 5 } or { values = [...] }";

/// Maximum number of values on one axis; more are a mistake.
const MOST: usize = 100_000;

/// The values of a generator, as if they had been written out.
pub(super) fn generate(table: &TomlTable, span: Span, errors: &mut Errors) -> Option<Vec<Node>> {
    let numbers = numbers(table, span);
    match numbers {
        Ok(numbers) => Some(numbers.into_iter().map(|value| Node { span, value }).collect()),
        Err(error) => {
            errors.push(error);
            None
        }
    }
}

fn numbers(table: &TomlTable, span: Span) -> Result<Vec<Toml>, Diagnostic> {
    let names = table.0.iter().map(|(key, _)| key.name.as_str());
    let keys: Vec<&str> = names.filter(|key| !["when", "tune"].contains(key)).collect();
    let has =
        |wanted: &[&str]| wanted.len() == keys.len() && wanted.iter().all(|key| keys.contains(key));
    if has(&["from", "to", "step"]) {
        let (from, to, step) = (get(table, "from")?, get(table, "to")?, get(table, "step")?);
        steps(from, to, step).map_err(|why| at(table, "step", span, why))
    } else if has(&["log2"]) {
        let [from, to] = pair(table, "log2")?;
        doublings(from, to).map_err(|why| at(table, "log2", span, why))
    } else if has(&["geom", "n"]) {
        let ([from, to], n) = (pair(table, "geom")?, points(table)?);
        if from.value() <= 0.0 || to.value() <= 0.0 {
            return Err(at(table, "geom", span, "both ends of `geom` are above 0".into()));
        }
        let ratio = to.value() / from.value();
        Ok(between(from, to, n, |t| from.value() * ratio.powf(t)))
    } else if has(&["linspace", "n"]) {
        let ([from, to], n) = (pair(table, "linspace")?, points(table)?);
        Ok(between(from, to, n, |t| from.value() + t * (to.value() - from.value())))
    } else {
        let error = Diagnostic::new(format!("no generator has the keys {}", keys.join(", ")));
        Err(error.at(span, "").help(
            "{ from, to, step }, { log2 }, { geom, n }, { linspace, n } or { values }, each with an optional when and tune",
        ))
    }
}

/// A number as written.
#[derive(Clone, Copy)]
enum Written {
    Whole(i64),
    Decimal(f64),
}

impl Written {
    fn of(node: &Node) -> Option<Self> {
        match node.value {
            Toml::Integer(Some(n)) if n.unsigned_abs() < 1 << 53 => Some(Self::Whole(n)),
            Toml::Float(x) if x.is_finite() => Some(Self::Decimal(x)),
            _ => None,
        }
    }

    fn value(self) -> f64 {
        match self {
            Self::Whole(n) => n as f64,
            Self::Decimal(x) => x,
        }
    }

    fn toml(self) -> Toml {
        match self {
            Self::Whole(n) => Toml::Integer(Some(n)),
            Self::Decimal(x) => Toml::Float(x),
        }
    }

    /// Digits after the decimal point.
    fn decimals(self) -> usize {
        let Self::Decimal(x) = self else { return 0 };
        format!("{x}").split_once('.').map_or(0, |(_, digits)| digits.len())
    }
}

fn at(table: &TomlTable, key: &str, span: Span, why: String) -> Diagnostic {
    Diagnostic::new(why).at(table.get(key).map_or(span, |node| node.span), "")
}

fn get(table: &TomlTable, key: &str) -> Result<Written, Diagnostic> {
    let Some(node) = table.get(key) else {
        return Err(Diagnostic::new(format!("`{key}` is missing")));
    };
    let error = || {
        Diagnostic::new(format!("`{key}` takes a finite number, not {}", node.found()))
            .at(node.span, "")
    };
    Written::of(node).ok_or_else(error)
}

fn pair(table: &TomlTable, key: &str) -> Result<[Written; 2], Diagnostic> {
    let Some(node) = table.get(key) else {
        return Err(Diagnostic::new(format!("`{key}` is missing")));
    };
    let ends = match &node.value {
        Toml::List(list) => list.iter().map(Written::of).collect::<Option<Vec<_>>>(),
        _ => None,
    };
    match ends.as_deref() {
        Some([from, to]) => Ok([*from, *to]),
        _ => Err(Diagnostic::new(format!("`{key}` takes its two ends"))
            .at(node.span, format!("expected {key} = [first, last]"))),
    }
}

fn points(table: &TomlTable) -> Result<usize, Diagnostic> {
    let n = get(table, "n")?;
    match n {
        Written::Whole(n) if (2..=MOST as i64).contains(&n) => Ok(n as usize),
        _ => {
            let span = table.get("n").map(|node| node.span);
            let error = Diagnostic::new(format!("`n` takes a whole number from 2 to {MOST}"));
            Err(span.map_or(error.clone(), |span| error.at(span, "")))
        }
    }
}

/// `n` points from `from` to `to`, inner ones rounded to 12 significant digits so that 0.1 * 3 is
/// 0.3.
fn between(from: Written, to: Written, n: usize, f: impl Fn(f64) -> f64) -> Vec<Toml> {
    let whole = matches!((from, to), (Written::Whole(_), Written::Whole(_)));
    let inner = (1..n - 1).map(|i| {
        let x = f(i as f64 / (n - 1) as f64);
        let x: f64 = format!("{x:.11e}").parse().unwrap_or(x);
        if whole && x.fract() == 0.0 {
            Toml::Integer(Some(x as i64))
        } else {
            Toml::Float(x)
        }
    });
    std::iter::once(from.toml()).chain(inner).chain([to.toml()]).collect()
}

fn doublings(from: Written, to: Written) -> Result<Vec<Toml>, String> {
    let (first, last) = (from.value(), to.value());
    if first <= 0.0 || last < first {
        return Err("`log2` takes two ends above 0, the smaller one first".into());
    }
    let doublings = (last / first).log2().round();
    if first * doublings.exp2() != last {
        return Err(format!("doubling {} never gives {}", number(first), number(last)));
    }
    Ok((0..=doublings as i32)
        .map(|i| match from {
            Written::Whole(n) => Toml::Integer(Some(n << i)),
            Written::Decimal(x) => Toml::Float(x * f64::from(i).exp2()),
        })
        .collect())
}

fn steps(from: Written, to: Written, step: Written) -> Result<Vec<Toml>, String> {
    let (first, last, by) = (from.value(), to.value(), step.value());
    let count = (last - first) / by;
    if by == 0.0 || count < 0.0 || !count.is_finite() {
        return Err(format!(
            "a step of {} never leads from {} to {}",
            number(by),
            number(first),
            number(last)
        ));
    }
    if count > MOST as f64 {
        return Err(format!("more than {MOST} values from {} to {}", number(first), number(last)));
    }
    let decimals = from.decimals().max(step.decimals()).max(to.decimals());
    let value = |i: usize| match (from, step) {
        (Written::Whole(from), Written::Whole(step)) => Toml::Integer(Some(from + step * i as i64)),
        _ => {
            let x = first + i as f64 * by;
            Toml::Float(format!("{x:.decimals$}").parse().unwrap_or(x))
        }
    };
    if (count - count.round()).abs() > 1e-9 * count.max(1.0) {
        let below = Node {
            span: Span::new(0, 0..0),
            value: value(count.floor() as usize),
        };
        let above = Node {
            span: Span::new(0, 0..0),
            value: value(count.ceil() as usize),
        };
        return Err(format!(
            "the step does not land on {}: it passes from {} to {}",
            number(last),
            below.found(),
            above.found()
        ));
    }
    Ok((0..=count.round() as usize).map(value).collect())
}
