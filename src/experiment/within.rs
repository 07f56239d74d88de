//! `[compare] within`: axes whose levels are blocks, such as data sets, that are not compared with
//! each other.

use std::collections::BTreeMap;

use super::design::Design;
use super::diagnostics::{Diagnostic, Span};
use super::draft::StudyDraft;
use super::expand::{Choice, DraftOrigin, Expanded};
use super::expanded::ExpandedVariant;
use super::reader::Reader;
use super::tree::{Node, Toml, TomlTable};
use crate::plan::Method;
use crate::text::{nearest, some_of};

/// Places of the names in `[compare] within`.
pub(super) fn places(document: &TomlTable) -> Vec<(String, Span)> {
    let node = document.get("compare").and_then(Node::table).and_then(|t| t.get("within"));
    let Some(Toml::List(items)) = node.map(|node| &node.value) else {
        return Vec::new();
    };
    let place = |item: &Node| match &item.value {
        Toml::Text(text) => Some((text.clone(), item.span)),
        _ => None,
    };
    items.iter().filter_map(place).collect()
}

impl Reader<'_> {
    /// Checks that every study can be divided into blocks as `[compare] within` asks.
    pub(super) fn check_within(
        &mut self,
        document: &TomlTable,
        studies: &[StudyDraft],
        axes: &[super::axis::AxisDraft],
    ) {
        let within = places(document);
        let node = document.get("compare").and_then(Node::table).and_then(|t| t.get("within"));
        if let Some(node) = node.filter(|node| matches!(&node.value, Toml::List(l) if l.is_empty()))
        {
            let error = Diagnostic::new("`compare.within` is empty");
            self.errors
                .push(error.at(node.span, "expected the name of an axis, as [axes] writes it"));
        }
        for (i, (name, span)) in within.iter().enumerate() {
            if let Some((_, first)) = within[..i].iter().find(|(known, _)| known == name) {
                let error = Diagnostic::new(format!("`compare.within` names `{name}` twice"));
                self.errors.push(error.at(*span, "").related(Some(*first), "the first time"));
                return;
            }
        }
        let Some((_, first)) = within.first() else { return };
        for study in studies {
            let own = || study.axes.iter().map(|&i| &axes[i]);
            let mut sound = true;
            for (name, span) in &within {
                let error = match own().find(|axis| axis.name == *name) {
                    // Reported where the axis is declared.
                    None if self.failed.contains(name) => continue,
                    None => {
                        let error = Diagnostic::new(format!(
                            "`compare.within` names no axis of the study \"{}\": `{name}`",
                            study.name
                        ))
                        .at(*span, "");
                        let names = || own().map(|axis| axis.name.as_str());
                        match nearest(name, names()) {
                            Some(_) => error.suggest(name, names()),
                            None if names().next().is_none() => error.help("it has no axis"),
                            None => error.help(format!("its axes: {}", some_of(names()))),
                        }
                    }
                    Some(axis) if axis.tune => {
                        Diagnostic::new(format!("`compare.within` names `{name}`, which is tuned"))
                            .at(*span, "its levels compete, and form no blocks")
                            .related(Some(axis.span), "the axis")
                    }
                    Some(_) => continue,
                };
                sound = false;
                self.errors.push(error);
            }
            let is_block = |name: &str| within.iter().any(|(known, _)| known == name);
            if sound && own().filter(|axis| !axis.tune).all(|axis| is_block(&axis.name)) {
                let error = Diagnostic::new(format!(
                    "`compare.within` names every axis of the study \"{}\"",
                    study.name
                ));
                self.errors.push(
                    error
                        .at(*first, "no block would hold two variants")
                        .help("name the axes that are not to be compared, such as \"data.name\""),
                );
            } else if sound && study.design != Design::Grid {
                let error = Diagnostic::new(format!(
                    "`compare.within` needs the design \"grid\", and the study \"{}\" has \"{}\"",
                    study.name,
                    study.design.as_str()
                ));
                self.errors.push(
                    error
                        .at(*first, "with that design the blocks do not hold the same variants")
                        .help("write design = \"grid\"; [[exclude]] takes variants out of it"),
                );
            }
        }
    }

    /// Checks that no two variants of a block are of one method, and notes the blocks that lack the
    /// method of the baseline.
    pub(super) fn check_blocks(
        &mut self,
        expanded: &Expanded,
        within: &[String],
        variants: &[ExpandedVariant],
        reference: Option<usize>,
    ) {
        let mut blocks: BTreeMap<String, BTreeMap<&Method, usize>> = BTreeMap::new();
        for (i, variant) in variants.iter().enumerate() {
            let Some(method) = &variant.method else { continue };
            let levels = expanded.axes.iter().zip(&variant.levels);
            let block: Vec<&str> = levels
                .filter(|(axis, _)| within.contains(&axis.name))
                .map(|(_, level)| level.as_str())
                .collect();
            let block = block.join(", ");
            if blocks.entry(block.clone()).or_default().insert(method, i).is_some() {
                let place = match expanded.cells[expanded.groups[i][0]].origin {
                    DraftOrigin::Extra(extra) => expanded.extras[extra].span,
                    _ => expanded.study.span,
                };
                let error = Diagnostic::new(format!(
                    "two variants of the block {block} of the study \"{}\" are called \"{}\" apart from the block",
                    expanded.study.name, method.label
                ));
                self.errors.push(error.at(place, "a block has each method once"));
            }
        }
        let Some(method) = reference.and_then(|i| variants[i].method.as_ref()) else {
            return;
        };
        let lone: Vec<&str> = blocks
            .iter()
            .filter(|(_, methods)| !methods.contains_key(method))
            .map(|(block, _)| block.as_str())
            .collect();
        if !lone.is_empty() {
            self.notes.push(format!(
                "{}: without \"{}\", the baseline, variants are compared with none in {}",
                expanded.study.name,
                method.label,
                some_of(lone.into_iter())
            ));
        }
    }
}

impl Expanded<'_> {
    /// True if a cell is at the baseline's level of every axis that forms variants within a block.
    pub(super) fn is_home_within(
        &self,
        cell: &super::expand::VariantDraft,
        home: &[Option<u32>],
        within: &[String],
    ) -> bool {
        let at_home = |i: usize| match cell.choices[i] {
            Choice::Level(level) => home[i] == Some(level),
            Choice::Other | Choice::Absent => home[i].is_none(),
        };
        let counts = |i: &usize| !self.axes[*i].tune && !within.contains(&self.axes[*i].name);
        cell.origin == DraftOrigin::Design && (0..self.axes.len()).filter(counts).all(at_home)
    }
}
