//! Instructions to reproduce the results, their compute, and the checklist for a paper.

use std::collections::BTreeSet;
use std::fmt::Write;

use maud::{Markup, html};

use crate::figures::view::View;
use crate::record::RunStatus;
use crate::results::checklist::Item;
use crate::text::duration;

/// Command, versions, data, compute, failures and the checklist of a study.
pub(super) fn reproduce(view: &View, checklist: &[Item], anchor: &str) -> Markup {
    let replicates = || view.variants.iter().flat_map(|v| &v.replicates);
    let data = replicates().map(|r| match view.trainer.data_name(&r.spec.config) {
        name if name.is_empty() => r.spec.data.clone(),
        name => format!("{name} ({})", r.spec.data),
    });
    let kernels = replicates().filter_map(|r| {
        let facts = &r.record.summary.as_ref()?.facts;
        Some(facts.get("kernel")?.as_str()?.to_owned())
    });
    let hosts = replicates().filter_map(|r| Some(r.record.timing.as_ref()?.host.clone()));
    let seeds: Vec<String> = view.plan.seeds.iter().map(|seed| seed.0.to_string()).collect();
    let version =
        format!("ablade {}, engine {}", env!("CARGO_PKG_VERSION"), view.trainer.version());
    let again = match view.plan.program {
        Some(_) => "again, value for value",
        None => "again, byte for byte",
    };
    let entries = [
        ("command", view.plan.command.clone()),
        (again, format!("ablade verify {}", view.plan.name)),
        ("version", version),
        ("data (fingerprint)", distinct(data)),
        ("seeds", seeds.join(", ")),
        ("instructions", distinct(kernels)),
        ("machines", distinct(hosts)),
        ("compute", compute(view)),
    ];
    let failures: Vec<_> = replicates()
        .filter(|r| matches!(r.record.status, RunStatus::Failed | RunStatus::Diverged))
        .collect();
    html! {
        h3 id=(anchor) { "How to reproduce" }
        dl { @for (name, value) in entries.iter().filter(|(_, value)| !value.is_empty()) { dt { (name) } dd { (value) } } }
        @if !failures.is_empty() {
            details {
                summary { "Runs that failed or diverged" }
                ul {
                    @for r in failures {
                        @let why = r.record.error.as_deref().unwrap_or("no reason was recorded");
                        li {
                            code { (r.spec.id) }
                            " seed " (r.seed.0) ": " (why) " (" (r.record.status.word()) ")"
                        }
                    }
                }
            }
        }
        details {
            summary { "Checklist for a paper" }
            dl { @for item in checklist { dt { (item.question) } dd { (item.answer) } } }
        }
    }
}

/// The values in order, each once.
fn distinct(values: impl Iterator<Item = String>) -> String {
    values.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
}

/// Wall time of a study's runs, including those that failed.
fn compute(view: &View) -> String {
    let runs: Vec<_> = view.variants.iter().flat_map(|v| &v.replicates).collect();
    let seconds = |status: RunStatus| -> f64 {
        let of_status = runs.iter().filter(|r| r.record.status == status);
        of_status
            .filter_map(|r| r.record.timing.as_ref())
            .map(|t| t.seconds * t.threads as f64)
            .fold(0.0, std::ops::Add::add)
    };
    let mut text = format!(
        "{} of {} in finished runs",
        duration(seconds(RunStatus::Finished)),
        view.plan.time_word()
    );
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
