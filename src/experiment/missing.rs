//! `[execution] missing_data = "skip"`: variants whose data are not on this machine are left out of
//! an expanded experiment. Labels and names of the others stay as they are, so that a set that is
//! added later extends the same tables.

use std::collections::{BTreeMap, BTreeSet};

use super::expanded::{ExpandedStudy, ExpandedVariant, Experiment};
use crate::plan::{MissingData, missing_clauses};
use crate::trainer::{AbsentData, Trainer};

impl Experiment {
    /// Leaves out the variants whose data are not on this machine. Error: nothing would remain, or
    /// variants without the baseline that they are compared with.
    pub fn leave_out_missing(&mut self, trainer: &dyn Trainer) -> Result<(), String> {
        let mut known: BTreeMap<String, Option<AbsentData>> = BTreeMap::new();
        let mut absent_data = |variant: &ExpandedVariant| {
            let config = &variant.config;
            let find = || trainer.absent_data(config);
            known.entry(trainer.data_name(config)).or_insert_with(find).clone()
        };
        let mut missing: Vec<MissingData> = Vec::new();
        for study in &mut self.studies {
            let absent: Vec<Option<AbsentData>> =
                study.variants.iter().map(&mut absent_data).collect();
            for data in absent.iter().flatten() {
                match missing.iter_mut().find(|one| one.data.name == data.name) {
                    Some(one) => one.variants += 1,
                    None => missing.push(MissingData { data: data.clone(), variants: 1 }),
                }
            }
            let keeps: Vec<bool> = absent.iter().map(Option::is_none).collect();
            if study.loses_a_baseline(&keeps, &self.compare.within) {
                return Err(format!(
                    "{}: the data of its baseline are missing, and variants on other data would be compared with nothing: \
                     {}. `[compare] within = [\"data.name\"]` gives each data set a baseline of its own",
                    study.name,
                    missing_clauses(&missing).join("; ")
                ));
            }
            study.retain(&keeps);
        }
        self.studies.retain(|study| !study.variants.is_empty());
        if self.studies.is_empty() {
            return Err(format!(
                "{}: none of its data is there: {}",
                self.name,
                missing_clauses(&missing).join("; ")
            ));
        }
        let variants = || self.studies.iter().flat_map(|study| &study.variants);
        if let Some(only) =
            self.only.iter().find(|only| !variants().any(|variant| variant.is_called(only)))
        {
            return Err(format!(
                "--only {only}: left out are {}",
                missing_clauses(&missing).join("; ")
            ));
        }
        let (studies, external) = (&self.studies, &mut self.external);
        external.retain(|external| studies.iter().any(|study| external.is_in(&study.name)));
        self.count_shared();
        self.missing = missing;
        Ok(())
    }

    /// Counts again the variants of each study that earlier studies have as well.
    fn count_shared(&mut self) {
        let mut earlier: BTreeSet<String> = BTreeSet::new();
        for study in &mut self.studies {
            let configs = |variant: &ExpandedVariant| -> Vec<String> {
                let candidates = variant.candidates.iter().map(|candidate| &candidate.config);
                std::iter::once(&variant.config)
                    .chain(candidates)
                    .map(|config| config.as_str().to_owned())
                    .collect()
            };
            let own: Vec<Vec<String>> = study.variants.iter().map(configs).collect();
            study.shared = own
                .iter()
                .filter(|configs| configs.iter().all(|config| earlier.contains(config)))
                .count();
            earlier.extend(own.into_iter().flatten());
        }
    }
}

impl ExpandedStudy {
    /// True if a variant is kept and the baseline that it is compared with is not.
    fn loses_a_baseline(&self, keeps: &[bool], within: &[String]) -> bool {
        let Some(reference) = self.reference else { return false };
        let axes: Vec<usize> =
            (0..self.axes.len()).filter(|&i| within.contains(&self.axes[i].path)).collect();
        let block =
            |v: usize| axes.iter().map(|&i| &self.variants[v].levels[i]).collect::<Vec<_>>();
        let is_baseline = |v: usize| match axes.is_empty() {
            true => v == reference,
            false => self.variants[v].method == self.variants[reference].method,
        };
        let variants = 0..self.variants.len();
        let lost = variants.clone().filter(|&v| is_baseline(v) && !keeps[v]);
        let lost: BTreeSet<_> = lost.map(block).collect();
        variants.into_iter().any(|v| keeps[v] && lost.contains(&block(v)))
    }

    /// Keeps some of the variants, and the levels that they have.
    fn retain(&mut self, keeps: &[bool]) {
        self.counts.missing = keeps.iter().filter(|kept| !**kept).count();
        if self.counts.missing == 0 {
            return;
        }
        let method = self.reference.and_then(|reference| self.variants[reference].method.clone());
        let levels_of =
            |variants: &[ExpandedVariant], keep: bool, axis: usize| -> BTreeSet<String> {
                variants
                    .iter()
                    .zip(keeps)
                    .filter(|(_, kept)| **kept == keep)
                    .flat_map(|(variant, _)| {
                        let candidates =
                            variant.candidates.iter().map(|candidate| &candidate.levels);
                        std::iter::once(&variant.levels).chain(candidates)
                    })
                    .map(|levels| levels[axis].clone())
                    .collect()
            };
        for axis in 0..self.axes.len() {
            let kept = levels_of(&self.variants, true, axis);
            let gone = levels_of(&self.variants, false, axis);
            self.axes[axis]
                .levels
                .retain(|level| kept.contains(level) || !gone.contains(level));
        }
        let same = self
            .reference
            .filter(|&reference| keeps[reference])
            .map(|reference| keeps[..reference].iter().filter(|kept| **kept).count());
        let mut kept = keeps.iter();
        self.variants.retain(|_| *kept.next().expect("one for each variant"));
        // The baseline of each block is its variant of the same method.
        self.reference = same.or_else(|| {
            method.and_then(|method| {
                self.variants
                    .iter()
                    .position(|variant| variant.method.as_ref() == Some(&method))
            })
        });
    }
}
