//! Copies in the results of what runs were made from: the test images that figures show, and the
//! inputs of programs.

use std::collections::BTreeSet;

use crate::plan::{Plan, RunSpec};
use crate::regular;
use crate::store::{Store, copied_name};

/// Bytes of an input, at most.
const LARGEST: u64 = 1 << 30;

/// Sentences on the copies that are not what these runs were made from. Data that are not here
/// cannot be compared: their copies are passed over, as the runs are.
pub fn changed_copies(store: &Store, plan: &Plan, runs: &[&RunSpec]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut problems = Vec::new();
    for run in runs.iter().filter(|run| seen.insert(run.data.as_str())) {
        problems.extend(changed_examples(store, run));
        problems.extend(changed_inputs(store, plan, run));
    }
    problems
}

fn changed_examples(store: &Store, run: &RunSpec) -> Option<String> {
    let again = "remove it, and the next sweep writes it again";
    let kept = match store.reference(&run.data) {
        Ok(kept) => kept?,
        Err(error) => return Some(format!("{error}: {again}")),
    };
    let trainer = store.trainer();
    let examples = trainer.prepare(&[run.key()]).and_then(|()| trainer.examples(&run.config));
    let path = store.reference_path(&run.data).ok()?;
    match examples {
        Ok(Some(expected)) if expected != kept => Some(format!(
            "{} holds other test images than the data of the runs: {again}",
            path.display()
        )),
        _ => None,
    }
}

fn changed_inputs(store: &Store, plan: &Plan, run: &RunSpec) -> Option<String> {
    let copy = store.inputs_dir(&run.data).ok().filter(|copy| copy.is_dir())?;
    plan.program_identity()?.inputs.iter().find_map(|(name, hash)| {
        let path = copy.join(copied_name(name));
        let what = match regular::read(&path, LARGEST) {
            Ok(bytes) if blake3::hash(&bytes).to_hex().as_str() == hash => return None,
            Ok(_) => "is not the input of the runs".to_owned(),
            Err(error) => format!("cannot be read: {error}"),
        };
        Some(format!(
            "{} {what}: remove {}, and the next sweep writes it again",
            path.display(),
            copy.display()
        ))
    })
}
