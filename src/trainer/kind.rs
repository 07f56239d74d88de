//! Kinds of values: the values that a setting accepts, and their display.
//!
//! Values are canonical JSON, the form that the identity of a run is made of: counts are integers,
//! numbers floating point (so `1` and `1.0` are one value), words strings, an absent value null.

use serde_json::Value;

/// Words, and the meaning of each.
pub type Words = &'static [(&'static str, &'static str)];

/// Kind of the values that a setting accepts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number within both ends.
    Count {
        /// Minimum.
        min: u64,
        /// Maximum.
        max: u64,
    },
    /// One of several whole numbers, ascending.
    CountOf(&'static [u64]),
    /// A whole number or one word, which counts as larger than every number.
    CountOr {
        /// Minimum.
        min: u64,
        /// Maximum.
        max: u64,
        /// The word.
        word: &'static str,
        /// Value of the word in the configuration.
        json: WordValue,
    },
    /// A finite number.
    Number(Bounds),
    /// A list of whole numbers, each within both ends.
    Counts {
        /// Minimum.
        min: u64,
        /// Maximum.
        max: u64,
    },
    /// A list of ascending numbers, at least one.
    Rising(Bounds),
    /// Any text but an empty one.
    Text,
    /// A list of texts.
    Texts,
    /// A command: a list of words, the first of which names the program.
    Command,
    /// A command-line option.
    Option,
    /// A list of command-line options.
    Options,
    /// One of several words.
    Choice(Words),
    /// A list of such words.
    Choices(Words),
    /// One of several words, each with constants of its own: `{ adam = { lr = 1e-3 } }`, or the
    /// word alone.
    Tag(Words),
    /// A duration: `"90s"`, `"30m"`, `"1h30m"`; stored in seconds.
    Duration,
    /// An amount of memory or disk: `"512MiB"`, `"8GiB"`; stored in bytes.
    Bytes,
    /// A width on paper: `"85mm"`, `"3.35in"`; with this description.
    Width(&'static str),
    /// A value of the type that the baseline of a program has; null, written `"none"`, where it is
    /// not given.
    Free(FreeKind),
}

/// Type of a setting that an experiment file declares by its value in the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FreeKind {
    /// `true` or `false`.
    Flag,
    /// A whole number of 64 bits.
    Integer,
    /// A finite number.
    Number,
    /// A text, which may be empty.
    Text,
    /// A list of truth values.
    Flags,
    /// A list of whole numbers.
    Integers,
    /// A list of finite numbers.
    Numbers,
    /// A list of texts.
    Texts,
}

impl FreeKind {
    /// The type of a value in canonical JSON; that of a text for an empty list. `None` of a table or
    /// a list of mixed types.
    pub fn of(value: &Value) -> Option<Self> {
        let all = |list: &[Value], fits: fn(&Value) -> bool| list.iter().all(fits);
        Some(match value {
            Value::Bool(_) => Self::Flag,
            Value::Number(n) if n.is_f64() => Self::Number,
            Value::Number(_) => Self::Integer,
            Value::String(_) => Self::Text,
            Value::Array(list) if all(list, Value::is_string) => Self::Texts,
            Value::Array(list) if all(list, Value::is_boolean) => Self::Flags,
            Value::Array(list) if all(list, |item| item.is_i64() || item.is_u64()) => {
                Self::Integers
            }
            Value::Array(list) if all(list, Value::is_number) => Self::Numbers,
            _ => return None,
        })
    }

    /// The type of the elements of a list.
    pub fn element(self) -> Option<Self> {
        Some(match self {
            Self::Flags => Self::Flag,
            Self::Integers => Self::Integer,
            Self::Numbers => Self::Number,
            Self::Texts => Self::Text,
            _ => return None,
        })
    }

    fn describe(self) -> &'static str {
        match self {
            Self::Flag => "true or false",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::Flags => "a list of true and false",
            Self::Integers => "a list of whole numbers",
            Self::Numbers => "a list of numbers",
            Self::Texts => "a list of texts",
        }
    }
}

/// Value of the word of a `CountOr` in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WordValue {
    /// No value: the setting is absent.
    Absent,
    /// The word itself.
    Word,
}

/// Ends of a range of numbers, each with a flag: true if the end itself belongs to the range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Lower end.
    pub min: Option<(f64, bool)>,
    /// Upper end.
    pub max: Option<(f64, bool)>,
}

/// Maximum seed: below 2^53 a spreadsheet preserves every digit.
pub(crate) const SEED_MAX: u64 = (1 << 53) - 1;
pub(crate) const ABOVE_ZERO: Bounds = Bounds { min: Some((0.0, false)), max: None };
pub(crate) const FRACTION: Bounds = Bounds { min: Some((0.0, true)), max: Some((1.0, false)) };
pub(crate) const INSIDE_ONE: Bounds = Bounds { min: Some((0.0, false)), max: Some((1.0, false)) };

impl Bounds {
    pub(crate) fn holds(self, x: f64) -> bool {
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
pub(crate) fn any_of<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
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
        if let Self::Choice(words) | Self::Choices(words) | Self::Tag(words) = self {
            words
        } else {
            &[]
        }
    }

    /// True if a value of this kind is itself a list.
    pub fn is_list(&self) -> bool {
        match self {
            Self::Free(free) => free.element().is_some(),
            _ => {
                matches!(
                    self,
                    Self::Counts { .. }
                        | Self::Rising(_)
                        | Self::Texts
                        | Self::Command
                        | Self::Options
                        | Self::Choices(_)
                )
            }
        }
    }

    /// True if values of this kind are numbers, which conditions may compare by size.
    pub(crate) fn is_number(&self) -> bool {
        matches!(
            self,
            Self::Count { .. }
                | Self::CountOf(_)
                | Self::CountOr { .. }
                | Self::Number(_)
                | Self::Free(FreeKind::Integer | FreeKind::Number)
        )
    }

    /// Description of expected values, for messages and the reference: `a whole number from 1`.
    pub fn describe(&self) -> String {
        match self {
            Self::Flag => "true or false".into(),
            Self::Count { min, max } => format!("a whole number {}", count_range(*min, *max)),
            Self::CountOf(counts) => {
                let counts: Vec<String> = counts.iter().map(u64::to_string).collect();
                any_of(counts.iter().map(String::as_str))
            }
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
            Self::Command => "a list of words such as [\"qstat\", \"-r\"]".into(),
            Self::Option => "an option such as \"--constraint=avx512\"".into(),
            Self::Options => "a list of options such as \"--constraint=avx512\"".into(),
            Self::Choice(words) | Self::Tag(words) => any_of(words.iter().map(|(word, _)| *word)),
            Self::Choices(words) => {
                format!("a list of {}", any_of(words.iter().map(|(word, _)| *word)))
            }
            Self::Width(expected) => (*expected).into(),
            Self::Duration => "a time such as \"90s\", \"30m\" or \"1h30m\"".into(),
            Self::Bytes => "an amount such as \"512MiB\" or \"8GiB\"".into(),
            Self::Free(free) => free.describe().into(),
        }
    }

    /// True if a value in canonical JSON is of this kind, in a configuration that was not read from
    /// an experiment file. A trainer checks by itself that a word is one of the choices.
    pub(crate) fn holds(&self, value: &Value) -> bool {
        let count = |value: &Value, min: u64, max: u64| {
            value.as_u64().is_some_and(|n| (min..=max).contains(&n))
        };
        let number =
            |value: &Value, bounds: Bounds| value.as_f64().is_some_and(|x| bounds.holds(x));
        match (self, value) {
            (Self::CountOr { .. }, Value::Null | Value::String(_)) => true,
            (Self::Count { min, max } | Self::CountOr { min, max, .. }, _) => {
                count(value, *min, *max)
            }
            (Self::CountOf(counts), _) => value.as_u64().is_some_and(|n| counts.contains(&n)),
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

    /// Value for people: `0.001`, `500x500`, `on`.
    pub(crate) fn show(&self, value: &Value) -> String {
        match (self, value) {
            (_, Value::Bool(flag)) => if *flag { "on" } else { "off" }.into(),
            (Self::CountOr { word, .. }, Value::Null) => (*word).into(),
            (_, Value::Null) => "none".into(),
            (_, Value::Number(n)) => {
                if n.is_f64() {
                    number(n.as_f64().unwrap_or(0.0))
                } else {
                    n.to_string()
                }
            }
            (_, Value::String(text)) => text.clone(),
            (_, Value::Array(list)) if list.is_empty() => "none".into(),
            (_, Value::Array(list)) => {
                list.iter().map(|item| self.show(item)).collect::<Vec<_>>().join(match self {
                    Self::Counts { .. } | Self::Free(FreeKind::Integers) => "x",
                    _ => "+",
                })
            }
            (_, Value::Object(_)) => value.to_string(),
        }
    }
}

/// The shortest decimal that reads back as `x`, without an exponent where it stays short.
pub(crate) fn number(x: f64) -> String {
    if x != 0.0 && !(1e-4..1e15).contains(&x.abs()) {
        format!("{x:e}")
    } else {
        format!("{x}")
    }
}
