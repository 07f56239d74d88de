//! Blocks of a study: its variants divided by `[compare] within`, each part with a baseline of its
//! own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{PlannedStudy, PlannedVariant, names};

/// A variant without the levels of the block axes: the same in every block.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Method {
    /// Label, for people; `baseline` for the method of every block's baseline, unless `[compare]
    /// baseline` chooses another.
    pub label: String,
    /// Label in ASCII, unique among the methods of the study.
    #[serde(deserialize_with = "names::name")]
    pub name: String,
}

impl PlannedVariant {
    /// True if this is its label or name, or that of its method.
    pub fn is_called(&self, name: &str) -> bool {
        let method = self.method.as_ref();
        self.label == name
            || self.name == name
            || method.is_some_and(|method| method.label == name || method.name == name)
    }
}

/// Variants of a study that are compared with each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Levels of the block axes, joined; empty if the study is one block.
    pub name: String,
    /// The same in sentences: a level that is a bare number follows its axis, `data.seed 0`.
    pub title: String,
    /// Indices of its variants, ascending.
    pub variants: Vec<usize>,
    /// Index of its baseline among the study's variants; `None` if the block lacks it.
    pub baseline: Option<usize>,
}

impl PlannedStudy {
    /// Indices of the axes that make blocks.
    pub fn block_axes(&self, within: &[String]) -> Vec<usize> {
        let is_block = |&i: &usize| within.contains(&self.axes[i].path);
        (0..self.axes.len()).filter(is_block).collect()
    }

    /// Blocks in the order of their first variants: the variants with equal levels of the axes
    /// `within`; the whole study if there are none. The baseline of a block is its variant of the
    /// same method as `baseline`.
    pub fn blocks(&self, within: &[String], baseline: Option<usize>) -> Vec<Block> {
        let axes = self.block_axes(within);
        if axes.is_empty() {
            let variants = (0..self.variants.len()).collect();
            return vec![Block {
                name: String::new(),
                title: String::new(),
                variants,
                baseline,
            }];
        }
        let method = baseline.and_then(|baseline| self.variants[baseline].method.as_ref());
        let mut index: BTreeMap<Vec<&str>, usize> = BTreeMap::new();
        let mut blocks: Vec<Block> = Vec::new();
        for (v, variant) in self.variants.iter().enumerate() {
            let levels: Vec<&str> = axes.iter().map(|&i| variant.levels[i].as_str()).collect();
            let name = levels.join(", ");
            let b = *index.entry(levels.clone()).or_insert_with(|| {
                let named = axes.iter().zip(&levels).map(|(&i, level)| {
                    let is_number = level.parse::<f64>().is_ok_and(f64::is_finite);
                    let axis = is_number.then(|| format!("{} ", self.axes[i].path));
                    axis.unwrap_or_default() + level
                });
                let title = named.collect::<Vec<_>>().join(", ");
                blocks.push(Block { name, title, variants: Vec::new(), baseline: None });
                blocks.len() - 1
            });
            blocks[b].variants.push(v);
            if method.is_some() && variant.method.as_ref() == method {
                blocks[b].baseline = Some(v);
            }
        }
        blocks
    }

    /// Index of the baseline that each variant is compared with: that of its block.
    pub fn references(&self, blocks: &[Block]) -> Vec<Option<usize>> {
        let mut references = vec![None; self.variants.len()];
        for block in blocks {
            for &v in &block.variants {
                references[v] = block.baseline;
            }
        }
        references
    }
}
