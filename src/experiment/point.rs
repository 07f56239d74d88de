//! A point of the space of settings: one value for every setting, kept as small numbers.
//!
//! Each distinct value of a setting is stored once in a `Pool` and known by its index there, so
//! that cells of a grid are compared, merged and tested without touching a text. Index 0 is the
//! default.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::diagnostics::Span;
use super::kind::Kind;
use super::settings::{self, Leaf, SETTINGS};
use crate::config::RunConfig;

/// For every setting the index of its value in the pool.
pub(super) type Point = Vec<u32>;

/// A setting, the value it is given, and where that is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Assignment {
    pub(super) leaf: Leaf,
    pub(super) value: u32,
    pub(super) span: Span,
}

/// Every distinct value of every setting.
#[derive(Debug)]
pub(super) struct Pool {
    values: Vec<Vec<Value>>,
    index: Vec<BTreeMap<String, u32>>,
}

impl Pool {
    /// The pool that holds the defaults.
    pub(super) fn new() -> Self {
        let mut pool = Self {
            values: vec![Vec::new(); SETTINGS.len()],
            index: vec![BTreeMap::new(); SETTINGS.len()],
        };
        for leaf in 0..SETTINGS.len() {
            pool.intern(leaf, settings::default(leaf).clone());
        }
        pool
    }

    /// The point of all defaults.
    pub(super) fn defaults() -> Point {
        vec![0; SETTINGS.len()]
    }

    pub(super) fn intern(&mut self, leaf: Leaf, value: Value) -> u32 {
        let values = &mut self.values[leaf];
        *self.index[leaf].entry(value.to_string()).or_insert_with(|| {
            values.push(value);
            values.len() as u32 - 1
        })
    }

    /// Texts of the values of each setting.
    pub(super) fn texts(&self) -> impl Iterator<Item = impl Iterator<Item = &str>> {
        self.index.iter().map(|index| index.keys().map(String::as_str))
    }

    pub(super) fn value(&self, leaf: Leaf, index: u32) -> &Value {
        &self.values[leaf][index as usize]
    }

    /// The value of a setting at a point; `None` for a constant of a word that is not chosen there.
    pub(super) fn at(&self, point: &Point, leaf: Leaf) -> Option<&Value> {
        let chosen = |(tagged, word): (Leaf, &str)| self.value(tagged, point[tagged]) == word;
        settings::tag(leaf).is_none_or(chosen).then(|| self.value(leaf, point[leaf]))
    }

    pub(super) fn show(&self, leaf: Leaf, index: u32) -> String {
        SETTINGS[leaf].kind.show(self.value(leaf, index))
    }

    /// The value of a setting at a point, for people; of a tagged one with the constants that are
    /// not the default.
    pub(super) fn show_at(&self, point: &Point, leaf: Leaf) -> String {
        let mut text = self.show(leaf, point[leaf]);
        if let (Kind::Tag(_), Value::String(word)) =
            (&SETTINGS[leaf].kind, self.value(leaf, point[leaf]))
        {
            for constant in settings::constants(leaf, word).filter(|constant| point[*constant] != 0)
            {
                text.push_str(&format!(
                    " {} {}",
                    last(SETTINGS[constant].path),
                    self.show(constant, point[constant])
                ));
            }
        }
        text
    }

    /// Returns the constants of words that are not chosen to their defaults, so that equal
    /// configurations are equal points.
    pub(super) fn normalise(&self, point: &mut Point) {
        for leaf in 0..SETTINGS.len() {
            if point[leaf] != 0 && self.at(point, leaf).is_none() {
                point[leaf] = 0;
            }
        }
    }

    /// The configuration at `point`, starting from that of `base`.
    pub(super) fn config(
        &self,
        start: &RunConfig,
        base: &Point,
        point: &Point,
    ) -> serde_json::Result<RunConfig> {
        let mut config = start.clone();
        let mut assigned = None;
        for leaf in 0..SETTINGS.len() {
            if point[leaf] == base[leaf] {
                continue;
            }
            // A constant changes its tagged setting, which is assigned whole and once.
            let slot = settings::tag(leaf).map_or(leaf, |(tagged, _)| tagged);
            if assigned != Some(slot) {
                settings::assign(&mut config, SETTINGS[slot].path, self.whole(point, slot))?;
                assigned = Some(slot);
            }
        }
        Ok(config)
    }

    /// The value of a setting, with its constants if it is tagged.
    fn whole(&self, point: &Point, slot: Leaf) -> Value {
        let value = self.value(slot, point[slot]);
        let (Kind::Tag(_), Value::String(word)) = (&SETTINGS[slot].kind, value) else {
            return value.clone();
        };
        let constants: Map<String, Value> = settings::constants(slot, word)
            .map(|leaf| {
                (last(SETTINGS[leaf].path).to_owned(), self.value(leaf, point[leaf]).clone())
            })
            .collect();
        if constants.is_empty() {
            value.clone()
        } else {
            Map::from_iter([(word.clone(), constants.into())]).into()
        }
    }
}

/// The last word of a path.
pub(super) fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}
