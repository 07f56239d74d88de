//! Pictures that runs leave in `files/`, the versions that were recorded with them, and the end of
//! their output: shown on the page, next to the figures.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use super::output::LOG;
use crate::figures::view::{Replicate, Variant, View};
use crate::figures::{Chart, OwnCharts};
use crate::page::{OwnMarkup, png_address};
use crate::plan::RunId;
use crate::record::{RunRecord, RunStatus};
use crate::results::ExperimentResults;
use crate::rng::Seed;
use crate::text::{bytes, count};

/// Pictures of one run that are shown, at most.
const OF_A_RUN: usize = 6;
/// Bytes of all pictures of an experiment on the page, at most.
const ON_THE_PAGE: usize = 8 << 20;

/// Bytes of an output of `program.versions` that are shown, at most.
const OF_VERSIONS: usize = 1 << 14;

/// Bytes of the end of a run's output that are shown, at most, and of all on the page.
const OF_A_LOG: usize = 2_000;
const OF_LOGS: usize = 400_000;

/// Pictures of the first run of each variant that has some, by run, recorded versions, and the end of
/// the output of each run.
#[derive(Debug, Clone, Default)]
pub struct RunPictures {
    /// Outputs of `program.versions` by their fact.
    versions: BTreeMap<String, String>,
    by_run: BTreeMap<RunId, Vec<(String, Vec<u8>)>>,
    /// End of the output of each run.
    logs: BTreeMap<RunId, String>,
    /// Number of pictures that are left out, and their size.
    left_out: (usize, usize),
}

impl RunPictures {
    /// Collects pictures. `files` returns the names of a run's files, `file` the content of one.
    pub fn gather(
        results: &ExperimentResults,
        files: impl Fn(&RunId) -> Vec<String>,
        file: impl Fn(&RunId, &str) -> Option<Vec<u8>>,
    ) -> Self {
        let mut all = Self::default();
        let each = (OF_LOGS / results.records.len().max(1)).min(OF_A_LOG);
        for (run, record) in &results.records {
            if record.status != RunStatus::Outstanding
                && let Some(log) = file(run, LOG)
            {
                all.logs.insert(run.clone(), end_of(&log, each));
            }
            if let Some(versions) = recorded_versions(record)
                && !all.versions.contains_key(versions)
                && let Some(bytes) = file(run, "versions.txt")
            {
                all.versions.insert(versions.to_owned(), shown_versions(&bytes));
            }
        }
        let mut total = 0;
        for variant in results.plan.studies.iter().flat_map(|study| &study.variants) {
            let pictures = |run: &&RunId| {
                let names = files(run).into_iter();
                let is_picture = |name: &String| {
                    let name = name.to_ascii_lowercase();
                    name.starts_with("files/") && name.ends_with(".png")
                };
                let named = names.filter(is_picture).filter_map(|name| {
                    let bytes = file(run, &name).filter(|bytes| bytes.starts_with(b"\x89PNG"))?;
                    Some((name.trim_start_matches("files/").to_owned(), bytes))
                });
                let named: Vec<_> = named.collect();
                (!named.is_empty()).then(|| ((*run).clone(), named))
            };
            let Some((run, named)) = variant.runs.iter().find_map(|run| pictures(&run)) else {
                continue;
            };
            if all.by_run.contains_key(&run) {
                continue;
            }
            let mut kept = Vec::new();
            for (name, picture) in named {
                if kept.len() < OF_A_RUN && total + picture.len() <= ON_THE_PAGE {
                    total += picture.len();
                    kept.push((name, picture));
                } else {
                    all.left_out = (all.left_out.0 + 1, all.left_out.1 + picture.len());
                }
            }
            all.by_run.insert(run, kept);
        }
        all
    }
}

/// Pictures of one run of a variant.
struct Shown<'a> {
    /// Index of the variant.
    v: usize,
    label: String,
    run: &'a RunId,
    seed: Seed,
    pictures: &'a [(String, Vec<u8>)],
}

impl OwnCharts for RunPictures {
    fn charts(&self, _: &ExperimentResults, _: usize) -> Vec<(&'static str, Chart)> {
        Vec::new()
    }
}

impl OwnMarkup for RunPictures {
    fn markup(&self, results: &ExperimentResults, study: usize) -> Markup {
        let view = View::new(results, &results.plan.studies[study]);
        let of_variant = |(v, variant): (usize, &Variant)| {
            let shown = |r: &Replicate| {
                let (run, pictures) = self.by_run.get_key_value(&r.spec.id)?;
                Some(Shown {
                    v,
                    label: variant.label.to_owned(),
                    run,
                    seed: r.seed,
                    pictures,
                })
            };
            variant.replicates.iter().find_map(shown)
        };
        let shown: Vec<Shown> = view.variants.iter().enumerate().filter_map(of_variant).collect();
        let replicates = || view.variants.iter().flat_map(|variant| &variant.replicates);
        let versions: BTreeSet<&str> =
            replicates().filter_map(|r| recorded_versions(r.record)).collect();
        let versions = versions.into_iter().filter_map(|fact| self.versions.get(fact));
        html! {
            (self.pictures(&shown))
            @for text in versions {
                details {
                    summary { "Versions, as " code { "program.versions" } " printed them" }
                    pre { (text) }
                }
            }
        }
    }

    fn log(&self, run: &RunId) -> Option<&str> {
        self.logs.get(run).map(String::as_str).filter(|log| !log.is_empty())
    }
}

/// Fact of a run that identifies the output of `program.versions`.
fn recorded_versions(record: &RunRecord) -> Option<&str> {
    record.summary.as_ref()?.facts.get("versions")?.as_str()
}

/// The end of an output as text for the page, from the beginning of a line.
fn end_of(bytes: &[u8], most: usize) -> String {
    let end = &bytes[bytes.len().saturating_sub(most)..];
    let line = match end.iter().position(|byte| *byte == b'\n') {
        Some(at) if end.len() < bytes.len() && at + 1 < end.len() => &end[at + 1..],
        _ => end,
    };
    printable(line)
}

/// An output as text, without the characters that control a terminal.
fn printable(bytes: &[u8]) -> String {
    let is_shown = |c: &char| !c.is_control() || *c == '\n';
    String::from_utf8_lossy(bytes).chars().filter(is_shown).collect()
}

/// The beginning of an output as text for the page.
fn shown_versions(bytes: &[u8]) -> String {
    let mut shown = printable(&bytes[..bytes.len().min(OF_VERSIONS)]);
    if bytes.len() > OF_VERSIONS {
        shown.push_str("\n...");
    }
    shown
}

impl RunPictures {
    fn pictures(&self, shown: &[Shown]) -> Markup {
        if shown.is_empty() {
            return Markup::default();
        }
        let (number, size) = self.left_out;
        html! {
            h3 { "Pictures" }
            p.muted {
                "From " code { "files/" } " of one run of each variant."
                @if number > 0 {
                    " " (count(number, "picture")) " of " (bytes(size as u64)) " left out here, and in the directories of the runs."
                }
            }
            div.grids {
                @for Shown { v, label, run, seed, pictures } in shown {
                    @for (name, png) in *pictures {
                        figure data-variant=(v) data-run=(run) {
                            b { (label) }
                            span.muted { (name) ", seed " (seed.0) }
                            img.picture alt={ (name) " of " (label) }
                                src=(png_address(png));
                        }
                    }
                }
            }
        }
    }
}
