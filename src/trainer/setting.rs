//! The settings of a trainer: each declared once, with path, kind, default and meaning. Reading an
//! experiment file, its error messages, the JSON Schema, the reference and the labels of variants
//! all come from this declaration.

use std::collections::BTreeMap;
use std::ops::Index;

use serde_json::{Map, Value};

use super::Config;
use super::kind::Kind;
use crate::text::brief;

/// One setting of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Key path: `model.hidden`; a constant of a tagged setting is below its word:
    /// `train.optimizer.adam.lr`.
    pub path: String,
    /// Kind of its values.
    pub kind: Kind,
    /// Meaning, in one line.
    pub doc: String,
    /// Value if no file mentions it; null if it is then absent, or must be written.
    pub default: Value,
    /// True if configurations leave it out at its default. So does a setting that was added after
    /// runs had been trained without it: their identity remains.
    pub implied: bool,
}

/// Index of a setting among its trainer's [`Settings`].
pub(crate) type Leaf = usize;

/// Every setting of a trainer, in the order of its configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    all: Vec<Setting>,
    by_path: BTreeMap<String, Leaf>,
    /// Tagged setting and its word, for a constant below a tag.
    tags: Vec<Option<(Leaf, String)>>,
}

impl Index<Leaf> for Settings {
    type Output = Setting;

    fn index(&self, leaf: Leaf) -> &Setting {
        &self.all[leaf]
    }
}

impl Settings {
    /// Indexes a list of settings.
    pub fn new(all: Vec<Setting>) -> Self {
        let by_path: BTreeMap<String, Leaf> = (all.iter().enumerate())
            .map(|(leaf, setting)| (setting.path.clone(), leaf))
            .collect();
        let tag_of = |path: &str| {
            let (tag, _) = path.rsplit_once('.')?;
            let (parent, word) = tag.rsplit_once('.')?;
            by_path.get(parent).map(|leaf| (*leaf, word.to_owned()))
        };
        let tags = all.iter().map(|setting| tag_of(&setting.path)).collect();
        Self { all, by_path, tags }
    }

    /// Number of settings.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// All settings, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Setting> {
        self.all.iter()
    }

    /// Index of the setting with this path.
    pub(crate) fn find(&self, path: &str) -> Option<Leaf> {
        self.by_path.get(path).copied()
    }

    /// Tagged setting and its word, for a constant below a tag, such as `train.optimizer.adam.lr`.
    pub(crate) fn tag(&self, leaf: Leaf) -> Option<(Leaf, &str)> {
        self.tags[leaf].as_ref().map(|(tagged, word)| (*tagged, word.as_str()))
    }

    /// The constants below a word of a tagged setting.
    pub(crate) fn constants<'a>(
        &'a self,
        tagged: Leaf,
        word: &'a str,
    ) -> impl Iterator<Item = Leaf> + 'a {
        (tagged..self.len()).filter(move |leaf| self.tag(*leaf) == Some((tagged, word)))
    }

    /// Every path, for suggestions.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|setting| setting.path.as_str())
    }

    /// Top-level tables of an experiment file that hold settings, in order.
    pub(crate) fn sections(&self) -> Vec<&str> {
        let mut sections: Vec<&str> = Vec::new();
        for path in self.paths() {
            let section = path.split('.').next().unwrap_or(path);
            if !sections.contains(&section) {
                sections.push(section);
            }
        }
        sections
    }

    /// True if `path` leads to settings without being one: `model`, `train.optimizer.adam`.
    pub(crate) fn is_group(&self, path: &str) -> bool {
        let below =
            |other: &str| other.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
        self.find(path).is_none() && self.paths().any(below)
    }

    /// Configuration with `value(leaf)` for every setting; a tagged setting with the constants of
    /// its word.
    pub(crate) fn config<'a>(&'a self, value: impl Fn(Leaf) -> &'a Value) -> Config {
        let mut root = Map::new();
        for (leaf, setting) in self.all.iter().enumerate() {
            let is_implied = setting.implied && *value(leaf) == setting.default;
            if is_implied || self.tag(leaf).is_some() {
                continue;
            }
            let mut keys = setting.path.split('.');
            let last = keys.next_back().unwrap_or_default();
            let mut table = &mut root;
            for key in keys {
                let below = table.entry(key).or_insert_with(|| Map::new().into());
                let Value::Object(below) = below else {
                    unreachable!("a setting has no settings")
                };
                table = below;
            }
            table.insert(last.to_owned(), self.whole(leaf, &value));
        }
        Config::new(&root.into())
    }

    /// Value of a setting, with its constants if it is tagged.
    fn whole<'a>(&'a self, leaf: Leaf, value: &impl Fn(Leaf) -> &'a Value) -> Value {
        let own = value(leaf);
        let (Kind::Tag(_), Value::String(word)) = (&self.all[leaf].kind, own) else {
            return own.clone();
        };
        let constants: Map<String, Value> = self
            .constants(leaf, word)
            .map(|leaf| (last(&self.all[leaf].path).to_owned(), value(leaf).clone()))
            .collect();
        if constants.is_empty() {
            own.clone()
        } else {
            Map::from_iter([(word.clone(), constants.into())]).into()
        }
    }

    /// Checks that a configuration of other origin than an experiment file is one that such a file
    /// could have asked for.
    pub(crate) fn check(&self, config: &Value) -> Result<(), String> {
        for Setting { path, kind, .. } in &self.all {
            let found = path.split('.').try_fold(config, |value, key| value.get(key));
            if let Some(value) = found.filter(|value| !kind.holds(value)) {
                let (found, expected) = (brief(&value.to_string()), kind.describe());
                return Err(format!("{path} is {found}, expected {expected}"));
            }
        }
        Ok(())
    }
}

/// The last word of a path.
pub(crate) fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}
