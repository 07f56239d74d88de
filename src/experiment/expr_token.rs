//! Tokens of a condition.

use std::ops::Range;

/// One token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Open,
    Close,
    List,
    EndList,
    Comma,
    Compare(Operator),
    Number(f64),
    Text(String),
    /// A key path or a keyword.
    Word(String),
}

/// Maximum length of a condition, which limits the depth of its syntax tree.
const MOST: usize = 500;

/// Splits a condition into tokens; error: the range that cannot be read, and the reason.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, Range<usize>)>, (Range<usize>, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let start = text.len() - rest.len();
        let (token, length) = match first {
            c if c.is_whitespace() => (None, c.len_utf8()),
            '(' => (Some(Token::Open), 1),
            ')' => (Some(Token::Close), 1),
            '[' => (Some(Token::List), 1),
            ']' => (Some(Token::EndList), 1),
            ',' => (Some(Token::Comma), 1),
            '=' | '!' | '<' | '>' => comparison(rest)
                .map(|(how, length)| (Some(Token::Compare(how)), length))
                .ok_or_else(|| {
                    (start..start + 1, "comparisons are ==, !=, <, <=, > and >=".to_owned())
                })?,
            '\'' | '"' => {
                let end = rest[1..]
                    .find(first)
                    .ok_or_else(|| (start..text.len(), "this text has no end".to_owned()))?;
                (Some(Token::Text(rest[1..=end].to_owned())), end + 2)
            }
            c if c.is_ascii_digit() || c == '-' || c == '.' || c == '+' => {
                let end = number_end(rest);
                let x: Option<f64> =
                    rest[..end].replace('_', "").parse().ok().filter(|x: &f64| x.is_finite());
                let x = x.ok_or_else(|| {
                    (
                        start..start + end.max(1),
                        format!("`{}` is not a number", &rest[..end.max(1)]),
                    )
                })?;
                (Some(Token::Number(x)), end)
            }
            c if c.is_ascii_alphabetic() || c == '_' => {
                let in_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
                let end = rest.find(|c| !in_path(c)).unwrap_or(rest.len());
                (Some(Token::Word(rest[..end].to_owned())), end)
            }
            c => {
                return Err((
                    start..start + c.len_utf8(),
                    format!("`{c}` has no meaning in a condition"),
                ));
            }
        };
        found.extend(token.map(|token| (token, start..start + length)));
        if found.len() > MOST {
            return Err((start..text.len(), format!("a condition has at most {MOST} words")));
        }
        rest = &rest[length..];
    }
    Ok(found)
}

fn comparison(rest: &str) -> Option<(Operator, usize)> {
    [
        ("==", Operator::Equal),
        ("!=", Operator::Unequal),
        ("<=", Operator::AtMost),
        (">=", Operator::AtLeast),
        ("<", Operator::Less),
        (">", Operator::More),
    ]
    .into_iter()
    .find(|(sign, _)| rest.starts_with(sign))
    .map(|(sign, how)| (how, sign.len()))
}

/// End of a number: a sign is part of it at its start and after an `e`.
fn number_end(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    (1..bytes.len())
        .find(|&i| match bytes[i] {
            b'-' | b'+' => !matches!(bytes[i - 1], b'e' | b'E'),
            b => !b.is_ascii_alphanumeric() && b != b'.' && b != b'_',
        })
        .unwrap_or(bytes.len())
}

/// Operator of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
}
