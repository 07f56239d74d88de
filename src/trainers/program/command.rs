//! Command lines of a run: settings written into the words of a program's commands.

use serde_json::{Map, Value};

use crate::trainer::template::{filled, placeholders};
use crate::trainer::{Booleans, Config, Declaration, Lists, Program, last};

/// Values of the placeholders that are no settings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places<'a> {
    /// `{seed}`.
    pub(super) seed: &'a str,
    /// `{run}`: the directory of the run.
    pub(super) run: &'a str,
    /// `{here}`: the folder of the experiment file.
    pub(super) here: &'a str,
}

/// One run's way of writing settings.
pub(super) struct Writer<'a> {
    declaration: &'a Declaration,
    places: Places<'a>,
    /// Every setting by its key path, in the order of the file.
    values: Vec<(&'a str, Value)>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(declaration: &'a Declaration, config: &Config, places: Places<'a>) -> Self {
        let all = config.value();
        let value = |path: &str| path.split('.').try_fold(&all, |value, key| value.get(key));
        let values = (declaration.settings.iter())
            .map(|(path, _)| (path.as_str(), value(path).cloned().unwrap_or(Value::Null)))
            .collect();
        Self { declaration, places, values }
    }

    /// A template with its placeholders replaced.
    pub(super) fn fill(&self, template: &str) -> String {
        let Declaration { conduct, .. } = self.declaration;
        filled(template, |name| match name {
            "seed" => Some(self.places.seed.to_owned()),
            "run" => Some(self.places.run.to_owned()),
            "here" => Some(self.places.here.to_owned()),
            "cpus" => Some(conduct.cpus.to_string()),
            _ => match name.strip_prefix("local.") {
                Some(local) => conduct.local.get(local).cloned(),
                None => self.value(name).map(|value| self.text(value)),
            },
        })
    }

    fn value(&self, path: &str) -> Option<&Value> {
        self.values.iter().find(|(known, _)| *known == path).map(|(_, value)| value)
    }

    /// The words of every command, in order; those of a run that continues from a checkpoint end in
    /// the words for it.
    pub(super) fn commands(&self, resumes: bool) -> Vec<Vec<String>> {
        let Declaration { program, conduct, .. } = self.declaration;
        let one = |command: &Vec<String>| {
            let mut words: Vec<String> = conduct.wrap.iter().map(|word| self.fill(word)).collect();
            for word in command {
                if word == "{args}" {
                    words.extend(self.arguments());
                } else {
                    words.push(self.fill(word));
                }
            }
            if resumes {
                words.extend(conduct.resume.iter().map(|word| self.fill(word)));
            }
            words
        };
        program.command.iter().map(one).collect()
    }

    /// `{args}`: every setting that no other placeholder names, in the order of the file, and the
    /// seed.
    fn arguments(&self) -> Vec<String> {
        let Program { command, seed_key, .. } = &self.declaration.program;
        let named: Vec<String> =
            command.iter().flatten().flat_map(|word| placeholders(word)).collect();
        let mut words = Vec::new();
        for (path, value) in self.values.iter().filter(|(path, _)| !named.iter().any(|n| n == path))
        {
            words.extend(self.argument(path, value));
        }
        if !seed_key.is_empty() && !named.iter().any(|name| name == "seed") {
            words.extend(self.expanded(seed_key, last(seed_key), &[self.places.seed.to_owned()]));
        }
        words
    }

    /// One setting, as `program.args` writes it.
    fn argument(&self, path: &str, value: &Value) -> Vec<String> {
        let Program { booleans, lists, .. } = &self.declaration.program;
        let name = last(path);
        match value {
            Value::Null => Vec::new(),
            Value::Bool(flag) => match booleans {
                Booleans::Words(yes, no) => {
                    self.expanded(path, name, &[if *flag { yes } else { no }.clone()])
                }
                Booleans::Present if !flag => Vec::new(),
                Booleans::No if !flag => {
                    let key = match path.rsplit_once('.') {
                        Some((above, name)) => format!("{above}.no-{name}"),
                        None => format!("no-{name}"),
                    };
                    self.bare(&key, &format!("no-{name}"))
                }
                Booleans::Present | Booleans::No => self.bare(path, name),
            },
            Value::Array(list) if *lists == Lists::Words => {
                self.expanded(path, name, &list.iter().map(scalar).collect::<Vec<_>>())
            }
            Value::Array(list) if *lists == Lists::Repeat => list
                .iter()
                .flat_map(|item| self.expanded(path, name, &[scalar(item)]))
                .collect(),
            value => self.expanded(path, name, &[self.text(value)]),
        }
    }

    /// The words of the template that stand without a value.
    fn bare(&self, key: &str, name: &str) -> Vec<String> {
        let words = self.declaration.program.args.split_whitespace();
        words
            .filter(|word| !placeholders(word).any(|found| found == "value"))
            .map(|word| named(word, key, name, ""))
            .collect()
    }

    /// The words of the template, where a word `{value}` becomes as many as there are values.
    fn expanded(&self, key: &str, name: &str, values: &[String]) -> Vec<String> {
        let words = self.declaration.program.args.split_whitespace();
        words
            .flat_map(|word| match word {
                "{value}" => values.to_vec(),
                word => vec![named(word, key, name, &values.join(" "))],
            })
            .collect()
    }

    /// A value as one text.
    fn text(&self, value: &Value) -> String {
        let Program { booleans, lists, .. } = &self.declaration.program;
        match value {
            Value::Bool(flag) => match booleans {
                Booleans::Words(yes, no) => if *flag { yes } else { no }.clone(),
                _ => flag.to_string(),
            },
            Value::Array(list) => {
                let items: Vec<String> = list.iter().map(scalar).collect();
                match lists {
                    Lists::Brackets => format!("[{}]", items.join(",")),
                    Lists::Comma => items.join(","),
                    Lists::Words | Lists::Repeat => items.join(" "),
                }
            }
            value => scalar(value),
        }
    }

    /// `config.json`: the settings, nested, with the seed.
    pub(super) fn config_json(&self) -> Vec<u8> {
        let mut root = Map::new();
        for (path, value) in &self.values {
            insert(&mut root, path, value.clone());
        }
        let Program { seed_key, .. } = &self.declaration.program;
        if !seed_key.is_empty() {
            let seed = self.places.seed.parse::<u64>().map_or(Value::Null, Value::from);
            insert(&mut root, seed_key, seed);
        }
        let text = serde_json::to_string_pretty(&Value::from(root)).expect("plain data");
        (text + "\n").into_bytes()
    }
}

fn insert(root: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => drop(root.insert(path.to_owned(), value)),
        Some((table, rest)) => {
            if let Value::Object(below) = root.entry(table).or_insert_with(|| Map::new().into()) {
                insert(below, rest, value);
            }
        }
    }
}

fn named(word: &str, key: &str, name: &str, value: &str) -> String {
    filled(word, |placeholder| match placeholder {
        "key" => Some(key.to_owned()),
        "name" => Some(name.to_owned()),
        "value" => Some(value.to_owned()),
        _ => None,
    })
}

/// A number, a text or a truth value as a word.
fn scalar(value: &Value) -> String {
    match value {
        Value::Null => "none".into(),
        Value::String(text) => text.clone(),
        Value::Number(n) if n.is_f64() => float(n.as_f64().unwrap_or(0.0)),
        value => value.to_string(),
    }
}

/// A float that always carries a point, since PyYAML reads `1e-5` as a text: `0.0`, `1.0e-05`.
fn float(x: f64) -> String {
    let text = format!("{x:?}");
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let point = if mantissa.contains('.') { "" } else { ".0" };
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}{point}e{sign}{digits:0>2}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_float_carries_a_point_and_reads_back() {
        for (x, text) in [
            (0.0, "0.0"),
            (1.0, "1.0"),
            (1e-5, "1.0e-05"),
            (1.5e-7, "1.5e-07"),
            (1e16, "1.0e+16"),
            (0.1, "0.1"),
            (-2e-300, "-2.0e-300"),
        ] {
            assert_eq!(float(x), text);
            assert_eq!(text.parse::<f64>().unwrap(), x);
        }
    }

    fn declaration(args: &str, booleans: Booleans, lists: Lists, settings: Value) -> Declaration {
        let settings = settings.as_object().unwrap().clone();
        serde_json::from_value(json!({
            "home": "/home", "metrics": [], "settings": settings.into_iter().collect::<Vec<_>>(),
            "program": {
                "command": [["run", "{args}"]], "args": args, "booleans": booleans, "lists": lists,
                "seed_key": "seed", "directory": "."
            },
        }))
        .unwrap()
    }

    fn words(args: &str, booleans: Booleans, lists: Lists, settings: Value) -> String {
        let declaration = declaration(args, booleans, lists, settings);
        let mut nested = Map::new();
        for (path, value) in &declaration.settings {
            insert(&mut nested, path, value.clone());
        }
        let places = Places { seed: "7", run: "/run", here: "/home" };
        let writer = Writer::new(&declaration, &Config::new(&nested.into()), places);
        writer.commands(false)[0].join(" ")
    }

    #[test]
    fn every_way_of_writing_arguments() {
        use Booleans::{No, Present};
        let all = || json!({"m.rate": 0.5, "m.on": true, "m.off": false, "n": [1, 2], "w": "a b", "x": null});
        let pair = || Booleans::Words("True".into(), "False".into());
        let dashes = "--{name} {value}";
        for (expected, found) in [
            (
                "run --rate 0.5 --on --n 1 2 --w a b --seed 7",
                words(dashes, Present, Lists::Words, all()),
            ),
            (
                "run --rate 0.5 --on --no-off --n 1,2 --w a b --seed 7",
                words(dashes, No, Lists::Comma, all()),
            ),
            (
                "run m.rate=0.5 m.on=True m.off=False n=[1,2] w=a b seed=7",
                words("{key}={value}", pair(), Lists::Brackets, all()),
            ),
            (
                "run --m.rate=0.5 --m.on=True --m.off=False --n=1 --n=2 --w=a b --seed=7",
                words("--{key}={value}", pair(), Lists::Repeat, all()),
            ),
        ] {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn what_another_placeholder_names_is_not_an_argument_too() {
        let mut declaration = declaration(
            "--{name} {value}",
            Booleans::Present,
            Lists::Words,
            json!({"a": 1, "b": 2}),
        );
        declaration.program.command = vec![vec!["x".into(), "{b}-{seed}".into(), "{args}".into()]];
        let places = Places { seed: "7", run: "", here: "" };
        let writer = Writer::new(&declaration, &Config::new(&json!({"a": 1, "b": 2})), places);
        assert_eq!(writer.commands(false), [["x", "2-7", "--a", "1"]]);
        let config: Value = serde_json::from_slice(&writer.config_json()).unwrap();
        assert_eq!(config, json!({"a": 1, "b": 2, "seed": 7}));
    }
}
