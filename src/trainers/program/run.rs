//! One run of a program: its directory, its commands one after the other, its limits, its result.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ProgramTrainer;
use super::command::{Places, Writer};
use super::output::{LOG, PRINTED, Steps, last_match, one_line};
use super::running::{RUN_DIRECTORY, Running, Start, failure, kill_processes_of};
use crate::plan::names::is_file_path;
use crate::record::{Checkpoint, EpochRow, RunOutput, RunStatus, Summary, Timing, host, utc};
use crate::regular;
use crate::store::disk::remove_tree;
use crate::text::{brief, count, duration};
use crate::trainer::{Control, Declaration, Execution, MetricSource, RunKey, TrainerError};

/// Time between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(10);
/// Time between two looks at a run.
const LOOK: Duration = Duration::from_millis(100);
/// Least time between two looks at its table of steps.
const LOOK_AT_STEPS: Duration = Duration::from_millis(500);
/// Bytes of the log that are kept.
const LOG_BYTES: u64 = 1 << 20;
/// Bytes of a file that values are read from, at most.
const LARGEST: u64 = 256 << 20;
/// Longest time that `program.versions` may take.
const VERSIONS: Duration = Duration::from_secs(60);
/// Files that a run may keep, at most.
const MOST_FILES: usize = 10_000;
/// Time for reading the rest of an output, before and after its last writers are killed.
const REST_OF_OUTPUT: Duration = Duration::from_secs(2);
/// Longest piece of a line that patterns are looked for in.
const LINE: usize = 1 << 16;

/// File of a run's directory that is locked as long as a process of the run lives.
const LOCK: &str = ".ablade-lock";
/// File of a run's directory: all its commands have succeeded; what they printed for patterns.
const SUCCEEDED: &str = ".ablade-succeeded";

/// Carries out a run.
pub(super) fn execute(
    trainer: &ProgramTrainer,
    run: &RunKey,
    mut control: Control,
) -> Result<Execution, TrainerError> {
    let declaration = &trainer.declaration;
    let directory = std::path::absolute(&control.directory).map_err(TrainerError::new)?;
    let mut attempt = Attempt {
        trainer,
        begun: Instant::now(),
        before: control.resume.as_ref().map_or(0.0, |checkpoint| checkpoint.seconds),
        started_utc: control.resume.as_ref().map_or_else(
            || utc(jiff::Timestamp::now()),
            |checkpoint| checkpoint.started_utc.clone(),
        ),
        home: home(declaration, control.inputs.as_deref())?,
        directory,
        printed: BTreeMap::new(),
        seen_steps: 0,
    };
    if !attempt.wait_for_earlier_processes(&control)? {
        return Ok(Execution::Interrupted);
    }
    // All commands had succeeded, and a metric was missing: it may be declared otherwise by now.
    if let Some(Succeeded { printed, started_utc, seconds }) = attempt.succeeded_before() {
        attempt.printed = printed;
        if let Ok((mut output, _)) = attempt.output() {
            (output.timing.started_utc, output.timing.seconds) = (started_utc, seconds);
            (control.note)(
                "its commands had succeeded before: only its metrics are read again".into(),
            );
            return Ok(Execution::Done(Box::new(output)));
        }
        attempt.printed.clear();
    }
    trainer.unchanged(attempt.copy())?;
    let resumes = attempt.has_checkpoint();
    if resumes {
        (control.note)("continues from its checkpoint".into());
    }
    attempt.make_directory(resumes)?;
    let seed = run.seed.0.to_string();
    let (run_text, here) = (
        attempt.directory.to_string_lossy().into_owned(),
        attempt.home.to_string_lossy().into_owned(),
    );
    let places = Places { seed: &seed, run: &run_text, here: &here };
    let writer = Writer::new(declaration, run.config, places);
    attempt.write("config.json", &writer.config_json())?;
    if let Some(versions) = trainer.versions(&attempt, control.note) {
        attempt.write("versions.txt", versions)?;
    }
    let env = environment(declaration, &writer, &attempt.directory, &seed, &control.gpus);
    let working = attempt.home.join(writer.fill(&declaration.program.directory));
    fs::create_dir_all(&working).map_err(|error| {
        TrainerError::new(format!(
            "cannot create the working directory {}: {error}",
            working.display()
        ))
    })?;
    let started = SystemTime::now();
    let mut failed = None;
    for words in writer.commands(resumes) {
        match attempt.command(&words, &working, &env, &mut control)? {
            CommandEnd::Succeeded => {}
            CommandEnd::Interrupted => {
                attempt.save_checkpoint(&mut control);
                return Ok(Execution::Interrupted);
            }
            CommandEnd::Stopped(reason) => {
                // The next attempt continues from the checkpoint, and its time is counted.
                attempt.save_checkpoint(&mut control);
                (control.note)(format!("its output is in {}", attempt.path(LOG).display()));
                return Err(TrainerError::new(reason));
            }
            CommandEnd::Failed(reason) => {
                failed = Some(reason);
                break;
            }
        }
    }
    if let Some(change) = trainer.hashes.changed(declaration, attempt.copy()) {
        return Err(TrainerError::everywhere(format!(
            "{change} while the run was under way: its result is discarded; start the experiment again"
        )));
    }
    attempt.replace_links();
    if let Some(reason) = failed {
        // Many programs exit with an error once their loss is not finite: that is a result.
        return match attempt.output() {
            Ok((output, true)) => Ok(Execution::Done(Box::new(output))),
            _ => {
                (control.note)(format!("its output is in {}", attempt.path(LOG).display()));
                Err(TrainerError::new(reason))
            }
        };
    }
    trainer.look_for_shared_files(&working, &attempt.directory, started, control.note);
    attempt.mark_succeeded();
    match attempt.output() {
        Ok((output, _)) => {
            attempt.files().note_left_out(control.note);
            Ok(Execution::Done(Box::new(output)))
        }
        Err(missing) => Err(TrainerError::new(missing)),
    }
}

/// The folder that a run's relative paths are relative to: that of the experiment file, or a copy of
/// the inputs.
fn home(declaration: &Declaration, inputs: Option<&Path>) -> Result<PathBuf, TrainerError> {
    match inputs.filter(|_| declaration.conduct.snapshot) {
        None => Ok(declaration.home.clone()),
        Some(copy) if copy.is_dir() => std::path::absolute(copy).map_err(TrainerError::new),
        Some(copy) => Err(TrainerError::everywhere(format!(
            "the copy of the inputs is not there: {}",
            copy.display()
        ))),
    }
}

fn environment(
    declaration: &Declaration,
    writer: &Writer,
    directory: &Path,
    seed: &str,
    gpus: &[String],
) -> Vec<(String, String)> {
    let mut env = vec![
        (RUN_DIRECTORY.to_owned(), directory.to_string_lossy().into_owned()),
        ("ABLADE_SEED".to_owned(), seed.to_owned()),
        ("ABLADE_CPUS".to_owned(), declaration.conduct.cpus.to_string()),
    ];
    if declaration.conduct.gpus > 0.0 {
        env.push(("CUDA_VISIBLE_DEVICES".to_owned(), gpus.join(",")));
    }
    env.extend(
        declaration
            .program
            .env
            .iter()
            .map(|(name, value)| (name.clone(), writer.fill(value))),
    );
    env
}

/// Record of commands that have all succeeded.
#[derive(Serialize, Deserialize)]
struct Succeeded {
    /// The last match of each pattern in the standard output.
    printed: BTreeMap<String, String>,
    /// The first start of the run.
    started_utc: String,
    /// Time of the run over all its starts, seconds.
    seconds: f64,
}

/// The end of one command.
enum CommandEnd {
    Succeeded,
    /// It ended by itself, with an exit code other than 0.
    Failed(String),
    /// A signal or the time limit ended it.
    Stopped(String),
    Interrupted,
}

/// One attempt at a run.
pub(super) struct Attempt<'a> {
    trainer: &'a ProgramTrainer,
    begun: Instant,
    /// Seconds of earlier attempts.
    before: f64,
    started_utc: String,
    home: PathBuf,
    directory: PathBuf,
    /// The last match of each pattern in the standard output.
    printed: BTreeMap<String, String>,
    /// Steps that the observer has heard of.
    seen_steps: usize,
}

impl Attempt<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Writes a file, in the place of whatever the program has put there: a write through a link
    /// would change a file elsewhere, and a write to a pipe would wait for a reader.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), TrainerError> {
        let path = self.path(name);
        remove_unless_regular(&path);
        fs::write(&path, bytes)
            .map_err(|error| TrainerError::new(format!("cannot write {}: {error}", path.display())))
    }

    /// Content of a file; `None` if there is none, an error if it is no regular file or too large.
    fn read_or_problem(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        match regular::read(&self.path(name), LARGEST) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{name}: {error}")),
        }
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        self.read_or_problem(name).ok().flatten()
    }

    /// The copy of the inputs, where the run starts from one.
    fn copy(&self) -> Option<&Path> {
        Some(&*self.home).filter(|_| self.trainer.declaration.conduct.snapshot)
    }

    fn has_checkpoint(&self) -> bool {
        fs::read_dir(self.path("checkpoint")).is_ok_and(|mut entries| entries.next().is_some())
    }

    /// Waits until no process of an earlier attempt is left, whose program may have been killed a
    /// moment ago; false if a stop was requested meanwhile.
    fn wait_for_earlier_processes(&self, control: &Control) -> Result<bool, TrainerError> {
        let Ok(found) = fs::symlink_metadata(&self.directory) else { return Ok(true) };
        if !found.is_dir() {
            // A program has put it there: what a link leads to is not the run's.
            let _ = fs::remove_file(&self.directory);
        }
        let begun = Instant::now();
        let lock = regular::open_unlinked(&self.path(LOCK), File::options().read(true));
        while lock.as_ref().is_ok_and(|file| file.try_lock_shared().is_err()) {
            if control.stop.is_cancelled() {
                return Ok(false);
            }
            if begun.elapsed() > 2 * GRACE {
                let text = format!(
                    "processes of an earlier attempt still run in {}",
                    self.directory.display()
                );
                return Err(TrainerError::new(text));
            }
            thread::sleep(Duration::from_millis(20));
        }
        // Their supervisor may have been killed, too.
        kill_processes_of(&self.directory);
        Ok(true)
    }

    /// Makes an empty directory; one with a checkpoint keeps what is in it.
    fn make_directory(&self, resumes: bool) -> Result<(), TrainerError> {
        let make = || {
            if !resumes && self.directory.exists() {
                remove_tree(&self.directory)?;
            }
            let _ = fs::remove_file(self.path(SUCCEEDED));
            fs::create_dir_all(self.path("checkpoint"))?;
            fs::create_dir_all(self.path("files"))?;
            fs::create_dir_all(self.path("scores"))
        };
        make().map_err(|error| {
            use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
            let text = format!("cannot write in {}: {error}", self.directory.display());
            // Otherwise the cause may be what an earlier attempt has left there.
            match error.kind() {
                QuotaExceeded | ReadOnlyFilesystem | StorageFull => TrainerError::everywhere(text),
                _ => TrainerError::new(text),
            }
        })
    }

    fn mark_succeeded(&self) {
        let succeeded = Succeeded {
            printed: self.printed.clone(),
            started_utc: self.started_utc.clone(),
            seconds: self.before + self.begun.elapsed().as_secs_f64(),
        };
        let text = serde_json::to_vec(&succeeded).unwrap_or_default();
        // A program may have removed its directory: what is missing is told by the metrics.
        let _ = self.write(SUCCEEDED, &text);
    }

    /// Replaces links by what they lead to, where a value is read from it: `best.json -> 7.json`.
    fn replace_links(&self) {
        for name in self.named_files() {
            let is_link =
                fs::symlink_metadata(self.path(&name)).is_ok_and(|found| found.is_symlink());
            if let Some(bytes) = self.read(&name).filter(|_| is_link) {
                let _ = self.write(&name, &bytes);
            }
        }
    }

    fn succeeded_before(&self) -> Option<Succeeded> {
        serde_json::from_slice(&self.read(SUCCEEDED)?).ok()
    }

    fn save_checkpoint(&self, control: &mut Control) {
        if self.has_checkpoint() {
            (control.save)(Checkpoint {
                state: Vec::new(),
                epoch: self.seen_steps,
                step: self.seen_steps as u64,
                seconds: self.before + self.begun.elapsed().as_secs_f64(),
                started_utc: self.started_utc.clone(),
            });
        }
    }

    /// Runs one command to its end.
    fn command(
        &mut self,
        words: &[String],
        working: &Path,
        env: &[(String, String)],
        control: &mut Control,
    ) -> Result<CommandEnd, TrainerError> {
        let lock = self.path(LOCK);
        let start = Start {
            words,
            directory: working,
            env,
            run: &self.directory,
            lock: &lock,
        };
        // Opened before the program starts, which may remove its directory.
        let log = Log::open(&self.path(LOG));
        let cannot_start = |error: io::Error| {
            TrainerError::new(format!("cannot start {}: {error}", brief(&words[0])))
        };
        let supervisors = self.trainer.supervisors.as_deref();
        let (mut running, [stdout, stderr]) =
            Running::start(supervisors, &start).map_err(cannot_start)?;
        let outputs = Arc::new(Outputs {
            patterns: self.trainer.patterns.clone(),
            log: Mutex::new(log),
            printed: Mutex::new(std::mem::take(&mut self.printed)),
            tail: Mutex::default(),
        });
        // Each reader has a sender, which it drops at the end of its output.
        let (of_readers, readers) = mpsc::channel::<()>();
        let (of_stdout, reads) = (Arc::clone(&outputs), of_readers.clone());
        thread::spawn(move || {
            let _reads = reads;
            pass_on(stdout, &of_stdout.log, |bytes| of_stdout.look_for_patterns(bytes));
        });
        let (of_stderr, reads) = (Arc::clone(&outputs), of_readers);
        thread::spawn(move || {
            let _reads = reads;
            pass_on(stderr, &of_stderr.log, |bytes| locked(&of_stderr.tail).push(bytes));
        });
        let end = self.follow(&mut running, control);
        // What is left of the output is read. A process that is no descendant may hold the pipes:
        // then the rest of the output is lost.
        for _ in 0..2 {
            if readers.recv_timeout(REST_OF_OUTPUT) == Err(RecvTimeoutError::Disconnected) {
                break;
            }
            running.kill();
        }
        if fs::symlink_metadata(&self.directory).is_ok_and(|found| !found.is_dir()) {
            let _ = fs::remove_file(&self.directory);
        }
        self.printed.clone_from(&locked(&outputs.printed));
        locked(&outputs.log).finish();
        let tail = std::mem::take(&mut *locked(&outputs.tail));
        if matches!(&end, Ok(Followed::Ended(status)) if status.code().is_none()) {
            // The signal may have been for the supervisor.
            kill_processes_of(&self.directory);
        }
        Ok(match end? {
            Followed::Interrupted => CommandEnd::Interrupted,
            Followed::OutOfTime(limit) => {
                CommandEnd::Stopped(format!("over its time limit of {}{tail}", duration(limit)))
            }
            Followed::Ended(status) => match failure(status) {
                None => CommandEnd::Succeeded,
                Some(reason) if status.code().is_none() => {
                    CommandEnd::Stopped(format!("{reason}{tail}"))
                }
                Some(reason) => CommandEnd::Failed(format!("{reason}{tail}")),
            },
        })
    }

    /// Waits for the end of a command, its time limit or a request to stop.
    fn follow(
        &mut self,
        running: &mut Running<'_>,
        control: &mut Control,
    ) -> Result<Followed, TrainerError> {
        let limit = self.trainer.declaration.conduct.timeout;
        let mut asked_to_end: Option<(Instant, Followed)> = None;
        let (mut looked_at_steps, mut until_next_look) = (Instant::now(), LOOK_AT_STEPS);
        let mut saved = Instant::now();
        let mut pause = Duration::from_micros(500);
        loop {
            if let Some(status) = running.wait(pause).map_err(TrainerError::new)? {
                self.look_at_steps(false, control);
                return Ok(match asked_to_end {
                    // Many programs save a checkpoint at SIGTERM and exit with 0: what they have
                    // left by then looks like a result and is none.
                    Some((_, end)) => end,
                    None => Followed::Ended(status),
                });
            }
            match &asked_to_end {
                Some((since, _)) if since.elapsed() > GRACE => running.kill(),
                Some(_) => {}
                None => {
                    let over = limit.filter(|limit| self.begun.elapsed().as_secs_f64() > *limit);
                    let end = match over {
                        Some(limit) => Some(Followed::OutOfTime(limit)),
                        None => control.stop.is_cancelled().then_some(Followed::Interrupted),
                    };
                    if let Some(end) = end {
                        running.terminate();
                        asked_to_end = Some((Instant::now(), end));
                    }
                }
            }
            if looked_at_steps.elapsed() > until_next_look {
                let begun = Instant::now();
                self.look_at_steps(true, control);
                // A long table is read seldom, so that reading takes a small part of the time.
                until_next_look = LOOK_AT_STEPS.max(50 * begun.elapsed());
                looked_at_steps = Instant::now();
            }
            if saved.elapsed() > control.checkpoint_every {
                self.save_checkpoint(control);
                saved = Instant::now();
            }
            // Short runs are not to wait for a look at long ones.
            pause = (pause * 3 / 2).min(LOOK);
        }
    }

    /// Tells the observer of new steps.
    fn look_at_steps(&mut self, grows: bool, control: &mut Control) {
        let name = &self.trainer.declaration.conduct.steps;
        let Some(bytes) = self.read(name) else { return };
        // What is wrong with the table is told at the end.
        let Ok(steps) = Steps::read(name, &bytes, grows) else { return };
        let rows: Vec<EpochRow> = self.trainer.curves(&steps);
        if let Some(last) = rows.last().filter(|_| rows.len() > self.seen_steps) {
            (control.on_epoch)(last);
        }
        self.seen_steps = steps.rows.len();
    }

    /// Output of the run, with true if it diverged; an error names the metrics that it lacks.
    fn output(&self) -> Result<(RunOutput, bool), String> {
        let mut facts = Map::new();
        if !self.printed.is_empty() {
            let printed: Map<String, Value> =
                self.printed.iter().map(|(k, v)| (k.clone(), v.as_str().into())).collect();
            facts.insert(PRINTED.into(), printed.into());
        }
        if let Some(path) = self.trainer.executable() {
            facts.insert("executable".into(), path.to_string_lossy().as_ref().into());
        }
        if let Some(text) = self.read("versions.txt") {
            facts.insert("versions".into(), blake3::hash(&text).to_hex()[..16].into());
        }
        let name = &self.trainer.declaration.conduct.steps;
        let steps = self.read(name).and_then(|bytes| Steps::read(name, &bytes, false).ok());
        let last = steps.and_then(|steps| Some(steps.rows.last()?.0)).unwrap_or(0);
        let summary = Summary {
            status: RunStatus::Finished,
            error: None,
            epochs: last,
            best_epoch: 0,
            facts,
        };
        let values = self.trainer.values(&summary, &|name| self.read_or_problem(name));
        if !values.missing.is_empty() && values.diverged.is_none() {
            return Err(format!("no {}", values.missing.join("; ")));
        }
        let Files { kept: taken, too_many, .. } = self.files();
        if too_many {
            let most = count(MOST_FILES, "file");
            return Err(format!("it leaves more than {most} in files/ and scores/"));
        }
        let output = RunOutput {
            summary,
            epochs: Vec::new(),
            timing: Timing {
                started_utc: self.started_utc.clone(),
                seconds: self.before + self.begun.elapsed().as_secs_f64(),
                images_per_second: f64::NAN,
                threads: self.trainer.declaration.conduct.cpus,
                host: host(),
            },
            files: Vec::new(),
            taken,
        };
        Ok((output, values.diverged.is_some()))
    }

    /// The files that are kept wherever they are in the directory.
    fn named_files(&self) -> Vec<String> {
        let declaration = &self.trainer.declaration;
        let mut names: Vec<String> =
            ["config.json", "versions.txt", "scores.json", LOG].map(str::to_owned).to_vec();
        names.push(declaration.conduct.steps.clone());
        for metric in &declaration.metrics {
            if let MetricSource::Json { file, .. } = &metric.source {
                names.push(file.clone());
            }
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The files that are kept with the run.
    fn files(&self) -> Files {
        let is = |name: &str, kind: fn(&fs::Metadata) -> bool| {
            fs::symlink_metadata(self.path(name)).is_ok_and(|found| kind(&found))
        };
        let mut names = self.named_files();
        names.retain(|name| is(name, fs::Metadata::is_file));
        let mut files = Files::default();
        let mut waiting = vec!["files".to_owned(), "scores".to_owned()];
        waiting.retain(|folder| is(folder, fs::Metadata::is_dir));
        let mut seen = 0;
        while let Some(folder) = waiting.pop() {
            for entry in fs::read_dir(self.path(&folder)).into_iter().flatten().flatten() {
                let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
                let is_plain = entry.file_name().to_str().is_some() && is_file_path(&name);
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() && is_plain => waiting.push(name),
                    Ok(kind) if kind.is_file() && is_plain => names.push(name),
                    _ => files.left_out.push(name),
                }
                seen += 1;
                if seen > MOST_FILES {
                    files.too_many = true;
                    return files;
                }
            }
        }
        names.sort_unstable();
        names.dedup();
        files.kept = names.into_iter().map(|name| (name.clone(), self.path(&name))).collect();
        files.left_out.sort_unstable();
        files
    }
}

/// The files of a run's directory that are kept with it.
#[derive(Default)]
struct Files {
    /// Each by its path in that directory, with its place.
    kept: Vec<(String, PathBuf)>,
    /// Links, pipes, and names that cannot be written everywhere.
    left_out: Vec<String>,
    /// There are more files than a run may have.
    too_many: bool,
}

impl Files {
    fn note_left_out(&self, note: &dyn Fn(String)) {
        if let Some(first) = self.left_out.first() {
            let n = self.left_out.len();
            note(format!(
                "{} not kept, such as {}: only regular files are, with names in UTF-8 without control characters",
                count(n, "file"),
                brief(first)
            ));
        }
    }
}

/// Removes what is in the place of a file unless it is a regular file: a link, a pipe, a directory.
fn remove_unless_regular(path: &Path) {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => drop(remove_tree(path)),
        Ok(found) if !found.is_file() => drop(fs::remove_file(path)),
        _ => {}
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Outputs of a command, as the threads that read them leave them.
struct Outputs {
    patterns: Vec<(String, Regex)>,
    log: Mutex<Log>,
    /// The last match of each pattern in the standard output.
    printed: Mutex<BTreeMap<String, String>>,
    /// The end of the error output.
    tail: Mutex<Tail>,
}

impl Outputs {
    fn look_for_patterns(&self, bytes: &[u8]) {
        if self.patterns.is_empty() {
            return;
        }
        let text = String::from_utf8_lossy(bytes);
        for (pattern, regex) in &self.patterns {
            if let Some(found) = last_match(regex, &text) {
                locked(&self.printed).insert(pattern.clone(), found);
            }
        }
    }
}

enum Followed {
    Ended(ExitStatus),
    Interrupted,
    OutOfTime(f64),
}

/// The last lines of an error output, for the reason of a failure.
#[derive(Default)]
struct Tail(VecDeque<String>);

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        // A reason is short.
        let text = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(4096)..]);
        for line in text
            .split(['\n', '\r'])
            .map(str::trim_end)
            .filter(|line| !line.trim().is_empty())
        {
            if self.0.len() == 3 {
                self.0.pop_front();
            }
            self.0.push_back(one_line(&line.chars().take(300).collect::<String>()));
        }
    }
}

impl std::fmt::Display for Tail {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        // The last line of a traceback says it all.
        let is_error = |line: &&String| line.contains("Error") || line.contains("Exception");
        let from = self.0.back().filter(is_error).map_or(0, |_| self.0.len() - 1);
        let lines: Vec<&str> = self.0.iter().skip(from).map(String::as_str).collect();
        if lines.is_empty() { Ok(()) } else { write!(f, ": {}", lines.join(" | ")) }
    }
}

/// A log that keeps its last part.
struct Log {
    file: Option<File>,
    length: u64,
}

impl Log {
    fn open(path: &Path) -> Self {
        remove_unless_regular(path);
        let mut options = File::options();
        let file = regular::open_unlinked(path, options.create(true).read(true).append(true)).ok();
        let length = file
            .as_ref()
            .and_then(|file| file.metadata().ok())
            .map_or(0, |found| found.len());
        Self { file, length }
    }

    fn write(&mut self, bytes: &[u8]) {
        let Some(file) = &mut self.file else { return };
        // A full disk is told by what must be written, not by this.
        let _ = file.write_all(bytes);
        self.length += bytes.len() as u64;
        if self.length > 4 * LOG_BYTES {
            self.finish();
        }
    }

    /// Cuts the log to its last part, from the beginning of a line.
    fn finish(&mut self) {
        let Some(file) = self.file.as_mut().filter(|_| self.length > LOG_BYTES) else {
            return;
        };
        let mut cut = || -> io::Result<u64> {
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(LOG_BYTES)))?;
            let mut last = Vec::new();
            file.take(LOG_BYTES).read_to_end(&mut last)?;
            // Of a very long line its last part is kept.
            let begin = last.iter().take(LINE).position(|&b| b == b'\n').map_or(0, |at| at + 1);
            file.set_len(0)?;
            file.write_all(&last[begin..])?;
            Ok((last.len() - begin) as u64)
        };
        self.length = cut().unwrap_or(0);
    }
}

/// The beginning of an output, whose rest is read and dropped.
fn first_bytes(mut output: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = output.by_ref().take(LOG_BYTES).read_to_end(&mut bytes);
    let _ = io::copy(&mut output, &mut io::sink());
    bytes
}

/// Copies an output into the log, and hands it on line by line, a very long one in pieces.
fn pass_on(mut output: impl Read, log: &Mutex<Log>, mut line: impl FnMut(&[u8])) {
    let mut buffer = [0; 1 << 14];
    let mut pending: Vec<u8> = Vec::new();
    loop {
        let n = match output.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        locked(log).write(&buffer[..n]);
        pending.extend_from_slice(&buffer[..n]);
        let end = pending.iter().rposition(|&b| b == b'\n' || b == b'\r').map_or(0, |at| at + 1);
        let end = if end == 0 && pending.len() > LINE { pending.len() } else { end };
        if end > 0 {
            line(&pending[..end]);
            pending.drain(..end);
        }
    }
    if !pending.is_empty() {
        line(&pending);
    }
}

impl ProgramTrainer {
    /// Output of `program.versions`, asked once; notes why there is none.
    fn versions(&self, attempt: &Attempt, note: &dyn Fn(String)) -> Option<&[u8]> {
        if self.declaration.conduct.versions.is_empty() {
            return None;
        }
        let ask = || {
            let versions = self.ask_versions(attempt);
            versions
                .map_err(|reason| {
                    note(format!("no versions are recorded: program.versions: {reason}"));
                })
                .ok()
        };
        self.versions.get_or_init(ask).as_deref()
    }

    fn ask_versions(&self, attempt: &Attempt) -> Result<Vec<u8>, String> {
        let words = &self.declaration.conduct.versions;
        let start = Start {
            words,
            directory: &attempt.home,
            env: &[(RUN_DIRECTORY.to_owned(), attempt.directory.to_string_lossy().into())],
            run: &attempt.directory,
            lock: &attempt.path(LOCK),
        };
        let cannot_start = |error| format!("cannot start {}: {error}", brief(&words[0]));
        let (mut running, [stdout, stderr]) =
            Running::start(self.supervisors.as_deref(), &start).map_err(cannot_start)?;
        let readers = [
            thread::spawn(move || first_bytes(stdout)),
            thread::spawn(move || first_bytes(stderr)),
        ];
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = running.wait(LOOK).map_err(|error| error.to_string())? {
                break status;
            }
            if begun.elapsed() > VERSIONS {
                running.kill();
            }
        };
        let is_late = begun.elapsed() > VERSIONS;
        let [stdout, stderr] = readers.map(|reader| reader.join().unwrap_or_default());
        let reason = match failure(status) {
            None if stdout.is_empty() => "it prints nothing".to_owned(),
            None => return Ok(stdout),
            Some(_) if is_late => {
                format!("it takes longer than {}", duration(VERSIONS.as_secs_f64()))
            }
            Some(reason) => reason,
        };
        let mut tail = Tail::default();
        tail.push(&stderr);
        Err(format!("{reason}{tail}"))
    }

    /// Notes, once, that runs write into a directory that they share.
    fn look_for_shared_files(
        &self,
        working: &Path,
        directory: &Path,
        since: SystemTime,
        note: &(dyn Fn(String) + Sync),
    ) {
        if working.starts_with(directory) || self.shares_files.load(Ordering::Relaxed) {
            return;
        }
        // The outputs of this program itself may go to a file in the same folder.
        let own = ["/proc/self/fd/1", "/proc/self/fd/2"].map(|path| {
            let found = fs::metadata(path).ok()?;
            Some((found.dev(), found.ino()))
        });
        let is_new = |entry: &fs::DirEntry| {
            let found = entry.metadata().ok();
            found.is_some_and(|found| {
                found.is_file()
                    && !own.contains(&Some((found.dev(), found.ino())))
                    && found.modified().is_ok_and(|modified| modified >= since)
            })
        };
        let entries = fs::read_dir(working).into_iter().flatten().flatten().take(1000);
        if let Some(entry) = entries.into_iter().find(is_new)
            && !self.shares_files.swap(true, Ordering::Relaxed)
        {
            note(format!(
                "{} changed during the run: runs at the same time write over each other's files; directory = \"{{run}}/files\" gives each its own",
                entry.path().display()
            ));
        }
    }
}
