//! Texts with placeholders, `{seed}` or `{model.dropout}`: words of commands and values of
//! environment variables.

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplatePart {
    /// As it is.
    Text(String),
    /// The name between braces.
    Placeholder(String),
}

/// Splits a template. `{name}` is a placeholder where the name is made of letters, digits, `_`, `.`
/// and `-`; `{{` and `}}` are single braces, and any other brace is itself, so that a line of awk
/// needs no escapes.
pub fn parts(template: &str) -> Vec<TemplatePart> {
    let mut found = Vec::new();
    let mut text = String::new();
    let mut rest = template;
    let is_name = |name: &str| {
        !name.is_empty()
            && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-'))
    };
    while let Some(c) = rest.chars().next() {
        let name = rest.strip_prefix('{').and_then(|after| after.split_once('}'));
        if let Some(after) = rest.strip_prefix("{{").or_else(|| rest.strip_prefix("}}")) {
            text.push(c);
            rest = after;
        } else if let Some((name, after)) = name.filter(|(name, _)| is_name(name)) {
            if !text.is_empty() {
                found.push(TemplatePart::Text(std::mem::take(&mut text)));
            }
            found.push(TemplatePart::Placeholder(name.to_owned()));
            rest = after;
        } else {
            text.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    if !text.is_empty() {
        found.push(TemplatePart::Text(text));
    }
    found
}

/// The names between braces.
pub fn placeholders(template: &str) -> impl Iterator<Item = String> {
    parts(template).into_iter().filter_map(|part| match part {
        TemplatePart::Placeholder(name) => Some(name),
        TemplatePart::Text(_) => None,
    })
}

/// The template with every placeholder replaced; `None` of `value` leaves it as it is written.
pub fn filled(template: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let fill = |part| match part {
        TemplatePart::Text(text) => text,
        TemplatePart::Placeholder(name) => value(&name).unwrap_or_else(|| format!("{{{name}}}")),
    };
    parts(template).into_iter().map(fill).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_between_braces_are_placeholders_and_other_braces_are_text() {
        let names = |text: &str| placeholders(text).collect::<Vec<_>>();
        assert_eq!(names("--{name}={model.drop-out}"), ["name", "model.drop-out"]);
        assert_eq!(names("{print $1}"), Vec::<String>::new());
        let value = |name: &str| (name == "seed").then(|| "3".to_owned());
        assert_eq!(
            filled("{{seed}} {seed} {other} {print $1} {", value),
            "{seed} 3 {other} {print $1} {"
        );
    }

    proptest! {
        #[test]
        fn a_text_with_doubled_braces_is_that_text(text in "[a-z{} ]{0,20}") {
            let doubled = text.replace('{', "{{").replace('}', "}}");
            prop_assert_eq!(filled(&doubled, |_| Some("x".into())), text);
        }
    }
}
