//! Comparability: the test images on which a run was scored. Likelihoods of other images, or of the
//! same images with another binarisation or number of levels, are not comparable: on MNIST,
//! binarisation alone changes them by 18 nats.

use super::metrics::MadeFacts;
use super::run_config;
use crate::data::{Binarization, DataConfig, is_of_images};
use crate::trainer::{Otherwise, Scored};

/// True if two tables of real numbers are standardised by different training rows, and so scored in
/// different units.
pub(super) fn is_standardised_otherwise(a: &DataConfig, b: &DataConfig) -> bool {
    a.values.is_real() && (a.train, a.seed) != (b.train, b.seed)
}

/// Test images of a run and their binarisation.
#[derive(Debug, Clone)]
pub(super) struct TestImages<'a> {
    /// Fingerprints of the data: these also differ if only training images do.
    fingerprints: [Option<&'a str>; 2],
    data: &'a DataConfig,
    /// True if the class of each image is given.
    classes: bool,
    binarization: Option<Binarization>,
}

impl<'a> TestImages<'a> {
    /// Test images of a run; `known` is the binarisation of its data set, for a run that has not
    /// reported it.
    pub(super) fn of(
        run: &Scored<'a>,
        known: impl FnOnce(&DataConfig) -> Option<Binarization>,
    ) -> Self {
        let data = &run_config(run.config).data;
        let own = run.facts.and_then(MadeFacts::of).map(|facts| facts.binarization);
        Self {
            fingerprints: [Some(run.data), run.earlier],
            binarization: own.unwrap_or_else(|| known(data)),
            classes: run_config(run.config).model.classes,
            data,
        }
    }

    /// True if both use the same data set, judged by their fingerprints.
    fn sees_the_same_as(&self, other: &Self) -> bool {
        let known = |images: &Self| images.fingerprints.into_iter().flatten().collect::<Vec<_>>();
        let (own, other) = (known(self), known(other));
        if is_of_images(own[0]) && is_of_images(other[0]) {
            return own[0] == other[0];
        }
        own.iter().any(|fingerprint| other.contains(fingerprint))
    }

    /// True if the content of the data set differs although its settings are the same: the files
    /// behind its name have changed.
    pub(super) fn content_differs(&self, reference: &Self) -> bool {
        self.data == reference.data && !self.sees_the_same_as(reference)
    }

    /// Binarisation as far as is known: for an outstanding run, the requested one.
    fn binarization(&self) -> Binarization {
        self.binarization.unwrap_or_else(|| Binarization::asked(self.data))
    }

    /// Short description of the data: `mnist, binarised once at random`.
    pub(super) fn words(&self) -> String {
        let name = self.data.name.trim_end_matches('/');
        let name = name.rsplit('/').next().unwrap_or(name);
        let classes = if self.classes { ", classes given" } else { "" };
        match self.binarization {
            Some(binarization) => format!("{name}, {}{classes}", binarization.words()),
            None => format!("{name}{classes}"),
        }
    }

    /// Difference to the examples on which `reference`, called `name`, was scored; `None` if no
    /// difference matters.
    pub(super) fn otherwise(&self, reference: &Self, name: &str) -> Option<Otherwise> {
        let (own, other) = (&self.data, &reference.data);
        let (bits, other_bits) = (self.binarization(), reference.binarization());
        if self.classes != reference.classes {
            let given = |images: &Self| if images.classes { "given" } else { "without" };
            return Some(Otherwise::Incomparable(format!(
                "scored {} the class of each image, {name} {} it: their NLL do not compare",
                given(self),
                given(reference)
            )));
        }
        if self.content_differs(reference) {
            return Some(Otherwise::Incomparable(format!(
                "scored on another content of {} than {name}: their NLL do not compare",
                own.name
            )));
        }
        if own.name != other.name && !self.sees_the_same_as(reference) || own.size != other.size {
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
            let (images, other) = (bits.images(), other_bits.images());
            return Some(Otherwise::Incomparable(format!(
                "scored on {images}, {name} on {other}: their NLL do not compare"
            )));
        }
        if is_standardised_otherwise(own, other) {
            return Some(Otherwise::Incomparable(format!(
                "columns are standardised by other training rows than of {name} (data.train): their NLL do not compare, but for \
                 test_nll_own_units_nats in runs.csv"
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
