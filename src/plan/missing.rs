//! Data sets that were not there when an experiment was planned, so that their variants are left out.

use serde::{Deserialize, Serialize};

use crate::text::{count, megabytes};
use crate::trainer::AbsentData;

/// A data set that was not there, and the number of variants that are left out for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingData {
    /// The data set.
    #[serde(flatten)]
    pub data: AbsentData,
    /// Number of variants on it, over all studies.
    pub variants: usize,
}

/// One clause for all sets that are absent in the same way, without a full stop: `6 variants on
/// connect4, nips, not on this machine; ...`.
pub fn missing_clauses(missing: &[MissingData]) -> Vec<String> {
    let mut alike: Vec<Vec<&MissingData>> = Vec::new();
    for one in missing {
        let is_alike = |others: &&mut Vec<&MissingData>| {
            let other = &others[0].data;
            other.why == one.data.why && other.download.is_some() == one.data.download.is_some()
        };
        match alike.iter_mut().find(is_alike) {
            Some(others) => others.push(one),
            None => alike.push(vec![one]),
        }
    }
    alike.iter().map(|alike| clause(alike)).collect()
}

fn clause(missing: &[&MissingData]) -> String {
    let names: Vec<&str> = missing.iter().map(|one| one.data.name.as_str()).collect();
    // A plan on disk may hold any number.
    let variants = missing.iter().map(|one| one.variants).fold(0, usize::saturating_add);
    let mut text = format!(
        "{} on {}, {}",
        count(variants, "variant"),
        names.join(", "),
        missing[0].data.why
    );
    if missing[0].data.download.is_some() {
        let bytes = missing.iter().filter_map(|one| one.data.download).fold(0, u64::saturating_add);
        text += &format!(
            "; `ablade data fetch {}` gets {} ({})",
            names.join(" "),
            if names.len() == 1 { "it" } else { "them" },
            megabytes(bytes)
        );
    }
    text
}
