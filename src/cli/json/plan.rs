//! `ablade plan --json`: the runs of a sweep, their cost, and the effects that they can detect.

use super::{JsonDocument, MetricFacts};

facts! {
    /// Runs of an experiment, their cost and the effects that they can detect.
    pub(crate) struct PlanFacts {
        /// Name of the experiment.
        experiment: String,
        /// Its question; empty without one.
        question: String,
        /// Compared metric.
        metric: MetricFacts,
        /// Seeds of every variant.
        seeds: Vec<u64>,
        /// Variants of all studies, each set of runs counted once.
        n_variants: usize,
        /// Number of runs by state.
        runs: PlannedRunsFacts,
        /// Name of the size of a model, such as `parameters`; null if the trainer has none.
        size_name: Option<String>,
        /// The studies, in the order of the file.
        studies: Vec<PlannedStudyFacts>,
        /// Sentences on the data, or on the program.
        data: Vec<String>,
        /// Clauses on variants that are left out because their data are not there:
        /// `[execution] missing_data = "skip"`.
        left_out: Vec<String>,
        /// Sentences on tables of another plan that a sweep would replace; null if there are none.
        replaces: Option<String>,
        /// Cost of the runs that a sweep would execute; null if there are none.
        cost: Option<CostFacts>,
        /// Cost of one more seed of every variant.
        one_more_seed: MoreSeedsFacts,
        /// Remarks and warnings on the file, the data and the past.
        notes: Vec<String>,
    }
}

impl JsonDocument for PlanFacts {
    const NAME: &'static str = "plan";
}

facts! {
    /// Number of runs by state.
    pub(crate) struct PlannedRunsFacts {
        /// All runs of the experiment.
        total: usize,
        /// Runs whose result is there.
        cached: usize,
        /// Runs that a sweep would execute.
        to_run: usize,
        /// Runs of these whose last attempt failed.
        failed_before: usize,
        /// Runs that `--only` leaves out.
        left_out: usize,
    }
}

facts! {
    /// A study as it is planned.
    pub(crate) struct PlannedStudyFacts {
        /// Name of the study.
        study: String,
        /// Its question; empty if it has none besides the experiment's.
        question: String,
        /// Its notes; empty if it has none.
        notes: String,
        /// `grid`, `one-at-a-time`, `leave-one-out` or `add-one`.
        design: String,
        /// Number of variants as a sum: cells of the grid, excluded and extra ones.
        count: String,
        /// Axes with their levels.
        axes: Vec<AxisFacts>,
        /// Variants, in the order of tables.
        variants: Vec<PlannedVariantFacts>,
        /// Notes on variants that are scored on other data than the baseline.
        comparability: Vec<ComparabilityFacts>,
        /// Effects that the comparisons can detect; null if nothing is compared.
        evidence: Option<EvidenceFacts>,
    }
}

facts! {
    /// An axis with its levels.
    pub(crate) struct AxisFacts {
        /// Path of the setting.
        axis: String,
        /// Its levels.
        levels: Vec<String>,
    }
}

facts! {
    /// A variant as it is planned.
    pub(crate) struct PlannedVariantFacts {
        /// Label of the variant, as on the terminal.
        label: String,
        /// Name of the variant in ASCII, as in the column `variant`.
        variant: String,
        /// True for the baseline, of its block or of the study.
        is_baseline: bool,
        /// Runs, those of candidates included.
        n_runs: usize,
        /// Runs whose result is there.
        n_cached: usize,
        /// Size of the model.
        size: Option<u64>,
        /// Expected time of a run; null if it is not known.
        run_seconds: Option<f64>,
        /// Command lines of a program, each as its words.
        commands: Vec<Vec<String>>,
    }
}

facts! {
    /// Variants with the same note on their data.
    pub(crate) struct ComparabilityFacts {
        /// Labels of the variants.
        variants: Vec<String>,
        /// The note.
        note: String,
        /// True if the variants are compared nevertheless.
        is_compared: bool,
    }
}

facts! {
    /// Cost of the runs that a sweep would execute.
    pub(crate) struct CostFacts {
        /// Threads of all runs together.
        threads: usize,
        /// True if runs may stop early: the times are then upper bounds.
        is_upper_bound: bool,
        /// Time until the last run ends; null if it is not known.
        seconds: Option<f64>,
        /// Time of the longest run; null if it is not known.
        longest_run_seconds: Option<f64>,
        /// Memory of the runs that execute at the same time; null if it is not known.
        memory_bytes: Option<u64>,
        /// Memory that all runs together may take.
        available_memory_bytes: u64,
        /// Size of the results on disk; null if it is not known.
        disk_bytes: Option<u64>,
        /// Past runs behind the times.
        past_runs: usize,
        /// Factor by which the time of a past run, predicted from the others, is off (median).
        error_factor: Option<f64>,
        /// Sentence on a run that needs more memory than there is; null if all fit.
        too_large: Option<String>,
        /// Parts of the estimate that exceed `[budget]`.
        over_budget: Vec<String>,
    }
}

facts! {
    /// Cost of one more seed.
    pub(crate) struct MoreSeedsFacts {
        /// Runs of one seed.
        n_runs: usize,
        /// True if they may stop early: their time is then an upper bound.
        is_upper_bound: bool,
        /// Their time; null if it is not known.
        seconds: Option<f64>,
    }
}

facts! {
    /// Evidence that a number of seeds can give.
    pub(crate) struct EvidenceFacts {
        /// Comparisons that the correction counts.
        n_comparisons: usize,
        /// Seeds.
        n_seeds: usize,
        /// `sign-flip` or `t`.
        test: &'static str,
        /// `max-t`, `holm` or `none`.
        correction: &'static str,
        /// Level of significance.
        alpha: f64,
        /// Smallest p value of a single comparison.
        smallest_p: f64,
        /// Smallest p value after the correction.
        smallest_p_corrected: f64,
        /// True if some outcome is significant.
        is_reachable: bool,
        /// Seeds from which some outcome is significant; null if no number is enough.
        seeds_needed: Option<usize>,
        /// Effect that a single comparison detects with power 0.8, in standard deviations of the
        /// paired difference; null if none.
        effect_sd: Option<f64>,
        /// The same after the correction; null without one.
        effect_sd_corrected: Option<f64>,
        /// Spread of the paired differences of finished runs; null below two pairs, and with blocks.
        spread: Option<SpreadFacts>,
        /// Spread in each block, with `[compare] within`.
        blocks: Vec<BlockSpreadFacts>,
        /// Joint test over blocks; null without blocks or variants to test.
        joint: Option<JointFacts>,
        /// Equivalence within `[compare] negligible`; null without it.
        equivalence: Option<EquivalencePlanFacts>,
    }
}

facts! {
    /// Spread of the paired differences of finished runs.
    pub(crate) struct SpreadFacts {
        /// Their standard deviation, in the unit of the metric.
        sd: f64,
        /// Number of paired differences.
        n_pairs: usize,
    }
}

facts! {
    /// Spread of the paired differences in a block.
    pub(crate) struct BlockSpreadFacts {
        /// The block.
        block: String,
        /// Their standard deviation, in the unit of the metric.
        sd: f64,
        /// Number of paired differences.
        n_pairs: usize,
    }
}

facts! {
    /// Evidence that the joint test over blocks can give.
    pub(crate) struct JointFacts {
        /// Variants that are tested.
        n_variants: usize,
        /// Smallest p value after the correction.
        smallest_p_corrected: f64,
        /// Level of significance.
        alpha: f64,
        /// True if some outcome is significant.
        is_reachable: bool,
        /// Seeds from which some outcome is significant; null if no number is enough.
        seeds_needed: Option<usize>,
    }
}

facts! {
    /// Evidence that the test of equivalence can give.
    pub(crate) struct EquivalencePlanFacts {
        /// Largest difference of no interest, in the unit of the metric.
        margin: f64,
        /// Seeds below which equivalence cannot be shown.
        fewest_seeds: usize,
        /// Power for a single comparison, and after the correction; empty below `fewest_seeds`.
        power: Vec<EquivalencePowerFacts>,
    }
}

facts! {
    /// Power of the test of equivalence where there is no difference.
    pub(crate) struct EquivalencePowerFacts {
        /// Comparisons that the level is divided by.
        among: usize,
        /// Share of studies that find equivalence; null without finished runs.
        power: Option<f64>,
        /// Seeds for a power of 0.8; null if there are too many, or without finished runs.
        seeds_needed: Option<usize>,
        /// Largest standard deviation with a power of 0.8; null where finished runs show it.
        largest_sd: Option<f64>,
    }
}
