//! A program as a trainer: any command that takes settings and leaves numbers.
//!
//! ```text
//! supervisor  a process between this program and commands, which ends all their descendants
//! running     a command that runs, under a supervisor or without one
//! inputs      files, data and programs that a declaration names, on this machine
//! command     settings written into the words of a command
//! output      tables of steps, JSON files and printed lines -> values
//! pictures    what runs leave for the page
//! run         one run: directory, commands, limits, result
//! ```
//!
//! The contract with programs is `docs/guide/program.md`.

mod command;
mod inputs;
mod output;
mod pictures;
mod run;
mod running;
pub mod supervisor;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use regex::Regex;
use serde_json::Value;

use crate::experiment::{column_name, program_settings};
use crate::record::{EpochRow, RunStatus, Summary};
use crate::text::count;
use crate::trainer::{
    Column, Config, Control, Cost, Curve, Declaration, DeclarationFault, DeclaredMetric, Described,
    Execution, IdentifiedRun, Identity, Metric, MetricSource, MetricWords, Metrics, PerExample,
    Program, Programs, Reread, RunKey, Settings, Slots, Source, Trainer, TrainerError, Unit,
};
use command::{Places, Writer};
use inputs::Hashes;
use output::{LOG, PRINTED, ReadFile, Values, fact};
use running::Supervisors;

pub use pictures::RunPictures;
pub use running::remember_environment;

/// Version of the way in which runs are carried out.
const VERSION: u32 = 1;

/// Makes trainers of programs.
#[derive(Debug, Default)]
pub struct ProgramTrainers {
    supervisors: Option<Arc<Supervisors>>,
    hashes: Arc<Hashes>,
}

impl ProgramTrainers {
    /// Trainers whose commands are watched by `supervisor`, the path of an executable whose `main`
    /// calls [`supervisor::supervise`] if its first argument is [`supervisor::SUPERVISE`]; without
    /// one only the process group of a command ends with it.
    pub fn new(supervisor: Option<PathBuf>) -> Arc<Self> {
        let supervisors = supervisor.map(|program| Arc::new(Supervisors::new(program)));
        Arc::new(Self { supervisors, hashes: Arc::default() })
    }
}

impl Programs for ProgramTrainers {
    fn resolve(&self, declaration: &mut Declaration) -> Vec<DeclarationFault> {
        inputs::resolve(declaration, &self.hashes)
    }

    fn trainer(&self, declaration: Declaration) -> Result<Arc<dyn Trainer>, String> {
        let mut trainer = ProgramTrainer::new(declaration)?;
        trainer.supervisors.clone_from(&self.supervisors);
        trainer.hashes = Arc::clone(&self.hashes);
        Ok(Arc::new(trainer))
    }

    fn identify(&self, program: &Program, config: &Config) -> Result<IdentifiedRun, String> {
        let data = fingerprint(program)?;
        Ok(IdentifiedRun {
            version: VERSION,
            identity: identity(config, &data),
            data,
            varying_files: &[LOG],
            machine_facts: &["executable"],
        })
    }
}

/// Identity of a program and its inputs.
fn fingerprint(program: &Program) -> Result<String, String> {
    let bytes = serde_json::to_vec(program).map_err(|error| error.to_string())?;
    Ok(format!("program-{}", &blake3::hash(&bytes).to_hex()[..16]))
}

fn identity(config: &Config, data: &str) -> Identity {
    let text = serde_json::to_string(&sorted(config)).expect("plain data");
    let bytes = format!("program {VERSION}\n{text}\n{data}").into_bytes();
    Identity { bytes, since: Vec::new() }
}

/// The trainer of one program.
#[derive(Debug)]
pub struct ProgramTrainer {
    declaration: Declaration,
    settings: Settings,
    metrics: Metrics,
    /// Patterns of the metrics that are read from the standard output.
    patterns: Vec<(String, Regex)>,
    /// Identity of the program and its inputs: what runs have as their data.
    fingerprint: String,
    supervisors: Option<Arc<Supervisors>>,
    hashes: Arc<Hashes>,
    /// Output of `program.versions`, once it has been asked.
    versions: OnceLock<Option<Vec<u8>>>,
    /// Raised once a run has been seen to write into a directory that runs share.
    shares_files: AtomicBool,
}

impl ProgramTrainer {
    fn new(declaration: Declaration) -> Result<Self, String> {
        let pattern = |metric: &DeclaredMetric| match &metric.source {
            MetricSource::Stdout { pattern } => Some(pattern.clone()),
            _ => None,
        };
        let patterns: Vec<(String, Regex)> = (declaration.metrics.iter())
            .filter_map(pattern)
            .map(|pattern| Ok((pattern.clone(), Regex::new(&pattern)?)))
            .collect::<Result<_, regex::Error>>()
            .map_err(|error| error.to_string())?;
        if declaration.metrics.is_empty()
            || declaration.select.is_some_and(|select| select >= declaration.metrics.len())
        {
            return Err("the program declares no metric".into());
        }
        if declaration.program.command.is_empty()
            || declaration.program.command.iter().any(Vec::is_empty)
        {
            return Err("the program has no command".into());
        }
        let fingerprint = fingerprint(&declaration.program)?;
        Ok(Self {
            settings: program_settings(&declaration),
            metrics: metrics(&declaration),
            patterns,
            fingerprint,
            declaration,
            supervisors: None,
            hashes: Arc::default(),
            versions: OnceLock::new(),
            shares_files: AtomicBool::new(false),
        })
    }

    fn values(&self, summary: &Summary, file: &ReadFile) -> Values {
        let kept = summary.facts.get(PRINTED);
        let log = OnceLock::new();
        let printed = |pattern: &str| {
            let known = kept.and_then(|kept| kept.get(pattern)).and_then(Value::as_str);
            known.map(str::to_owned).or_else(|| {
                // A pattern that was declared after the run.
                let log = log.get_or_init(|| {
                    let log = file(LOG).ok().flatten().unwrap_or_default();
                    String::from_utf8_lossy(&log).into_owned()
                });
                let (_, regex) = self.patterns.iter().find(|(known, _)| known == pattern)?;
                output::last_match(regex, log)
            })
        };
        Values::read(&self.declaration, file, &printed)
    }
}

/// A word of a command in one short line.
fn brief_word(word: &str) -> String {
    let line = word.replace('\n', "\\n");
    match line.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

/// The settings of a run, sorted by key path: their order in the file changes nothing. Those that
/// are not given are left out, so that one that is added and not given changes no run.
fn sorted(config: &Config) -> Vec<(String, Value)> {
    let mut leaves = config.leaves();
    leaves.sort_by(|(a, _), (b, _)| a.cmp(b));
    leaves
}

/// The metrics of a declaration as the harness knows them.
/// Place from which a metric is read.
fn place(metric: &DeclaredMetric) -> String {
    match &metric.source {
        MetricSource::Json { file, key } => format!("`{key}` of {file}"),
        MetricSource::Column { column, at: None } => format!("last `{column}` of the steps"),
        MetricSource::Column { column, at: Some(at) } => {
            format!("`{column}` at the step with the best {at}")
        }
        MetricSource::Stdout { pattern } => format!("last match of '{pattern}' in the output"),
    }
}

fn metrics(declaration: &Declaration) -> Metrics {
    let columns = output::curve_columns(declaration);
    let all: Vec<Metric> = declaration
        .metrics
        .iter()
        .enumerate()
        .map(|(i, metric)| {
            let label = metric.label.clone().unwrap_or_else(|| metric.name.clone());
            let place = place(metric);
            let curve = match &metric.source {
                MetricSource::Column { column, .. } => columns.iter().position(|c| c == column),
                _ => None,
            };
            Metric {
                name: metric.name.clone(),
                column: column_name(&metric.name),
                unit: unit(&metric.unit),
                better: metric.better,
                source: Source::Fact(fact(metric)),
                words: MetricWords {
                    head: label.clone(),
                    short: label.clone(),
                    long: label.clone(),
                    axis: label.clone(),
                    doc: place.clone(),
                    exact: format!("{label}, the {place}"),
                },
                curve,
                examples: PerExample::Named(format!("scores/{}", metric.name)),
                selects: declaration.select == Some(i),
            }
        })
        .collect();
    let mut metrics = Metrics::new(all);
    metrics.columns = metrics
        .all
        .iter()
        .map(|metric| Column {
            is_always_there: true,
            name: metric.unit.column(&metric.column),
            source: metric.source.clone(),
        })
        .collect();
    metrics.curves = columns
        .iter()
        .map(|column| {
            // A metric that is read at the best step of another is not the column itself.
            let is_read_at = |metric: &DeclaredMetric| {
                matches!(&metric.source, MetricSource::Column { at: Some(_), .. })
            };
            let mut read = declaration.metrics.iter().filter(|metric| {
                matches!(&metric.source, MetricSource::Column { column: own, .. } if own == column)
            });
            let of = read.clone().find(|metric| !is_read_at(metric)).or_else(|| read.next());
            Curve {
                name: column_name(column),
                unit: of.map(|metric| unit(&metric.unit)).unwrap_or_default(),
                head: (*column).to_owned(),
                words: of
                    .filter(|metric| !is_read_at(metric))
                    .and_then(|metric| metric.label.clone())
                    .unwrap_or_else(|| (*column).to_owned()),
                better: of.map(|metric| metric.better),
            }
        })
        .collect();
    metrics.select = declaration.select.unwrap_or(0);
    // Each metric has a place of its own.
    metrics.scored_at = String::new();
    metrics
}

fn unit(text: &str) -> Unit {
    Unit {
        short: column_name(text),
        long: text.to_owned(),
        explained: text.to_owned(),
    }
}

impl Trainer for ProgramTrainer {
    fn version(&self) -> u32 {
        VERSION
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    fn declaration(&self) -> Option<&Declaration> {
        Some(&self.declaration)
    }

    fn read_from(&self, metric: &Metric) -> String {
        let declared = &self.declaration.metrics;
        let of_name = |name: &str| declared.iter().find(|metric| metric.name == name);
        let Some(own) = of_name(&metric.name) else { return String::new() };
        let MetricSource::Column { at, .. } = &own.source else { return place(own) };
        let steps = brief_word(&self.declaration.conduct.steps);
        // The best step depends on the definition of the other metric, too.
        let at = at.as_deref().and_then(of_name).map_or_else(String::new, |at| {
            let better = at.better.word().to_lowercase();
            format!(" ({}, {better} is better)", place(at))
        });
        format!("{}{at} in {steps}", place(own))
    }

    fn knows_nominal_speed(&self) -> bool {
        false
    }

    fn slots(&self) -> Slots {
        let conduct = &self.declaration.conduct;
        Slots {
            threads: std::num::NonZeroUsize::new(conduct.cpus),
            gpus: conduct.gpus,
        }
    }

    fn complete(&self, config: &Value) -> Result<Config, String> {
        let Value::Object(_) = config else {
            return Err("it is no table of settings".into());
        };
        // Nulls are left out on disk.
        let complete = self.settings.config(|leaf| {
            self.settings[leaf]
                .path
                .split('.')
                .try_fold(config, |value, key| value.get(key))
                .unwrap_or(&Value::Null)
        });
        // Runs of an earlier state of the file may have other settings.
        let found = Config::new(config);
        Ok(if sorted(&found) == sorted(&complete) { complete } else { found })
    }

    fn identities<'a>(
        &'a self,
        config: &'a Config,
        data: &'a str,
    ) -> Box<dyn Iterator<Item = Identity> + 'a> {
        Box::new(std::iter::once(identity(config, data)))
    }

    fn fingerprint(&self, _: &Config) -> Result<String, TrainerError> {
        Ok(self.fingerprint.clone())
    }

    fn describe(&self, _: &[&Config], _: &dyn Fn(&str) -> bool) -> Result<Described, TrainerError> {
        let Declaration { program, conduct, .. } = &self.declaration;
        let mut lines = Vec::new();
        for words in &program.command {
            let path = conduct
                .wrap
                .is_empty()
                .then(|| inputs::executable(&self.declaration, &words[0]));
            let path = path.and_then(Result::ok).map(|path| format!("  ({})", path.display()));
            let words: Vec<String> = words.iter().map(|word| brief_word(word)).collect();
            lines.push(format!("program   {}{}", words.join(" "), path.unwrap_or_default()));
        }
        if !program.inputs.is_empty() {
            let names: Vec<&str> = program.inputs.keys().take(4).map(String::as_str).collect();
            let more = if program.inputs.len() > names.len() { ", ..." } else { "" };
            lines.push(format!(
                "inputs    {}: {}{more}",
                count(program.inputs.len(), "file"),
                names.join(", ")
            ));
        }
        for (path, known) in &program.data {
            lines.push(format!("data      {path}: {known}"));
        }
        let unwatched = inputs::unwatched(&self.declaration);
        let warnings = (!unwatched.is_empty()).then(|| {
            let names: Vec<String> = unwatched.iter().map(|name| format!("{name:?}")).collect();
            format!(
                "{} is no input: an edit would not make its runs outstanding; add it to program.inputs = [{}]",
                unwatched.join(", "),
                names.join(", ")
            )
        });
        Ok(Described { lines, warnings: warnings.into_iter().collect() })
    }

    fn cost(&self, _: &Config) -> Result<Option<Cost>, TrainerError> {
        let memory = self.declaration.conduct.memory;
        Ok(Some(Cost {
            work: 1.0,
            nominal_seconds: 1.0,
            memory,
            disk: 0,
            size: None,
            examples: None,
            after_training: 1.0,
            stops_early: false,
        }))
    }

    fn past(&self, run: &RunKey, _: &Summary, seconds: f64, _: f64) -> Option<(f64, f64)> {
        // The harness counts seconds of threads; a run of a program has the same number always.
        let threads = self.declaration.conduct.cpus as f64;
        (run.data == self.fingerprint).then_some((1.0, seconds / threads))
    }

    fn prepare(&self, runs: &[RunKey]) -> Result<(), TrainerError> {
        if let Some(run) = runs.iter().find(|run| run.data != self.fingerprint) {
            return Err(TrainerError::new(format!("{} is a run of another program", run.id)));
        }
        // Copies are looked at when runs start from them.
        if self.declaration.conduct.snapshot { Ok(()) } else { self.unchanged(None) }
    }

    fn execute(&self, run: &RunKey, _: usize, control: Control) -> Result<Execution, TrainerError> {
        run::execute(self, run, control)
    }

    fn reread(&self, summary: &Summary, file: &dyn Fn(&str) -> Option<Vec<u8>>) -> Option<Reread> {
        let values = self.values(summary, &|name| Ok(file(name)));
        let mut summary = summary.clone();
        summary.facts.remove(PRINTED);
        summary.facts.extend(values.metrics);
        if let Some(reason) = values.diverged {
            summary.status = RunStatus::Diverged;
            summary.error = Some(reason);
        } else if !values.missing.is_empty() {
            summary.error = Some(format!("no {}", values.missing.join("; ")));
        }
        summary.best_epoch = values.best_step;
        Some((summary, values.epochs))
    }

    fn command_lines(&self, config: &Config) -> Vec<Vec<String>> {
        let home = self.declaration.home.to_string_lossy();
        let places = Places { seed: "{seed}", run: "{run}", here: &home };
        Writer::new(&self.declaration, config, places).commands(false)
    }

    fn input_files(&self) -> Vec<(String, PathBuf)> {
        let home = &self.declaration.home;
        let path = |name: &String| (name.clone(), home.join(name));
        self.declaration.program.inputs.keys().map(path).collect()
    }

    fn same_examples(&self, _: &Config, _: &Config) -> bool {
        // One program scores all runs; scores of different lengths are left out.
        true
    }

    fn selection(&self) -> String {
        "Values are read from what the program wrote: see [metrics] of the experiment file.".into()
    }
}

impl ProgramTrainer {
    /// An error if an input, or its copy in this folder, is not what it was when the experiment was
    /// planned.
    fn unchanged(&self, copy: Option<&Path>) -> Result<(), TrainerError> {
        let Some(change) = self.hashes.changed(&self.declaration, copy) else {
            return Ok(());
        };
        let remedy = match copy {
            Some(copy) => format!("remove {}, and the next sweep writes it again", copy.display()),
            None => "start the experiment again, or keep a copy with snapshot = true".to_owned(),
        };
        Err(TrainerError::everywhere(format!(
            "{change} since the runs were planned: {remedy}"
        )))
    }

    /// The program of the first command, as it was found here.
    fn executable(&self) -> Option<PathBuf> {
        let word = self.declaration.program.command.first()?.first()?;
        inputs::executable(&self.declaration, word).ok()
    }

    fn curves(&self, steps: &output::Steps) -> Vec<EpochRow> {
        output::curves(&self.declaration, steps)
    }
}
