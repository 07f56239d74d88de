//! What a variant was scored on. Likelihoods of other images, or of the same images made binary in
//! another way, do not compare: on MNIST, binarisation alone is worth 18 nats.

use crate::data::{Binarization, Binarize, DataConfig};
use crate::plan::RunSpec;
use crate::record::RunRecord;

/// The test images of a run: which, and how they became bits.
#[derive(Debug, Clone, Copy)]
pub struct Scored<'a> {
    /// Its data's content differs too where only training images do.
    spec: &'a RunSpec,
    data: &'a DataConfig,
    binarization: Option<Binarization>,
}

/// How the test images of two variants differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Otherwise {
    /// The numbers do not compare; why.
    Incomparable(String),
    /// They compare, with this in mind.
    Noted(String),
}

impl<'a> Scored<'a> {
    /// Of a run, by its specification and what it recorded.
    pub fn of(spec: &'a RunSpec, record: &RunRecord) -> Self {
        Self::new(spec, record.summary.as_ref().and_then(|summary| summary.binarization))
    }

    /// Of a run, by its specification and how its data set is binarised, where that is known.
    pub fn new(spec: &'a RunSpec, binarization: Option<Binarization>) -> Self {
        Self { spec, data: &spec.config.data, binarization }
    }

    /// Whether the content of the data set is another under the same settings: the files behind its
    /// name have changed.
    pub fn content_differs(&self, reference: &Self) -> bool {
        self.data == reference.data && !self.spec.sees_the_same_as(reference.spec)
    }

    /// What was done to the pixels, as far as is known: what was asked, for a run that is still to
    /// come.
    fn binarization(&self) -> Binarization {
        self.binarization.unwrap_or(match self.data.binarize {
            Binarize::Threshold => Binarization::Threshold,
            Binarize::Stochastic => Binarization::Stochastic,
            Binarize::Dynamic => Binarization::Dynamic,
        })
    }

    /// The data in a few words: `mnist, binarised once at random`.
    pub fn words(&self) -> String {
        let name = self.data.name.trim_end_matches('/');
        let name = name.rsplit('/').next().unwrap_or(name);
        match self.binarization {
            Some(binarization) => format!("{name}, {}", binarization.words()),
            None => name.to_owned(),
        }
    }

    /// How this differs from what `reference`, called `name`, was scored on; `None` if in nothing
    /// that matters.
    pub fn otherwise(&self, reference: &Self, name: &str) -> Option<Otherwise> {
        let (own, other) = (self.data, reference.data);
        let (bits, other_bits) = (self.binarization(), reference.binarization());
        if self.content_differs(reference) {
            return Some(Otherwise::Incomparable(format!(
                "scored on another content of {} than {name}: their NLL do not compare",
                own.name
            )));
        }
        if own.name != other.name && !self.spec.sees_the_same_as(reference.spec)
            || own.size != other.size
        {
            let size = |data: &DataConfig| {
                if own.size == other.size {
                    String::new()
                } else {
                    format!(" at {0} x {0}", data.size)
                }
            };
            return Some(Otherwise::Incomparable(format!(
                "scored on {}{}, {name} on {}{}: their NLL do not compare",
                own.name,
                size(own),
                other.name,
                size(other)
            )));
        }
        if !bits.scores_as(other_bits) {
            let (bits, other) = (bits.words(), other_bits.words());
            return Some(Otherwise::Incomparable(format!(
                "scored on images {bits}, {name} on images {other}: their NLL do not compare"
            )));
        }
        let noted = [
            (bits != other_bits).then(|| {
                format!(
                    "trained on images {}, {name} on images {}, scored on the same bits",
                    bits.words(),
                    other_bits.words()
                )
            }),
            (own.seed != other.seed)
                .then(|| format!("scored on other draws of the data (data.seed) than {name}")),
            (own.test != other.test)
                .then(|| format!("scored on another number of test images than {name}")),
        ];
        let noted: Vec<String> = noted.into_iter().flatten().collect();
        (!noted.is_empty()).then(|| Otherwise::Noted(noted.join("; ")))
    }
}
