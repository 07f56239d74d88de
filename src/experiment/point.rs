//! Points of the space of settings: one value for every setting, stored as small integers.
//!
//! Each distinct value of a setting is stored once in a `Pool` and referred to by its index there,
//! so that cells of a grid are compared, merged and tested without touching a text. Index 0 is the
//! default.

use std::collections::BTreeMap;

use serde_json::Value;

use super::diagnostics::Span;
use crate::trainer::kind::Kind;
use crate::trainer::{Config, Leaf, Settings, last};

/// Index in the pool of the value of every setting.
pub(super) type Point = Vec<u32>;

/// A setting, its value, and the place where it is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Assignment {
    pub(super) leaf: Leaf,
    pub(super) value: u32,
    pub(super) span: Span,
}

/// Every distinct value of every setting.
#[derive(Debug)]
pub(super) struct ValuePool<'s> {
    settings: &'s Settings,
    values: Vec<Vec<Value>>,
    index: Vec<BTreeMap<String, u32>>,
}

impl<'s> ValuePool<'s> {
    /// The pool that holds the defaults.
    pub(super) fn new(settings: &'s Settings) -> Self {
        let mut pool = Self {
            settings,
            values: vec![Vec::new(); settings.len()],
            index: vec![BTreeMap::new(); settings.len()],
        };
        for (leaf, setting) in settings.iter().enumerate() {
            pool.intern(leaf, setting.default.clone());
        }
        pool
    }

    /// Settings of its values.
    pub(super) fn settings(&self) -> &'s Settings {
        self.settings
    }

    /// The point of all defaults.
    pub(super) fn defaults(&self) -> Point {
        vec![0; self.settings.len()]
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

    /// Value of a setting at a point; `None` for a constant of a word that is not chosen there.
    pub(super) fn at(&self, point: &Point, leaf: Leaf) -> Option<&Value> {
        let chosen = |(tagged, word): (Leaf, &str)| self.value(tagged, point[tagged]) == word;
        self.settings
            .tag(leaf)
            .is_none_or(chosen)
            .then(|| self.value(leaf, point[leaf]))
    }

    pub(super) fn show(&self, leaf: Leaf, index: u32) -> String {
        self.settings[leaf].kind.show(self.value(leaf, index))
    }

    /// Value of a setting at a point, for people; a tagged one with those constants that differ
    /// from their default.
    pub(super) fn show_at(&self, point: &Point, leaf: Leaf) -> String {
        let mut text = self.show(leaf, point[leaf]);
        if let (Kind::Tag(_), Value::String(word)) =
            (&self.settings[leaf].kind, self.value(leaf, point[leaf]))
        {
            for constant in
                self.settings.constants(leaf, word).filter(|constant| point[*constant] != 0)
            {
                text.push_str(&format!(
                    " {} {}",
                    last(&self.settings[constant].path),
                    self.show(constant, point[constant])
                ));
            }
        }
        text
    }

    /// Resets the constants of words that are not chosen to their defaults, so that equal
    /// configurations are equal points.
    pub(super) fn normalise(&self, point: &mut Point) {
        for leaf in 0..self.settings.len() {
            if point[leaf] != 0 && self.at(point, leaf).is_none() {
                point[leaf] = 0;
            }
        }
    }

    /// The configuration at a point.
    pub(super) fn config(&self, point: &Point) -> Config {
        self.settings.config(|leaf| self.value(leaf, point[leaf]))
    }
}
