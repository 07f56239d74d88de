//! Command that is started when a sweep has ended: `execution.on_finish`.

use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::process::{CommandLimits, Problem, run};
use crate::results::ExperimentResults;
use crate::store::RunStatus;
use crate::trainer::template::filled;

/// Time limit of the command.
const LONGEST: Duration = Duration::from_secs(60);

/// Numbers of a sweep that has ended, for the placeholders of the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedSweep<'a> {
    /// Name of the experiment.
    pub experiment: &'a str,
    /// Number of its runs.
    pub runs: usize,
    /// Number of finished runs.
    pub finished: usize,
    /// Number of runs that diverged.
    pub diverged: usize,
    /// Number of runs that failed.
    pub failed: usize,
}

impl<'a> FinishedSweep<'a> {
    /// Counts the runs of an experiment.
    pub fn of(results: &'a ExperimentResults) -> Self {
        let count = |status: RunStatus| {
            results.records.values().filter(|record| record.status == status).count()
        };
        Self {
            experiment: &results.plan.name,
            runs: results.records.len(),
            finished: count(RunStatus::Finished),
            diverged: count(RunStatus::Diverged),
            failed: count(RunStatus::Failed),
        }
    }
}

/// Starts the command and waits for its end, at most a minute; then it is killed.
pub fn start_on_finish(words: &[String], sweep: &FinishedSweep) -> Result<(), Problem> {
    start(words, sweep, LONGEST)
}

fn start(words: &[String], sweep: &FinishedSweep, time: Duration) -> Result<(), Problem> {
    static NEVER: AtomicBool = AtomicBool::new(false);
    let value = |name: &str| {
        Some(match name {
            "experiment" => sweep.experiment.to_owned(),
            "runs" => sweep.runs.to_string(),
            "finished" => sweep.finished.to_string(),
            "diverged" => sweep.diverged.to_string(),
            "failed" => sweep.failed.to_string(),
            _ => return None,
        })
    };
    let mut words = words.iter().map(|word| filled(word, value));
    let program = words.next().unwrap_or_default();
    let mut command = Command::new(&program);
    command.args(words);
    let answer = run(command, CommandLimits { time, kills: true, stop: &NEVER })?;
    answer.succeeded(&program).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SWEEP: FinishedSweep = FinishedSweep {
        experiment: "small",
        runs: 12,
        finished: 9,
        diverged: 1,
        failed: 2,
    };

    fn started(words: &[&str], seconds: f64) -> Result<(), Problem> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        start(&words, &SWEEP, Duration::from_secs_f64(seconds))
    }

    #[test]
    fn the_command_gets_the_numbers_of_the_sweep() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("it's here");
        let text = "{experiment}: {finished} of {runs} finished, {failed} failed, {diverged} diverged, {{runs}}";
        let file_name = file.to_str().unwrap();
        started(&["sh", "-c", "printf %s \"$1\" >\"$0\"", file_name, text], 60.0).unwrap();
        let written = std::fs::read_to_string(&file).unwrap();
        assert_eq!(written, "small: 9 of 12 finished, 2 failed, 1 diverged, {runs}");
    }

    #[test]
    fn a_command_that_fails_or_hangs_is_a_problem() {
        let failed = started(&["sh", "-c", "echo no display >&2; exit 3"], 60.0);
        assert_eq!(failed.unwrap_err().to_string(), "sh: exit status: 3: no display");
        assert!(matches!(started(&["sleep", "600"], 0.2), Err(Problem::TooSlow { .. })));
        assert!(matches!(started(&["no-such-program-here"], 1.0), Err(Problem::Missing { .. })));
    }
}
