//! Interface to Slurm's commands.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::job::{JobArray, QueuedTask};
use super::process::{Answer, CommandLimits, Problem, run};

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
            program: "sbatch".to_owned(),
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
    fn ask(self, program: &str, words: &[&str]) -> Result<String, Problem> {
        let answer = self.output(program, words)?;
        if answer.status.success() {
            return Ok(answer.stdout);
        }
        let text: Vec<&str> = answer
            .stderr
            .lines()
            .map(|line| line.trim_start_matches(program).trim_start_matches(": error: ").trim())
            .collect();
        let text = if text.is_empty() { answer.status.to_string() } else { text.join("; ") };
        Err(Problem::Refused { program: program.to_owned(), text })
    }

    fn output(self, program: &str, words: &[&str]) -> Result<Answer, Problem> {
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
        command.args(words);
        run(command, CommandLimits { time: PATIENCE, kills: false, stop: self.stop })
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
