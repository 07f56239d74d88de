//! Columns of an experiment's tables besides those of its axes: the one list that tables write and
//! that column names of axes must avoid.

use crate::trainer::{Column, Curve, Metric, Metrics};

/// First columns of every table with a row for each variant or run; those of its axes follow. The
/// variant is called by its name in ASCII, and by its label, as on the terminal and in figures.
pub(crate) const VARIANT: &str = "study variant label";

/// `timings.csv`, after these and the axes.
pub(crate) const TIMINGS: &str = "seed run started_utc seconds images_per_second host threads";

/// `history.csv`; the last five columns differ between equal executions.
pub(crate) const HISTORY: &str =
    "study event seeds note experiment date_utc variants runs experiments";

/// `ablation.csv`, after the same columns.
pub(crate) const ABLATION: &str = "n n_failed METRIC_mean_UNIT METRIC_sd_UNIT METRIC_CI_low_UNIT METRIC_CI_high_UNIT delta_UNIT \
    delta_CI_low_UNIT delta_CI_high_UNIT effect_dz p p_corrected wins losses pair_correlation SIZE verdict n_planned \
    n_pairs smallest_p smallest_p_corrected correction p_draws p_corrected_draws SHOWN epochs_mean compute_ratio EXAMPLES \
    delta_EXAMPLES_UNIT delta_EXAMPLES_CI_low_UNIT delta_EXAMPLES_CI_high_UNIT configurations may_be_best CROSSED EQUIVALENCE note";

/// Columns of `ablation.csv` for seeds and test examples at once.
const CROSSED: &str =
    "delta_crossed_CI_low_UNIT delta_crossed_CI_high_UNIT crossed_df narrower_with";

/// Columns of `ablation.csv` where a negligible difference is given.
const EQUIVALENCE: &str = "negligible_UNIT equivalence_CI_low_UNIT equivalence_CI_high_UNIT \
    p_equivalence p_equivalence_corrected";

/// `blocks.csv`, after the same columns but the axes of the blocks.
pub(crate) const BLOCKS: &str = "n_blocks wins losses undecided mean_rank n_ranked joint_statistic joint_blocks joint_seeds joint_p \
    joint_p_corrected joint_smallest_p correction joint_p_draws joint_p_corrected_draws verdict friedman friedman_p \
    friedman_draws smallest_p_of_two critical_difference left_out note";

/// `effects.csv`.
pub(crate) const EFFECTS: &str = "study effect label axis level reference axis_2 level_2 reference_2 n METRIC_mean_UNIT METRIC_CI_low_UNIT \
    METRIC_CI_high_UNIT n_effect effect_UNIT effect_CI_low_UNIT effect_CI_high_UNIT p p_corrected correction \
    p_draws p_corrected_draws n_planned";

/// `effects.csv` after these, if some study has Shapley values.
pub(crate) const SHAPLEY: &str = "shapley_UNIT shapley_CI_low_UNIT shapley_CI_high_UNIT";

/// Table of `compare FIRST SECOND --out FILE`.
pub(crate) const COMPARISON: &str = "first second label n_seeds n_identical n_changed n_unfinished first_METRIC_mean_UNIT \
    second_METRIC_mean_UNIT mean_change_UNIT largest_change_UNIT settings note";

/// Column names for a trainer with these metrics, of which one is compared.
pub(crate) struct Columns<'a> {
    metrics: &'a Metrics,
    metric: &'a Metric,
    /// Confidence level of the intervals.
    level: f64,
    /// Confidence level of the intervals of equivalence; `None` without a negligible difference.
    equivalence: Option<f64>,
}

impl<'a> Columns<'a> {
    pub(crate) fn new(
        metrics: &'a Metrics,
        metric: &'a Metric,
        level: f64,
        equivalence: Option<f64>,
    ) -> Self {
        Self { metrics, metric, level, equivalence }
    }

    /// `runs.csv` with these columns of the trainer, after the columns of its variant.
    pub(crate) fn runs<'c>(reported: impl IntoIterator<Item = &'c Column>) -> Vec<String> {
        let mut all = words("seed run status error epochs best_epoch");
        all.extend(reported.into_iter().map(|column| column.name.clone()));
        all.push("tuning".into());
        all
    }

    /// `metrics.csv`, after the same columns.
    pub(crate) fn metrics(&self) -> Vec<String> {
        let mut all = words("seed run epoch");
        all.extend(self.metrics.curves.iter().map(Curve::column));
        all
    }

    /// Splits a list of columns and replaces the capitals in it: by the compared metric, its unit
    /// and interval, its examples, and the values that the trainer shows of a model.
    pub(crate) fn named(&self, list: &str) -> Vec<String> {
        let unit = self.metric.unit.column("");
        let equivalence = self
            .equivalence
            .map_or_else(String::new, |level| EQUIVALENCE.replace("CI", &interval(level)));
        let list = list
            .replace("CROSSED", CROSSED)
            .replace("EQUIVALENCE", &equivalence)
            .replace("SIZE", self.metrics.size.as_deref().unwrap_or_default())
            .replace("SHOWN", &self.metrics.shown.join(" "))
            .replace("METRIC", &self.metric.column)
            .replace("EXAMPLES", &self.metrics.examples)
            .replace("CI", &interval(self.level))
            .replace("_UNIT", &unit);
        words(&list)
    }

    /// True if a table has a column of this name besides its axes.
    pub(crate) fn has(&self, name: &str) -> bool {
        let mut all = words(VARIANT)
            .into_iter()
            .chain(Self::runs(&self.metrics.columns))
            .chain(self.metrics())
            .chain(words(TIMINGS))
            .chain(self.named(ABLATION));
        all.any(|taken| taken == name)
    }
}

/// `ci95` for a level of 0.95, `ci99_9` for 0.999.
fn interval(level: f64) -> String {
    let percent = (level * 1e6).round() / 1e4;
    format!("ci{}", percent.to_string().replace('.', "_"))
}

pub(crate) fn words(list: &str) -> Vec<String> {
    list.split_whitespace().map(str::to_owned).collect()
}
