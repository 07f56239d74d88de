//! The conditions of `when` and `where`: comparisons over settings, checked against the table of
//! settings when loaded.
//!
//! ```text
//! or         = and { "or" and }
//! and        = not { "and" not }
//! not        = "not" not | comparison
//! comparison = operand [ ("==" | "!=" | "<" | "<=" | ">" | ">=") operand | ["not"] "in" list ]
//! operand    = setting | "len(" setting ")" | number | 'text' | true | false | list | "(" or ")"
//! ```
//!
//! The word of a count (`"fresh"`, `"all"`) is larger than every number. A comparison is false if
//! it contains a constant of a word that is not chosen.

use serde_json::Value;

use super::diagnostics::{Diagnostic, Span};
use super::expr_token::{Operator, Token, tokens};
use crate::trainer::kind::{FreeKind, Kind, any_of};
use crate::trainer::{Leaf, Settings};

/// A checked condition.
#[derive(Debug, Clone)]
pub(super) enum Expr {
    Or(Box<Expr>, Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Compare(Operand, Operator, Operand),
    In(Operand, Vec<Value>),
    Flag(Leaf),
    Constant(bool),
}

/// A side of a comparison.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    Setting(Leaf),
    Length(Leaf),
    Literal(Value),
}

impl Expr {
    /// Parses and checks a condition. `place` maps a range of the text to its place in the file,
    /// for errors.
    pub(super) fn parse(
        text: &str,
        settings: &Settings,
        place: &dyn Fn(std::ops::Range<usize>) -> Span,
    ) -> Result<Self, Diagnostic> {
        let tokens =
            tokens(text).map_err(|(range, why)| Diagnostic::new(why).at(place(range), ""))?;
        let mut parser = Parser { tokens, next: 0, end: text.len(), depth: 0, settings, place };
        let expr = parser.or()?;
        match parser.peek() {
            None => Ok(expr),
            Some(_) => Err(parser.error("expected `and`, `or` or the end of the condition")),
        }
    }

    /// True if the condition is satisfied; `value` returns each setting's value, or `None` if it
    /// has none.
    pub(super) fn holds<'a>(&self, value: &dyn Fn(Leaf) -> Option<&'a Value>) -> bool {
        match self {
            Self::Or(a, b) => a.holds(value) || b.holds(value),
            Self::And(a, b) => a.holds(value) && b.holds(value),
            Self::Not(a) => !a.holds(value),
            Self::Flag(leaf) => value(*leaf) == Some(&Value::Bool(true)),
            Self::Constant(constant) => *constant,
            Self::In(operand, list) => match operand.resolve(value) {
                Some(x) => list.iter().any(|item| equal(&x, item)),
                None => false,
            },
            Self::Compare(a, how, b) => match (a.resolve(value), b.resolve(value)) {
                (Some(a), Some(b)) => how.holds(&a, &b),
                _ => false,
            },
        }
    }

    /// Maximum number of comparisons to evaluate the condition.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Or(a, b) | Self::And(a, b) => a.size() + b.size(),
            Self::Not(a) => a.size(),
            Self::In(_, list) => list.len().max(1),
            Self::Compare(..) | Self::Flag(_) | Self::Constant(_) => 1,
        }
    }

    /// Settings that occur in the condition.
    pub(super) fn leaves(&self, out: &mut Vec<Leaf>) {
        let mut operand = |operand: &Operand| {
            if let Operand::Setting(leaf) | Operand::Length(leaf) = operand {
                out.push(*leaf);
            }
        };
        match self {
            Self::Compare(a, _, b) => {
                operand(a);
                operand(b);
            }
            Self::In(a, _) => operand(a),
            Self::Flag(leaf) => out.push(*leaf),
            Self::Constant(_) => {}
            Self::Not(a) => a.leaves(out),
            Self::Or(a, b) | Self::And(a, b) => {
                a.leaves(out);
                b.leaves(out);
            }
        }
    }
}

impl Operand {
    fn resolve<'a>(&self, value: &dyn Fn(Leaf) -> Option<&'a Value>) -> Option<Value> {
        match self {
            Self::Literal(literal) => Some(literal.clone()),
            Self::Setting(leaf) => value(*leaf).cloned(),
            Self::Length(leaf) => {
                value(*leaf).and_then(Value::as_array).map(|list| Value::from(list.len()))
            }
        }
    }

    fn kind<'s>(&self, settings: &'s Settings) -> Option<&'s Kind> {
        if let Self::Setting(leaf) = self { Some(&settings[*leaf].kind) } else { None }
    }

    fn is_number(&self, settings: &Settings) -> bool {
        match self {
            Self::Length(_) => true,
            Self::Literal(literal) => literal.is_number(),
            Self::Setting(leaf) => settings[*leaf].kind.is_number(),
        }
    }

    fn describe(&self, settings: &Settings) -> String {
        match self {
            Self::Setting(leaf) => format!("`{}`", settings[*leaf].path),
            Self::Length(leaf) => format!("len({})", settings[*leaf].path),
            Self::Literal(literal) => literal.to_string(),
        }
    }

    /// Error if this operand cannot be compared for equality with a literal.
    fn refuses(&self, settings: &Settings, literal: &Value) -> Option<Diagnostic> {
        let fits = match (self, literal) {
            (Self::Length(_), Value::Number(_)) => true,
            (Self::Setting(leaf), _) => match (&settings[*leaf].kind, literal) {
                (kind, Value::Number(_)) if kind.is_number() => true,
                (Kind::Flag | Kind::Free(FreeKind::Flag), Value::Bool(_))
                | (Kind::Text | Kind::Free(FreeKind::Text), Value::String(_)) => true,
                (
                    Kind::Counts { .. }
                    | Kind::Rising(_)
                    | Kind::Free(FreeKind::Integers | FreeKind::Numbers),
                    Value::Array(list),
                ) => list.iter().all(Value::is_number),
                (Kind::Free(FreeKind::Texts), Value::Array(list)) => {
                    list.iter().all(Value::is_string)
                }
                (Kind::Free(_), Value::String(text)) => text == "none",
                (Kind::CountOr { word, .. }, Value::String(text)) => text == word,
                (Kind::Choice(words) | Kind::Tag(words), Value::String(text)) => {
                    words.iter().any(|(word, _)| word == text)
                }
                _ => false,
            },
            (Self::Literal(a), b) => std::mem::discriminant(a) == std::mem::discriminant(b),
            (Self::Length(_), _) => false,
        };
        if fits {
            return None;
        }
        let what = self.kind(settings).map_or_else(|| "a whole number".into(), Kind::describe);
        let error =
            Diagnostic::new(format!("{} is {what}, never {literal}", self.describe(settings)));
        let words = self
            .kind(settings)
            .map_or(&[][..], |kind| kind.words())
            .iter()
            .map(|(word, _)| *word);
        Some(match literal.as_str() {
            Some(text) => error.suggest(text, words),
            None => error,
        })
    }
}

/// A value as a number for comparisons; the word of a count is larger than every number.
fn size(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::INFINITY)
}

fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        // An absent count equals its word.
        (Value::Null, Value::String(_)) | (Value::String(_), Value::Null) => true,
        _ => a == b,
    }
}

impl Operator {
    fn holds(self, a: &Value, b: &Value) -> bool {
        match self {
            Self::Equal => equal(a, b),
            Self::Unequal => !equal(a, b),
            Self::Less => size(a) < size(b),
            Self::AtMost => size(a) <= size(b),
            Self::More => size(a) > size(b),
            Self::AtLeast => size(a) >= size(b),
        }
    }
}

struct Parser<'p> {
    tokens: Vec<(Token, std::ops::Range<usize>)>,
    next: usize,
    end: usize,
    depth: usize,
    settings: &'p Settings,
    place: &'p dyn Fn(std::ops::Range<usize>) -> Span,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|(token, _)| token)
    }

    fn range(&self) -> std::ops::Range<usize> {
        self.tokens
            .get(self.next)
            .map_or(self.end..self.end, |(_, range)| range.clone())
    }

    fn error(&self, why: impl Into<String>) -> Diagnostic {
        Diagnostic::new(why).at((self.place)(self.range()), "")
    }

    fn take(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        self.next += usize::from(found);
        found
    }

    fn word(&mut self, word: &str) -> bool {
        self.take(&Token::Word(word.into()))
    }

    fn or(&mut self) -> Result<Expr, Diagnostic> {
        let mut expr = self.and()?;
        while self.word("or") {
            expr = Expr::Or(Box::new(expr), Box::new(self.and()?));
        }
        Ok(expr)
    }

    fn and(&mut self) -> Result<Expr, Diagnostic> {
        let mut expr = self.not()?;
        while self.word("and") {
            expr = Expr::And(Box::new(expr), Box::new(self.not()?));
        }
        Ok(expr)
    }

    /// Limits the depth of recursion for any text.
    fn nested(
        &mut self,
        parse: fn(&mut Self) -> Result<Expr, Diagnostic>,
    ) -> Result<Expr, Diagnostic> {
        if self.depth == 32 {
            return Err(self.error("more than 32 levels of nesting"));
        }
        self.depth += 1;
        let expr = parse(self);
        self.depth -= 1;
        expr
    }

    fn not(&mut self) -> Result<Expr, Diagnostic> {
        if self.word("not") {
            return Ok(Expr::Not(Box::new(self.nested(Self::not)?)));
        }
        if self.take(&Token::Open) {
            let expr = self.nested(Self::or)?;
            return if self.take(&Token::Close) {
                Ok(expr)
            } else {
                Err(self.error("expected `)`"))
            };
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Expr, Diagnostic> {
        let start = self.range();
        let left = self.operand()?;
        let negated = self.peek() == Some(&Token::Word("not".into()));
        self.next += usize::from(negated);
        if self.word("in") {
            let at = self.range();
            let Operand::Literal(Value::Array(list)) = self.operand()? else {
                return Err(
                    Diagnostic::new("`in` takes a list such as [1, 2]").at((self.place)(at), "")
                );
            };
            if let Some(error) = list.iter().find_map(|item| left.refuses(self.settings, item)) {
                return Err(error.at((self.place)(at), ""));
            }
            let inside = Expr::In(left, list);
            return Ok(if negated { Expr::Not(Box::new(inside)) } else { inside });
        }
        if negated {
            return Err(self.error("expected `in` after `not`"));
        }
        let Some(Token::Compare(how)) = self.peek() else {
            return self.truth(left, start);
        };
        let how = *how;
        self.next += 1;
        let at = self.range();
        let right = self.operand()?;
        let whole = (self.place)(start.start..self.tokens[self.next - 1].1.end);
        check(self.settings, &left, how, &right).map_or(Ok(()), |(error, all)| {
            Err(error.at(if all { whole } else { (self.place)(at) }, ""))
        })?;
        Ok(Expr::Compare(left, how, right))
    }

    fn truth(&self, operand: Operand, at: std::ops::Range<usize>) -> Result<Expr, Diagnostic> {
        match operand {
            Operand::Setting(leaf)
                if matches!(self.settings[leaf].kind, Kind::Flag | Kind::Free(FreeKind::Flag)) =>
            {
                Ok(Expr::Flag(leaf))
            }
            Operand::Literal(Value::Bool(constant)) => Ok(Expr::Constant(constant)),
            other => {
                let error = Diagnostic::new(format!(
                    "{} alone is neither true nor false",
                    other.describe(self.settings)
                ));
                Err(error.at((self.place)(at), "expected a comparison"))
            }
        }
    }

    fn operand(&mut self) -> Result<Operand, Diagnostic> {
        let at = self.range();
        let Some(token) = self.peek().cloned() else {
            return Err(self.error("expected a setting or a value"));
        };
        self.next += 1;
        match token {
            Token::Number(x) => Ok(Operand::Literal(Value::from(x))),
            Token::Text(text) => Ok(Operand::Literal(Value::from(text))),
            Token::Word(word) if word == "true" || word == "false" => {
                Ok(Operand::Literal(Value::from(word == "true")))
            }
            Token::Word(word) if word == "len" && self.take(&Token::Open) => {
                let at = self.range();
                let operand = self.operand()?;
                match operand {
                    Operand::Setting(leaf)
                        if self.settings[leaf].kind.is_list() && self.take(&Token::Close) =>
                    {
                        Ok(Operand::Length(leaf))
                    }
                    _ => Err(Diagnostic::new("len() takes a setting that is a list")
                        .at((self.place)(at), "")),
                }
            }
            Token::Word(word) => self.settings.find(&word).map(Operand::Setting).ok_or_else(|| {
                let error =
                    Diagnostic::new(format!("unknown setting `{word}`")).at((self.place)(at), "");
                if word.contains('.') {
                    return error.suggest(&word, self.settings.paths());
                }
                let named = |path: &&str| path.rsplit('.').next() == Some(word.as_str());
                let paths: Vec<String> =
                    self.settings.paths().filter(named).map(|path| format!("`{path}`")).collect();
                if !paths.is_empty() {
                    return error.help(format!("did you mean {}?", paths.join(" or ")));
                }
                error
                    .help(format!("a word that is a value is written in quotes: '{word}'"))
                    .help("a condition names settings by their paths, and no [[zip]]")
            }),
            Token::List => self.list(),
            _ => {
                self.next -= 1;
                Err(self.error("expected a setting or a value"))
            }
        }
    }

    fn list(&mut self) -> Result<Operand, Diagnostic> {
        let mut items = Vec::new();
        while !self.take(&Token::EndList) {
            if !items.is_empty() && !self.take(&Token::Comma) {
                return Err(self.error("expected `,` or `]`"));
            }
            // Allows one level of lists within lists, for settings that are lists.
            self.depth += 1;
            let item = if self.depth > 32 {
                Err(self.error("more than 32 levels of nesting"))
            } else {
                self.operand()
            };
            self.depth -= 1;
            match item? {
                Operand::Literal(item) => items.push(item),
                _ => return Err(self.error("a list holds values, not settings")),
            }
        }
        Ok(Operand::Literal(Value::from(items)))
    }
}

/// Error if two operands cannot be compared, and true if it concerns both, false if only the right
/// one.
fn check(
    settings: &Settings,
    left: &Operand,
    how: Operator,
    right: &Operand,
) -> Option<(Diagnostic, bool)> {
    if !matches!(how, Operator::Equal | Operator::Unequal) {
        let odd = [left, right].into_iter().find(|operand| !operand.is_number(settings))?;
        return Some((
            Diagnostic::new(format!("{} has no order: only numbers have", odd.describe(settings))),
            true,
        ));
    }
    match (left, right) {
        (left, Operand::Literal(literal)) => {
            left.refuses(settings, literal).map(|error| (error, false))
        }
        (Operand::Literal(literal), right) => {
            right.refuses(settings, literal).map(|error| (error, true))
        }
        _ if left.is_number(settings) && right.is_number(settings) => None,
        (Operand::Setting(a), Operand::Setting(b)) if settings[*a].kind == settings[*b].kind => {
            None
        }
        _ => {
            let both =
                any_of([left.describe(settings).as_str(), right.describe(settings).as_str()])
                    .replace(" or ", " and ");
            Some((Diagnostic::new(format!("{both} cannot be compared")), true))
        }
    }
}
