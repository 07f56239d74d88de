//! `ablade why --json`: the origin of each run.

use super::JsonDocument;

facts! {
    /// Runs of an experiment, and why each is cached or new.
    pub(crate) struct WhyFacts {
        /// Name of the experiment.
        experiment: String,
        /// Every selected run once, in the order of the plan.
        runs: Vec<RunOriginFacts>,
        /// Remarks and warnings that are also on stderr.
        notes: Vec<String>,
    }
}

impl JsonDocument for WhyFacts {
    const NAME: &'static str = "why";
}

words! {
    /// RunOrigin of a run.
    pub(crate) enum RunOrigin {
        /// Its result is there.
        Cached = "cached",
        /// A sweep executes it again.
        Again = "again",
        /// No run with its settings has been executed.
        New = "new",
    }
}

facts! {
    /// A run with its origin.
    pub(crate) struct RunOriginFacts {
        /// Id of the run.
        run: String,
        /// Label of its variant, and its seed.
        label: String,
        /// Seed.
        seed: u64,
        /// `cached`: its result is there; `again`: a sweep repeats it; `new`: a sweep executes it.
        origin: RunOrigin,
        /// Reason; empty for a cached run that finished.
        reason: String,
        /// Settings of a new run that the nearest stored run has otherwise, as `path old -> new`.
        changes: Vec<String>,
        /// Id of the stored run that is most similar, or that an earlier version made.
        nearest: Option<String>,
    }
}
