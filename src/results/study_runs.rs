//! Records and values of the runs of a study, by variant and seed. A table reads each of them many
//! times, and looking one up by its id among all runs of an experiment is slow.

use rayon::prelude::*;

use super::ExperimentResults;
use crate::plan::{PlannedStudy, PlannedVariant};
use crate::store::{RunRecord, RunStatus};

/// The runs of a study; variants are indices into it.
pub(super) struct StudyRuns<'a> {
    variants: Vec<VariantRuns<'a>>,
}

/// The runs of a variant, in the order of the plan's seeds; of a tuned one, those of the selected
/// configuration.
struct VariantRuns<'a> {
    records: Vec<&'a RunRecord>,
    /// Compared metric of each run that finished.
    values: Vec<Option<f64>>,
}

impl ExperimentResults {
    /// The runs of a study.
    pub(super) fn study_runs<'a>(&'a self, study: &'a PlannedStudy) -> StudyRuns<'a> {
        let metric = self.metric();
        let of = |variant: &'a PlannedVariant| {
            let records: Vec<&RunRecord> =
                self.replicates(variant).map(|(_, _, record)| record).collect();
            let values = records.iter().map(|record| metric.of(record)).collect();
            VariantRuns { records, values }
        };
        StudyRuns { variants: study.variants.par_iter().map(of).collect() }
    }
}

impl<'a> StudyRuns<'a> {
    /// Records of a variant [n_seeds].
    pub(super) fn records(&self, variant: usize) -> &[&'a RunRecord] {
        &self.variants[variant].records
    }

    /// Values of a variant [n_seeds]; `None` for a run that did not finish.
    pub(super) fn values(&self, variant: usize) -> &[Option<f64>] {
        &self.variants[variant].values
    }

    /// Records of the finished runs of a variant.
    pub(super) fn finished(&self, variant: usize) -> impl Iterator<Item = &'a RunRecord> {
        let records = self.records(variant).iter().copied();
        records.filter(|record| record.status == RunStatus::Finished)
    }

    /// Values of two variants by seed; `None` for seeds that either of them did not finish.
    pub(super) fn pairs(
        &self,
        treated: usize,
        control: usize,
    ) -> impl Iterator<Item = Option<(f64, f64)>> {
        self.values(treated)
            .iter()
            .zip(self.values(control))
            .map(|(treated, control)| (*treated).zip(*control))
    }

    /// Differences of two variants by seed; `None` for seeds that either of them did not finish.
    pub(super) fn differences(&self, treated: usize, control: usize) -> Vec<Option<f64>> {
        let difference =
            |pair: Option<(f64, f64)>| pair.map(|(treated, control)| treated - control);
        self.pairs(treated, control).map(difference).collect()
    }
}
