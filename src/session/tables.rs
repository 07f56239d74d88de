//! Tables of an experiment, written from the runs on disk.

use crate::plan::Plan;
use crate::results::{ExperimentResults, tables};
use crate::runner::Observer;
use crate::runner::machine::on_every_processor;
use crate::store::{Store, StoreError};

/// Writes the tables of a plan. Writes them again if another process published a run meanwhile: of
/// several processes that end at the same time, the last one to write sees every run.
pub fn write_tables(
    store: &Store,
    plan: &Plan,
    observer: &dyn Observer,
) -> Result<ExperimentResults, StoreError> {
    store.tidy()?;
    store.begin_history()?;
    adopt_tables(store, plan)?;
    loop {
        let before = store.finished(plan)?;
        let (results, remarks) = on_every_processor(|| tables::write_all(store, plan))?;
        for remark in &remarks {
            observer.warn(remark);
        }
        if store.finished(plan)?.is_subset(&before) {
            return Ok(results);
        }
    }
}

/// Lists the tables that an earlier version of this program wrote without a list, before they or
/// their plan are replaced. A plan that cannot be read owns no table.
pub(super) fn adopt_tables(store: &Store, plan: &Plan) -> Result<(), StoreError> {
    if !store.knows_tables(&plan.name)?
        && let Ok(before) = store.load_plan(&plan.name)
    {
        on_every_processor(|| tables::adopt(store, &before))?;
    }
    Ok(())
}
