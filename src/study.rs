//! A study as it stands: its plan joined with what is on disk. Tables, figures and comparisons start here.

use std::collections::BTreeMap;

use crate::plan::{Plan, RunId};
use crate::store::RunRecord;

/// A plan and the records of its runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Study {
    /// What was asked.
    pub plan: Plan,
    /// What is known of every run of the plan.
    pub records: BTreeMap<RunId, RunRecord>,
}
