//! `ablade verify --json`: the result of every check.

use super::JsonDocument;

facts! {
    /// Result of checking the finished runs and the tables of an experiment.
    pub(crate) struct VerifyFacts {
        /// Name of the experiment.
        experiment: String,
        /// True if no check found a difference: exit code 0.
        is_sound: bool,
        /// Finished runs, whose checksums were verified.
        n_finished: usize,
        /// Runs whose files are damaged.
        damaged: Vec<DamagedRunFacts>,
        /// Runs of an older version, which this one cannot repeat.
        n_older: usize,
        /// Runs that another kind of machine made, which this one cannot repeat to the bit.
        n_elsewhere: usize,
        /// Runs that were repeated; null with `--reference`.
        repeated: Option<RepeatedFacts>,
        /// Runs that were compared with automatic differentiation; null without `--reference`.
        reference: Option<ReferenceFacts>,
        /// Tables compared with those of the runs; null if damaged runs do not allow it.
        tables: Option<TablesFacts>,
        /// Sentences on copies of the inputs that have changed.
        changed_copies: Vec<String>,
        /// Sentences on files of the record of the past that cannot be read, or are missing.
        unreadable_history: Vec<String>,
        /// Remarks and warnings that are also on stderr.
        notes: Vec<String>,
    }
}

impl JsonDocument for VerifyFacts {
    const NAME: &'static str = "verify";
}

facts! {
    /// Run whose files are damaged.
    pub(crate) struct DamagedRunFacts {
        /// Id of the run.
        run: String,
        /// Label of its variant, and its seed.
        label: String,
        /// Damage.
        reason: String,
    }
}

facts! {
    /// Runs that were repeated.
    pub(crate) struct RepeatedFacts {
        /// True if values are compared, as of a program; false if every byte is.
        is_by_value: bool,
        /// Runs that gave the same again.
        n_same: usize,
        /// Every repeated run.
        runs: Vec<RepeatedRunFacts>,
    }
}

words! {
    /// Result of repeating a run.
    pub(crate) enum RepeatedWord {
        /// The same again.
        Same = "same",
        /// Something else, or its files were damaged.
        Different = "different",
        /// It could not be repeated or compared.
        NotCompared = "not compared",
    }
}

facts! {
    /// A repeated run.
    pub(crate) struct RepeatedRunFacts {
        /// Id of the run.
        run: String,
        /// Label of its variant, and its seed.
        label: String,
        /// `same`, `different`, or `not compared` if it failed.
        result: RepeatedWord,
        /// Difference; null unless the result is `different`.
        reason: Option<String>,
    }
}

facts! {
    /// Runs that were compared with automatic differentiation.
    pub(crate) struct ReferenceFacts {
        /// Runs whose difference rounding explains.
        n_same: usize,
        /// Runs that were to be compared.
        n_runs: usize,
        /// Every compared run.
        runs: Vec<ReferenceRunFacts>,
    }
}

facts! {
    /// A run compared with automatic differentiation.
    pub(crate) struct ReferenceRunFacts {
        /// Id of the run.
        run: String,
        /// Label of its variant, and its seed.
        label: String,
        /// Epochs.
        epochs: usize,
        /// Number of its weights.
        n_weights: usize,
        /// Largest difference of an NLL.
        nll_off_nats: Option<f64>,
        /// Largest difference of an NLL that rounding explains.
        nll_bound_nats: Option<f64>,
        /// Largest difference of a weight.
        weights_off: Option<f64>,
        /// Largest difference of a weight that rounding explains.
        weights_bound: Option<f64>,
        /// True if rounding explains both.
        is_same: bool,
    }
}

facts! {
    /// Tables compared with those of the runs.
    pub(crate) struct TablesFacts {
        /// Tables compared.
        n_tables: usize,
        /// Tables without a difference.
        n_same: usize,
        /// Number of differences.
        n_differences: usize,
        /// The first thousand differences.
        differences: Vec<String>,
    }
}
