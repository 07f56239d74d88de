//! Loads the files of `tests/fixtures/grammar` and renders an experiment as text.

use std::convert::Infallible;
use std::fmt::Write;
use std::io;
use std::path::Path;

use ablade::experiment::{Diagnostics, Experiment, Overrides, load_with};
use ablade::plan::Plan;
use ablade::trainer::Setting;
use ablade::trainers::made::run_config;

use crate::support::made;

/// The settings of MADE.
pub(crate) fn settings() -> Vec<Setting> {
    made().settings().iter().cloned().collect()
}

/// Loads `tests/fixtures/grammar/NAME.toml`; messages name it `NAME.toml`.
pub(crate) fn load(name: &str, overrides: &Overrides) -> Result<Experiment, Diagnostics> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/grammar");
    let read = |path: &Path| std::fs::read_to_string(folder.join(path));
    load_with(Path::new(&format!("{name}.toml")), overrides, &*made(), &read)
}

/// Loads a text as the file `experiment.toml`.
pub(crate) fn load_text(text: &str, overrides: &Overrides) -> Result<Experiment, Diagnostics> {
    let read = |path: &Path| match path.to_str() {
        Some("experiment.toml") => Ok(text.to_owned()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    load_with(Path::new("experiment.toml"), overrides, &*made(), &read)
}

/// The plan, with the name of the data as fingerprint.
pub(crate) fn plan(experiment: &Experiment) -> Plan {
    let plan = experiment.plan_by(&*made(), |config| {
        let data = &run_config(config).data;
        Ok::<_, Infallible>(format!("{}-{}", data.name, data.seed))
    });
    plan.unwrap_or_else(|never| match never {})
}

/// An experiment as text: studies, axes, and each variant with its name and its changes.
pub(crate) fn expansion(experiment: &Experiment) -> String {
    let plan = plan(experiment);
    let mut out = String::new();
    let distinct: std::collections::BTreeSet<_> =
        plan.studies.iter().flat_map(|s| &s.variants).map(|v| &v.runs).collect();
    let seeds: Vec<String> = plan.seeds.iter().map(|seed| seed.0.to_string()).collect();
    let _ = writeln!(
        out,
        "{}: {} variants, seeds {}, {} runs",
        plan.name,
        distinct.len(),
        seeds.join(" "),
        plan.runs.len()
    );
    for study in &experiment.studies {
        let _ =
            writeln!(out, "\n{} ({}): {}", study.name, study.design.as_str(), study.count_line());
        for axis in &study.axes {
            let tuned = if axis.tune { "tuned " } else { "" };
            let _ = writeln!(
                out,
                "  {tuned}axis {} as {}: {}",
                axis.path,
                axis.column,
                axis.levels.join(" | ")
            );
        }
        for (i, variant) in study.variants.iter().enumerate() {
            let reference = if study.reference == Some(i) { " *" } else { "" };
            let _ = writeln!(
                out,
                "  {}{reference} [{}] ({})",
                variant.label,
                variant.name,
                variant.levels.join(", ")
            );
            if let Some(method) = &variant.method {
                let _ =
                    writeln!(out, "    apart from its block {} [{}]", method.label, method.name);
            }
            for change in &variant.changes {
                let _ =
                    writeln!(out, "    {}: {} -> {}", change.path, change.baseline, change.value);
            }
            for candidate in &variant.candidates {
                let _ = writeln!(
                    out,
                    "    candidate {} ({})",
                    candidate.label,
                    candidate.levels.join(", ")
                );
            }
        }
    }
    for remark in &experiment.remarks {
        let _ = writeln!(out, "\n! {remark}");
    }
    out
}
