//! Interface to Slurm's commands. A missing answer means that the state is unknown, never that a
//! job has failed.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Reason why a Slurm command gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The command is not installed.
    #[error("{0} is not on the PATH: is this a machine of a Slurm cluster?")]
    Missing(&'static str),
    /// The command reported an error, in its own words.
    #[error("{program}: {text}")]
    Refused {
        /// Name of the command.
        program: &'static str,
        /// Its message.
        text: String,
    },
    /// The command did not end in time, or the caller stopped waiting.
    #[error("{0} does not answer")]
    Silent(&'static str),
}

/// A task in Slurm's queue, or one that ended recently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedTask {
    /// Number of the job.
    pub job: String,
    /// Index of the task in the job's array; absent if the job is not an array.
    pub index: Option<usize>,
    /// `PENDING`, `RUNNING`, `FAILED`, ...
    pub state: String,
    /// Nodes on which it runs.
    pub nodes: String,
    /// Name under which it was submitted.
    pub label: String,
    /// Reason why it is waiting, or why it ended.
    pub reason: String,
}

impl QueuedTask {
    /// True if it will not run again. An unknown state counts as alive.
    pub fn has_ended(&self) -> bool {
        let ended = [
            "BOOT_FAIL",
            "CANCELLED",
            "COMPLETED",
            "DEADLINE",
            "FAILED",
            "NODE_FAIL",
            "OUT_OF_MEMORY",
            "PREEMPTED",
            "TIMEOUT",
        ];
        ended.contains(&self.state.as_str())
    }

    /// True if it is ending, and may start again.
    pub fn is_ending(&self) -> bool {
        self.state == "COMPLETING"
    }

    /// State in words, with the reason why it is waiting or failed: `pending (Resources)`.
    pub fn words(&self) -> String {
        let state = self.state.to_lowercase();
        match self.reason.as_str() {
            // Slurm still reports the reason of waiting after a task has started.
            reason
                if !["PENDING", "FAILED"].contains(&self.state.as_str())
                    || ["None", ""].contains(&reason) =>
            {
                state
            }
            reason => format!("{state} ({reason})"),
        }
    }

    /// Name in Slurm: `12_3`.
    pub fn name(&self) -> String {
        self.index
            .map_or_else(|| self.job.clone(), |index| format!("{}_{index}", self.job))
    }
}

/// Maximum time to wait for an answer: while the controller accepts no jobs, sbatch tries again for
/// two minutes.
const PATIENCE: Duration = Duration::from_secs(180);

/// Exclusive upper bound of array indices if Slurm does not report one.
const USUAL_ARRAY: usize = 1001;

/// Slurm's controller, used by its commands. A caller stops waiting for a command once `stop` is
/// raised.
#[derive(Debug, Clone, Copy)]
pub struct Controller<'a> {
    /// Raised when the caller no longer waits for answers.
    pub stop: &'a AtomicBool,
}

/// Parameters of submitting an array of tasks.
#[derive(Debug, Clone)]
pub struct JobArray<'a> {
    /// The batch script.
    pub script: &'a Path,
    /// Directory of the output files, one per task.
    pub logs: &'a Path,
    /// Name of the job.
    pub name: &'a str,
    /// Index of its first task.
    pub first: usize,
    /// Number of tasks; a single task is not submitted as an array.
    pub count: usize,
    /// Maximum number of concurrent tasks.
    pub throttle: Option<usize>,
}

impl Controller<'static> {
    /// A controller whose answers are always waited for: a submission in progress cannot be undone.
    pub fn patient() -> Self {
        static NEVER: AtomicBool = AtomicBool::new(false);
        Self { stop: &NEVER }
    }
}

impl Controller<'_> {
    /// Exclusive upper bound of array indices; 1 or less if arrays are not supported.
    pub fn array_size(self) -> Result<usize, Problem> {
        let config = self.ask("scontrol", &["show", "config"])?;
        let line = config.lines().find_map(|line| line.trim_start().strip_prefix("MaxArraySize"));
        Ok(line
            .and_then(|rest| rest.trim_start().strip_prefix('=')?.trim().parse().ok())
            .unwrap_or(USUAL_ARRAY))
    }

    /// Submits tasks; returns the number of the job.
    pub fn submit(self, array: &JobArray) -> Result<String, Problem> {
        // Slurm interprets % in file names.
        let logs = array.logs.to_string_lossy().replace('%', "%%");
        let throttle = array.throttle.map(|most| format!("%{most}")).unwrap_or_default();
        let (range, file) = match array.count {
            1 => (None, "%j.log"),
            count => (Some(format!("--array=0-{}{throttle}", count - 1)), "%A_%a.log"),
        };
        let mut words: Vec<String> = range.into_iter().collect();
        words.push(format!("--output={logs}/{file}"));
        self.sbatch(array.name, &words, array.script, &array.first.to_string())
    }

    /// Submits the job that writes the tables once all `jobs` have ended, successfully or not.
    pub fn submit_tables(
        self,
        script: &Path,
        logs: &Path,
        name: &str,
        jobs: &[&str],
    ) -> Result<String, Problem> {
        let logs = logs.to_string_lossy().replace('%', "%%");
        let words = [
            format!("--dependency=afterany:{}", jobs.join(":")),
            "--cpus-per-task=1".to_owned(),
            format!("--output={logs}/tables.log"),
        ];
        self.sbatch(name, &words, script, "tables")
    }

    fn sbatch(
        self,
        name: &str,
        words: &[String],
        script: &Path,
        argument: &str,
    ) -> Result<String, Problem> {
        let (name, script) = (format!("--job-name={name}"), script.to_string_lossy());
        let mut all = vec!["--parsable", &name];
        all.extend(words.iter().map(String::as_str));
        all.extend([&*script, argument]);
        let answer = self.ask("sbatch", &all)?;
        let id = answer.trim().split(';').next().unwrap_or_default();
        if !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(id.to_owned());
        }
        Err(Problem::Refused {
            program: "sbatch",
            text: format!("expected the number of a job, found `{}`", answer.trim()),
        })
    }

    /// Number of the job with this name, if there is one.
    pub fn find(self, name: &str) -> Result<Option<String>, Problem> {
        let answer = self.ask(
            "squeue",
            &["--noheader", "--all", "--states=all", "--name", name, "--format=%F"],
        )?;
        Ok(answer.lines().next().map(|line| line.trim().to_owned()))
    }

    /// Tasks of `jobs` that are waiting, running, or have ended recently; not those that ended long
    /// ago.
    pub fn queue(self, jobs: &[&str]) -> Result<Vec<QueuedTask>, Problem> {
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let list = jobs.join(",");
        let words = [
            "--noheader",
            "--array",
            "--states=all",
            "--jobs",
            &list,
            "--all",
            "--format=%i|%T|%N|%j|%r",
        ];
        match self.ask("squeue", &words) {
            Ok(answer) => Ok(answer.lines().filter_map(entry).collect()),
            // All of them ended long ago.
            Err(Problem::Refused { text, .. }) if text.contains("Invalid job id") => Ok(Vec::new()),
            Err(problem) => Err(problem),
        }
    }

    /// Cancels jobs; jobs that have ended are ignored.
    pub fn cancel(self, jobs: &[&str]) -> Result<(), Problem> {
        match self.ask("scancel", jobs) {
            Err(Problem::Refused { text, .. }) if text.contains("Invalid job id") => Ok(()),
            answer => answer.map(drop),
        }
    }

    /// Requeues a job, so that it runs again from its start.
    pub fn requeue(self, job: &str) -> Result<(), Problem> {
        self.ask("scontrol", &["requeue", job]).map(drop)
    }

    /// Runs a Slurm command and returns its output.
    fn ask(self, program: &'static str, words: &[&str]) -> Result<String, Problem> {
        let output = self.output(program, words)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let text: Vec<&str> = said
            .lines()
            .map(|line| line.trim_start_matches(program).trim_start_matches(": error: ").trim())
            .collect();
        let text = if text.is_empty() { output.status.to_string() } else { text.join("; ") };
        Err(Problem::Refused { program, text })
    }

    fn output(self, program: &'static str, words: &[&str]) -> Result<Output, Problem> {
        let mut command = Command::new(program);
        // Variables that change squeue's output, and those set by a job of which this process may
        // be part.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            let own =
                text.starts_with("SLURM_") && !["SLURM_CONF", "SLURM_CLUSTERS"].contains(&&*text);
            if own || text.starts_with("SQUEUE_") {
                command.env_remove(&name);
            }
        }
        // In a separate process group, so that Ctrl-C does not reach a submission in progress.
        command
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let child = command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Problem::Missing(program),
            _ => Problem::Refused { program, text: error.to_string() },
        })?;
        let (sender, answer) = mpsc::channel();
        let wait = move || {
            // Fails if the caller has stopped waiting.
            let _ = sender.send(child.wait_with_output());
        };
        let waiting = thread::Builder::new().spawn(wait);
        waiting.map_err(|error| Problem::Refused {
            program,
            text: format!("no thread to wait for it on: {error}"),
        })?;
        let asked = Instant::now();
        loop {
            match answer.recv_timeout(Duration::from_millis(50)) {
                Ok(output) => {
                    return output
                        .map_err(|error| Problem::Refused { program, text: error.to_string() });
                }
                Err(RecvTimeoutError::Timeout)
                    if asked.elapsed() < PATIENCE && !self.stop.load(Ordering::Relaxed) => {}
                Err(_) => return Err(Problem::Silent(program)),
            }
        }
    }
}

/// Parses a line of `squeue` in the format of [`Controller::queue`].
fn entry(line: &str) -> Option<QueuedTask> {
    let mut fields = line.splitn(5, '|').map(str::trim);
    let (id, state, nodes, label, reason) =
        (fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let (job, index) = match id.split_once('_') {
        Some((job, index)) => (job, Some(index.parse().ok()?)),
        None => (id, None),
    };
    let [job, state, nodes, label, reason] =
        [job, state, nodes, label, reason].map(ToOwned::to_owned);
    Some(QueuedTask { job, index, state, nodes, label, reason })
}

/// Parses an amount of memory in Slurm's notation, `8G` or `8000` (megabytes) [bytes].
pub fn memory(text: &str) -> Option<u64> {
    let (digits, unit) =
        text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let shift = match unit.to_ascii_uppercase().as_str() {
        "K" | "KB" => 10,
        "" | "M" | "MB" => 20,
        "G" | "GB" => 30,
        "T" | "TB" => 40,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_shl(shift).filter(|&bytes| bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_squeue_are_read() {
        let of = |job: &str, index, state: &str, nodes: &str, reason: &str| {
            let [job, state, nodes, reason] = [job, state, nodes, reason].map(str::to_owned);
            Some(QueuedTask { job, index, state, nodes, label: "a.0".to_owned(), reason })
        };
        assert_eq!(
            entry("12_3|PENDING||a.0|Resources"),
            of("12", Some(3), "PENDING", "", "Resources")
        );
        assert_eq!(
            entry("12|RUNNING|n[1-2]|a.0|None"),
            of("12", None, "RUNNING", "n[1-2]", "None")
        );
        let held = entry("7_0|PENDING||a.0|launch failed requeued held").unwrap();
        assert!(held.reason.ends_with("held") && !held.has_ended() && held.name() == "7_0");
        for broken in
            ["", "12", "12_|PENDING||a|x", "12_[1-3]|PENDING||a|x", "slurm_load_jobs error"]
        {
            assert_eq!(entry(broken), None, "{broken}");
        }
    }

    #[test]
    fn what_is_not_known_to_have_ended_is_alive() {
        let state = |state: &str| entry(&format!("1|{state}||a|")).unwrap().has_ended();
        assert!(
            ["COMPLETED", "FAILED", "TIMEOUT", "CANCELLED", "NODE_FAIL"]
                .into_iter()
                .all(state)
        );
        assert!(
            !["PENDING", "RUNNING", "COMPLETING", "REQUEUED", "SOMETHING_NEW"]
                .into_iter()
                .any(state)
        );
    }

    #[test]
    fn reasons_are_told_where_they_are_meant() {
        let words = |line| entry(line).unwrap().words();
        assert_eq!(words("1|PENDING||a|JobArrayTaskLimit"), "pending (JobArrayTaskLimit)");
        assert_eq!(words("1|CANCELLED||a|JobArrayTaskLimit"), "cancelled");
        assert_eq!(words("1|FAILED||a|NonZeroExitCode"), "failed (NonZeroExitCode)");
    }

    #[test]
    fn memory_is_read_as_slurm_reads_it() {
        for (text, bytes) in [
            ("8G", 8 << 30),
            ("8000", 8000 << 20),
            ("512m", 512 << 20),
            ("1T", 1 << 40),
            ("64K", 64 << 10),
        ] {
            assert_eq!(memory(text), Some(bytes), "{text}");
        }
        for text in ["", "G", "0", "8X", "-1", "1.5G"] {
            assert_eq!(memory(text), None, "{text}");
        }
    }
}
