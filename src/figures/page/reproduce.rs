//! How to get the same numbers again, what they took, and what a paper has to say about them.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::html::escape;
use crate::figures::view::View;
use crate::record::RunStatus;
use crate::results::checklist::Item;
use crate::text::duration;

/// Command, versions, data, compute, failures and the checklist of a study.
pub(super) fn reproduce(out: &mut String, view: &View, checklist: &[Item]) {
    let replicates = || view.variants.iter().flat_map(|v| &v.replicates);
    let unique = |values: Vec<String>| {
        values
            .into_iter()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
            .join(", ")
    };
    let data = unique(
        replicates()
            .map(|r| match view.trainer.data_name(&r.spec.config) {
                name if name.is_empty() => r.spec.data.clone(),
                name => format!("{name} ({})", r.spec.data),
            })
            .collect(),
    );
    let kernels = unique(
        replicates()
            .filter_map(|r| r.record.summary.as_ref())
            .filter_map(|s| s.facts.get("kernel")?.as_str().map(str::to_owned))
            .collect(),
    );
    let hosts = unique(
        replicates()
            .filter_map(|r| r.record.timing.as_ref())
            .map(|t| t.host.clone())
            .collect(),
    );
    let seeds: Vec<String> = view.plan.seeds.iter().map(|s| s.0.to_string()).collect();
    out.push_str("<h3>How to reproduce</h3>\n<dl>\n");
    let mut entry = |name: &str, value: &str| {
        let _ = writeln!(out, "<dt>{name}</dt><dd>{}</dd>", escape(value));
    };
    entry("command", &view.plan.command);
    entry("again, byte for byte", &format!("ablade verify {}", view.plan.name));
    entry(
        "version",
        &format!("ablade {}, engine {}", env!("CARGO_PKG_VERSION"), view.trainer.version()),
    );
    entry("data (fingerprint)", &data);
    entry("seeds", &seeds.join(", "));
    entry("instructions", &kernels);
    entry("machines", &hosts);
    entry("compute", &compute(view));
    out.push_str("</dl>\n");
    let failures: Vec<String> = replicates()
        .filter(|r| matches!(r.record.status, RunStatus::Failed | RunStatus::Diverged))
        .map(|r| {
            let why = r.record.error.as_deref().unwrap_or("no reason was recorded");
            format!(
                "<li><code>{}</code> seed {}: {} ({})</li>",
                r.spec.id,
                r.seed.0,
                escape(why),
                r.record.status.word()
            )
        })
        .collect();
    if !failures.is_empty() {
        let _ = writeln!(
            out,
            "<details><summary>Runs that failed or diverged</summary><ul>{}</ul></details>",
            failures.concat()
        );
    }
    out.push_str("<details><summary>Checklist for a paper</summary><dl>\n");
    for item in checklist {
        let _ = writeln!(out, "<dt>{}</dt><dd>{}</dd>", item.question, escape(&item.answer));
    }
    out.push_str("</dl></details>\n");
}

/// Wall time of a study's runs, those that came to nothing included.
fn compute(view: &View) -> String {
    let runs: Vec<_> = view.variants.iter().flat_map(|v| &v.replicates).collect();
    let seconds = |status: RunStatus| -> f64 {
        let of_status = runs.iter().filter(|r| r.record.status == status);
        of_status
            .filter_map(|r| r.record.timing.as_ref())
            .map(|t| t.seconds * t.threads as f64)
            .sum()
    };
    let mut text =
        format!("{} of thread time in finished runs", duration(seconds(RunStatus::Finished)));
    for (status, which) in [(RunStatus::Diverged, "diverged"), (RunStatus::Failed, "failed")] {
        let spent = seconds(status);
        if spent > 0.0 {
            let _ = write!(text, ", {} in {which} ones", duration(spent));
        }
    }
    let untimed = runs
        .iter()
        .filter(|r| r.record.status == RunStatus::Failed && r.record.timing.is_none())
        .count();
    if untimed > 0 {
        let _ = write!(text, "; {untimed} failed without a note of their time");
    }
    text
}
