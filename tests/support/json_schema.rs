//! JSON Schema for tests: the keywords that the schemas of this project use, and no others.

use serde_json::Value;

/// Problems of a value, each with its place; none if the value fits the schema.
///
/// Stricter than JSON Schema: a key that is not among the `properties` of its object is a problem,
/// so that no key is undocumented.
pub(crate) fn problems(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, value, "", &mut found);
    found
}

fn check(schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    const KNOWN: [&str; 13] = [
        "$schema",
        "title",
        "description",
        "type",
        "enum",
        "const",
        "minimum",
        "items",
        "properties",
        "required",
        "additionalProperties",
        "oneOf",
        "default",
    ];
    let keywords = schema.as_object().expect("a schema is an object");
    for keyword in keywords.keys() {
        assert!(KNOWN.contains(&keyword.as_str()), "{at}: the keyword {keyword} is not known");
    }
    let each = |key: &str| schema[key].as_array().into_iter().flatten();
    let of_type = |name: &Value| match name.as_str().expect("a name of a type") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("{at}: no type is called {other}"),
    };
    let fits = match &schema["type"] {
        Value::Null => true,
        Value::Array(names) => names.iter().any(of_type),
        name => of_type(name),
    };
    if !fits {
        found.push(format!("{at}: {value} is not of type {}", schema["type"]));
    }
    if keywords.contains_key("enum") && !each("enum").any(|word| word == value) {
        found.push(format!("{at}: {value} is none of {}", schema["enum"]));
    }
    if schema.get("const").is_some_and(|word| word != value) {
        found.push(format!("{at}: {value} is not {}", schema["const"]));
    }
    if let (Some(least), Some(number)) = (schema["minimum"].as_f64(), value.as_f64())
        && number < least
    {
        found.push(format!("{at}: {number} is below {least}"));
    }
    for (i, item) in value.as_array().into_iter().flatten().enumerate() {
        if keywords.contains_key("items") {
            check(&schema["items"], item, &format!("{at}[{i}]"), found);
        }
    }
    if let Some(object) = value.as_object() {
        for key in each("required").filter_map(Value::as_str) {
            if !object.contains_key(key) {
                found.push(format!("{at}: {key} is missing"));
            }
        }
        for (key, inner) in object {
            let place = format!("{at}.{key}");
            match (schema["properties"].get(key), schema.get("additionalProperties")) {
                (Some(schema), _) | (None, Some(schema)) => check(schema, inner, &place, found),
                (None, None) if keywords.contains_key("oneOf") => {}
                (None, None) => found.push(format!("{place}: the key is not in the schema")),
            }
        }
    }
    if keywords.contains_key("oneOf") {
        let each: Vec<Vec<String>> = each("oneOf").map(|one| problems(one, value)).collect();
        if each.iter().filter(|problems| problems.is_empty()).count() != 1 {
            let nearest = each.into_iter().min_by_key(Vec::len).unwrap_or_default();
            found.push(format!("{at}: not exactly one of oneOf fits: {}", nearest.join("; ")));
        }
    }
}

/// Paths of all properties of a schema: `.runs[].state`.
pub(crate) fn properties(schema: &Value) -> Vec<String> {
    fn walk(schema: &Value, at: &str, found: &mut Vec<String>) {
        for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{at}.{key}");
            found.push(path.clone());
            walk(inner, &path, found);
        }
        if schema.get("items").is_some() {
            walk(&schema["items"], &format!("{at}[]"), found);
        }
    }
    let mut found = Vec::new();
    walk(schema, "", &mut found);
    found
}

/// Paths, as in [`properties`], at which a value is something: not null and not empty.
pub(crate) fn filled(value: &Value) -> Vec<String> {
    fn walk(value: &Value, at: &str, found: &mut Vec<String>) {
        let is_something = match value {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => !items.is_empty(),
            Value::Object(object) => !object.is_empty(),
            Value::Bool(_) | Value::Number(_) => true,
        };
        if is_something && !at.is_empty() {
            found.push(at.to_owned());
        }
        for (key, inner) in value.as_object().into_iter().flatten() {
            walk(inner, &format!("{at}.{key}"), found);
        }
        for item in value.as_array().into_iter().flatten() {
            walk(item, &format!("{at}[]"), found);
        }
    }
    let mut found = Vec::new();
    walk(value, "", &mut found);
    found
}
