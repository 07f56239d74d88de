//! TOML file as a tree of values with their places, keys in the order of the file.

use toml::de::{DeTable, DeValue};

use super::diagnostics::{Diagnostic, Errors, Span};

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) value: Toml,
}

/// A TOML value.
#[derive(Debug, Clone)]
pub(super) enum Toml {
    Flag(bool),
    /// `None` if it exceeds 64 bits.
    Integer(Option<i64>),
    Float(f64),
    Text(String),
    Date,
    List(Vec<Node>),
    Table(TomlTable),
}

/// A table: its entries in the order of the file.
#[derive(Debug, Clone, Default)]
pub(super) struct TomlTable(pub(super) Vec<(Key, Node)>);

/// A key and its place.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) span: Span,
}

impl TomlTable {
    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        self.0.iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
    }
}

impl Node {
    pub(super) fn table(&self) -> Option<&TomlTable> {
        if let Toml::Table(table) = &self.value { Some(table) } else { None }
    }

    /// Description of the value, for messages.
    pub(super) fn found(&self) -> String {
        match &self.value {
            Toml::Flag(flag) => flag.to_string(),
            Toml::Integer(Some(n)) => n.to_string(),
            Toml::Integer(None) => "a number of more than 64 bits".into(),
            Toml::Float(x) => format!("{x:?}"),
            Toml::Text(text) => format!("\"{}\"", shorten(text)),
            Toml::Date => "a date".into(),
            Toml::List(list) if list.is_empty() => "an empty list".into(),
            Toml::List(_) => "a list".into(),
            Toml::Table(_) => "a table".into(),
        }
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// Parses a file of `errors`; every syntax error in it is reported, and then there is no tree.
pub(super) fn parse(file: u32, errors: &mut Errors) -> Option<TomlTable> {
    let text = errors.sources[file as usize].text.clone();
    let (table, syntax) = DeTable::parse_recoverable(&text);
    if syntax.is_empty() {
        return Some(convert_table(file, table.into_inner()));
    }
    for error in syntax {
        let span = Span::new(file, error.span().unwrap_or(0..0));
        errors.push(Diagnostic::new(format!("no valid TOML: {}", error.message())).at(span, ""));
    }
    None
}

/// Parses a value in an argument, at `offset` of source `file`; `None` if it is not a TOML value.
pub(super) fn parse_value(file: u32, offset: usize, text: &str) -> Option<Node> {
    let value = DeValue::parse(text).ok()?;
    let mut node = convert(file, value);
    node.shift(offset as u32);
    Some(node)
}

impl Node {
    fn shift(&mut self, offset: u32) {
        let shift =
            |span: &mut Span| (span.start, span.end) = (span.start + offset, span.end + offset);
        shift(&mut self.span);
        match &mut self.value {
            Toml::List(list) => list.iter_mut().for_each(|node| node.shift(offset)),
            Toml::Table(TomlTable(entries)) => entries.iter_mut().for_each(|(key, node)| {
                shift(&mut key.span);
                node.shift(offset);
            }),
            _ => {}
        }
    }
}

fn convert(file: u32, value: toml::Spanned<DeValue>) -> Node {
    let span = Span::new(file, value.span());
    let value = match value.into_inner() {
        DeValue::Boolean(flag) => Toml::Flag(flag),
        DeValue::Integer(n) => Toml::Integer(i64::from_str_radix(n.as_str(), n.radix()).ok()),
        DeValue::Float(x) => Toml::Float(x.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::String(text) => Toml::Text(text.into_owned()),
        DeValue::Datetime(_) => Toml::Date,
        DeValue::Array(list) => {
            Toml::List(list.into_iter().map(|node| convert(file, node)).collect())
        }
        DeValue::Table(table) => Toml::Table(convert_table(file, table)),
    };
    Node { span, value }
}

fn convert_table(file: u32, table: DeTable) -> TomlTable {
    let entry = |(key, node): (toml::Spanned<_>, _)| {
        let span = Span::new(file, key.span());
        let name: std::borrow::Cow<str> = key.into_inner();
        (Key { name: name.into_owned(), span }, convert(file, node))
    };
    TomlTable(table.into_iter().map(entry).collect())
}
