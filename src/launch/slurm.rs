//! Slurm's own commands: what they are asked, and what their answers mean. An answer that does not
//! come means that nothing is known, never that a job has failed.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Why a command of Slurm's gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It is not installed here.
    #[error("{0} is not on the PATH: is this a machine of a Slurm cluster?")]
    Missing(&'static str),
    /// It refused, in its own words.
    #[error("{program}: {text}")]
    Refused {
        /// Which command.
        program: &'static str,
        /// What it said.
        text: String,
    },
    /// It did not end in time, or nobody waits for it any more.
    #[error("{0} does not answer")]
    Silent(&'static str),
}

/// A task in Slurm's queue, or one that has ended lately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The job.
    pub job: String,
    /// Its index in the job's array; absent where the job is none.
    pub index: Option<usize>,
    /// `PENDING`, `RUNNING`, `FAILED`, ...
    pub state: String,
    /// Where it runs.
    pub nodes: String,
    /// What it was called when it was submitted.
    pub label: String,
    /// Why it waits, or why it ended.
    pub reason: String,
}

impl Entry {
    /// True if it will not run any more. A state that is not known here counts as alive.
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

    /// True if it is ending, to start again perhaps.
    pub fn is_ending(&self) -> bool {
        self.state == "COMPLETING"
    }

    /// Its state as people say it, with the reason why it waits or failed: `pending (Resources)`.
    pub fn words(&self) -> String {
        let state = self.state.to_lowercase();
        match self.reason.as_str() {
            // Slurm keeps the reason why a task waited after it has started.
            reason
                if !["PENDING", "FAILED"].contains(&self.state.as_str())
                    || ["None", ""].contains(&reason) =>
            {
                state
            }
            reason => format!("{state} ({reason})"),
        }
    }

    /// What Slurm calls it: `12_3`.
    pub fn name(&self) -> String {
        self.index
            .map_or_else(|| self.job.clone(), |index| format!("{}_{index}", self.job))
    }
}

/// Longest wait for an answer: while the controller takes no more jobs, sbatch asks again for two
/// minutes.
const PATIENCE: Duration = Duration::from_secs(180);

/// Indices of an array are below this where Slurm does not say.
const USUAL_ARRAY: usize = 1001;

/// The controller, by its commands. Whoever waits for one stops waiting once `stop` is raised.
#[derive(Debug, Clone, Copy)]
pub struct Controller<'a> {
    /// Raised when nobody waits any more.
    pub stop: &'a AtomicBool,
}

/// What an array of tasks is submitted with.
#[derive(Debug, Clone)]
pub struct Array<'a> {
    /// The batch script.
    pub script: &'a Path,
    /// Where the tasks' output goes, a file each.
    pub logs: &'a Path,
    /// What it is called.
    pub name: &'a str,
    /// Its first task.
    pub first: usize,
    /// How many tasks; with one there is no array.
    pub count: usize,
    /// Number that may run at a time.
    pub throttle: Option<usize>,
}

impl Controller<'static> {
    /// One whose answer is waited for whatever comes: a submission that is under way cannot be
    /// taken back.
    pub fn patient() -> Self {
        static NEVER: AtomicBool = AtomicBool::new(false);
        Self { stop: &NEVER }
    }
}

impl Controller<'_> {
    /// The number above every index of an array; 1 or less where there are no arrays.
    pub fn array_size(self) -> Result<usize, Problem> {
        let config = self.ask("scontrol", &["show", "config"])?;
        let line = config.lines().find_map(|line| line.trim_start().strip_prefix("MaxArraySize"));
        Ok(line
            .and_then(|rest| rest.trim_start().strip_prefix('=')?.trim().parse().ok())
            .unwrap_or(USUAL_ARRAY))
    }

    /// Submits tasks; returns the job's number.
    pub fn submit(self, array: &Array) -> Result<String, Problem> {
        // In a file name Slurm reads %.
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

    /// Submits the job that writes the tables once all `jobs` have ended, however they end.
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

    /// The number of the job of this name, if there is one.
    pub fn find(self, name: &str) -> Result<Option<String>, Problem> {
        let answer = self.ask(
            "squeue",
            &["--noheader", "--all", "--states=all", "--name", name, "--format=%F"],
        )?;
        Ok(answer.lines().next().map(|line| line.trim().to_owned()))
    }

    /// What of `jobs` waits, runs, or has ended lately. Those that ended long ago are not among
    /// them.
    pub fn queue(self, jobs: &[&str]) -> Result<Vec<Entry>, Problem> {
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
            // Every one of them ended long ago.
            Err(Problem::Refused { text, .. }) if text.contains("Invalid job id") => Ok(Vec::new()),
            Err(problem) => Err(problem),
        }
    }

    /// Cancels jobs; those that have ended are none of its business.
    pub fn cancel(self, jobs: &[&str]) -> Result<(), Problem> {
        match self.ask("scancel", jobs) {
            Err(Problem::Refused { text, .. }) if text.contains("Invalid job id") => Ok(()),
            answer => answer.map(drop),
        }
    }

    /// Lets a job run again from its start.
    pub fn requeue(self, job: &str) -> Result<(), Problem> {
        self.ask("scontrol", &["requeue", job]).map(drop)
    }

    /// What a command of Slurm's prints.
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
        // What squeue is to leave out by habit, and what a job that this process may itself be part
        // of has set.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            let own =
                text.starts_with("SLURM_") && !["SLURM_CONF", "SLURM_CLUSTERS"].contains(&&*text);
            if own || text.starts_with("SQUEUE_") {
                command.env_remove(&name);
            }
        }
        // A group of its own: Ctrl-C is not meant for a submission that is under way.
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
            // Nobody may wait any more.
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

/// A line of `squeue` as [`Controller::queue`] asks for it.
fn entry(line: &str) -> Option<Entry> {
    let mut fields = line.splitn(5, '|').map(str::trim);
    let (id, state, nodes, label, reason) =
        (fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let (job, index) = match id.split_once('_') {
        Some((job, index)) => (job, Some(index.parse().ok()?)),
        None => (id, None),
    };
    let [job, state, nodes, label, reason] =
        [job, state, nodes, label, reason].map(ToOwned::to_owned);
    Some(Entry { job, index, state, nodes, label, reason })
}

/// An amount of memory as Slurm writes it, `8G` or `8000` (megabytes), in bytes.
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
            Some(Entry { job, index, state, nodes, label: "a.0".to_owned(), reason })
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
