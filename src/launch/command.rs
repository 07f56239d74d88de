//! A scheduler by its command lines: `[execution.command]` of an experiment.
//!
//! A job is in the queue if `query` prints its name as a word, or its id: where the command asks
//! for one job, anywhere, and where it lists all, as the first id of a line, so that a number in
//! another column is not taken for it.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use regex::Regex;

use super::job::{JobArray, LISTED, QueuedTask, UNLISTED};
use super::process::{Answer, CommandLimits, Problem, find_program, run};
use crate::plan::SchedulerCommands;
use crate::store::{SubmittedJob, is_job_id};
use crate::text::brief;
use crate::trainer::template::{filled, placeholders};

/// Time limit of a command [s] if the file has none.
const TIMEOUT: f64 = 60.0;

/// A number that is a word, with the characters that may enclose it: `12` in `12.1-3:1`, `<12>`,
/// `OAR_JOB_ID=12`, but not in `2026-12-01` or `0a12`.
const NUMBER: &str = r#"(?:^|[\s<("=#])([0-9]+)(?:$|[\s>)",;.])"#;

/// Words of PBS, Grid Engine and LSF about jobs that have ended.
const GONE: &str = r"(?i)unknown job|jobs? .{0,200}do(es)? not exist|job <\S+> is not found|job has (already )?finished|no (matching|unfinished) job";

/// Exit codes of a shell for a command that is missing or not executable.
const NOT_STARTED: [i32; 2] = [126, 127];

/// Scheduler with its commands. A caller stops waiting for one once `stop` is raised.
#[derive(Debug, Clone, Copy)]
pub struct CommandScheduler<'a> {
    /// The commands.
    pub commands: &'a SchedulerCommands,
    /// Raised when the caller no longer waits for answers.
    pub stop: &'a AtomicBool,
}

/// Placeholders with their values.
type Values<'a> = [(&'a str, String)];

impl CommandScheduler<'_> {
    /// True if the tasks are submitted as an array; otherwise each is a job.
    pub fn has_arrays(&self) -> bool {
        mentions(&self.commands.submit, &["last", "count"])
    }

    /// True if an array may begin with another task than the first of the submission.
    pub fn splits_arrays(&self) -> bool {
        mentions(&self.commands.submit, &["last"])
    }

    /// Checks that the programs of all commands are there, before anything is submitted.
    pub fn check(&self) -> Result<(), Problem> {
        let SchedulerCommands { submit, single, query, cancel, .. } = self.commands;
        let commands = [Some(submit), single.as_ref(), Some(query), Some(cancel)];
        commands
            .into_iter()
            .flatten()
            .try_for_each(|words| find_program(&program(words)))
    }

    /// True if this many tasks are an array.
    fn is_array(&self, count: usize) -> bool {
        self.has_arrays() && (count > 1 || self.commands.single.is_none())
    }

    /// Number of a task of a job in the scheduler, and in the name of the task's log.
    pub fn number(&self, job: &SubmittedJob, offset: usize) -> usize {
        let index = job.first.saturating_add(offset);
        let first = self.commands.first.unwrap_or(0);
        if self.is_array(job.count) { index.saturating_add(first) } else { index }
    }

    /// Submits tasks; returns the id of the job.
    pub fn submit(&self, array: &JobArray) -> Result<String, Problem> {
        let first = self.commands.first.unwrap_or(0).saturating_add(array.first);
        let values = [
            ("script", array.script.to_string_lossy().into_owned()),
            ("logs", array.logs.to_string_lossy().into_owned()),
            ("name", array.name.to_owned()),
            ("index", array.first.to_string()),
            ("first", first.to_string()),
            ("last", first.saturating_add(array.count.saturating_sub(1)).to_string()),
            ("count", array.count.to_string()),
        ];
        let single = self.commands.single.as_ref().filter(|_| array.count == 1);
        let words = single.unwrap_or(&self.commands.submit);
        let answer = self.succeeds(words, &values)?;
        let id = self.ids()?;
        answer
            .stdout
            .lines()
            .find_map(|line| id_in(&id, line))
            .ok_or_else(|| Problem::NoId {
                program: program(words),
                output: brief(answer.stdout.trim()),
                pattern: match &self.commands.id {
                    Some(pattern) => format!("execution.command.id = {pattern:?}"),
                    None => "the first number (execution.command.id says otherwise)".to_owned(),
                },
            })
    }

    /// True if `query` asks for one job; otherwise it lists all.
    fn asks_for_one(&self) -> bool {
        mentions(&self.commands.query, &SchedulerCommands::JOB)
    }

    /// True if a job can be found by its name alone.
    pub fn can_find(&self) -> bool {
        !mentions(&self.commands.query, &["id"]) || mentions(&self.commands.query, &["name"])
    }

    /// Id of the job with this name, if it is in the queue; the name itself if it has no id in the
    /// answer. Only where it can be found by its name.
    pub fn find(&self, name: &str) -> Result<Option<String>, Problem> {
        let answer = self.query(name, name)?;
        let id = self.ids()?;
        let lines: Vec<&str> = answer.lines().collect();
        let Some(at) = lines.iter().position(|line| has_word(line, name)) else {
            // An answer about this name alone may consist of ids.
            let is_of_name = !mentions(&self.commands.query, &["id"]) && self.asks_for_one();
            return Ok(lines.iter().filter(|_| is_of_name).find_map(|line| id_in(&id, line)));
        };
        // The id is on the line of the name, or on one before it.
        let own = lines[at].replace(name, " ");
        let before = lines[..at].iter().rev().copied();
        let found = std::iter::once(own.as_str()).chain(before).find_map(|line| id_in(&id, line));
        Ok(Some(found.unwrap_or_else(|| name.to_owned())))
    }

    /// Tasks of each of `jobs`, with their offset in the job, as listed or not.
    pub fn queue(&self, jobs: &[&SubmittedJob]) -> Result<Vec<Vec<(usize, QueuedTask)>>, Problem> {
        let listed = self.listed(jobs)?;
        let tasks = |(job, is_listed): (&&SubmittedJob, bool)| {
            let task = |offset| QueuedTask {
                job: job.id.clone().unwrap_or_default(),
                index: self.is_array(job.count).then(|| self.number(job, offset)),
                state: if is_listed { LISTED } else { UNLISTED }.to_owned(),
                nodes: String::new(),
                label: job.name.clone(),
                reason: String::new(),
            };
            (0..job.count).map(|offset| (offset, task(offset))).collect()
        };
        Ok(jobs.iter().zip(listed).map(tasks).collect())
    }

    /// For each of `jobs`, true if it is in the queue.
    fn listed(&self, jobs: &[&SubmittedJob]) -> Result<Vec<bool>, Problem> {
        let id = |job: &SubmittedJob| job.id.clone().unwrap_or_default();
        if self.asks_for_one() {
            let is_listed = |job: &&SubmittedJob| -> Result<bool, Problem> {
                let (id, name) = (id(job), &job.name);
                let answer = self.query(&id, name)?;
                Ok(has_word(&answer, name) || has_word(&answer, &id))
            };
            return jobs.iter().map(is_listed).collect();
        }
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let answer = self.query("", "")?;
        let pattern = self.ids()?;
        let ids: BTreeSet<String> =
            answer.lines().filter_map(|line| id_in(&pattern, line)).collect();
        let names: BTreeSet<&str> = answer.split(|c: char| !is_part(c)).collect();
        let is_listed =
            |job: &&SubmittedJob| names.contains(job.name.as_str()) || ids.contains(&id(job));
        Ok(jobs.iter().map(is_listed).collect())
    }

    /// Output of `query`; empty if it says that the job is gone.
    fn query(&self, id: &str, name: &str) -> Result<String, Problem> {
        let words = &self.commands.query;
        let answer = self.call(words, &[("id", id.to_owned()), ("name", name.to_owned())])?;
        if (self.asks_for_one() || !answer.status.success()) && self.says_gone(&answer)? {
            return Ok(String::new());
        }
        answer.succeeded(&program(words)).map(|answer| answer.stdout)
    }

    /// Cancels a job; one that has ended is ignored.
    pub fn cancel(&self, id: &str, name: &str) -> Result<(), Problem> {
        let words = &self.commands.cancel;
        let answer = self.call(words, &[("id", id.to_owned()), ("name", name.to_owned())])?;
        if self.says_gone(&answer)? {
            return Ok(());
        }
        answer.succeeded(&program(words)).map(drop)
    }

    fn says_gone(&self, answer: &Answer) -> Result<bool, Problem> {
        let is_there = answer.status.code().is_none_or(|code| !NOT_STARTED.contains(&code));
        let gone = pattern("gone", self.commands.gone.as_deref().unwrap_or(GONE))?;
        Ok(is_there && (gone.is_match(&answer.stdout) || gone.is_match(&answer.stderr)))
    }

    fn ids(&self) -> Result<Regex, Problem> {
        pattern("id", self.commands.id.as_deref().unwrap_or(NUMBER))
    }

    fn succeeds(&self, words: &[String], values: &Values) -> Result<Answer, Problem> {
        self.call(words, values)?.succeeded(&program(words))
    }

    /// Runs a command with its placeholders filled in.
    fn call(&self, words: &[String], values: &Values) -> Result<Answer, Problem> {
        let value = |name: &str| {
            values.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
        };
        let mut words = words.iter().map(|word| filled(word, value));
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words);
        let time = Duration::try_from_secs_f64(self.commands.timeout.unwrap_or(TIMEOUT));
        run(
            command,
            CommandLimits {
                time: time.unwrap_or(Duration::MAX),
                kills: true,
                stop: self.stop,
            },
        )
    }
}

/// True if the words of a command have one of these placeholders.
fn mentions(words: &[String], names: &[&str]) -> bool {
    words
        .iter()
        .flat_map(|word| placeholders(word))
        .any(|name| names.contains(&&*name))
}

fn program(words: &[String]) -> String {
    words.first().cloned().unwrap_or_default()
}

/// A regular expression of the file, or of a submission that was not made here.
fn pattern(key: &str, text: &str) -> Result<Regex, Problem> {
    Regex::new(text).map_err(|error| Problem::Refused {
        program: format!("execution.command.{key}"),
        text: error.to_string(),
    })
}

/// First id in a line: the first group of the pattern, or all that it matches.
fn id_in(pattern: &Regex, line: &str) -> Option<String> {
    let mut ids = pattern.captures_iter(line).filter_map(|found| {
        let id = (1..found.len()).find_map(|group| found.get(group)).or(found.get(0))?;
        Some(id.as_str().to_owned())
    });
    ids.find(|id| is_job_id(id))
}

/// True for the characters of names of jobs.
fn is_part(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// True if a text contains a word that is not part of a longer one.
fn has_word(text: &str, word: &str) -> bool {
    let is_alone = |at: usize| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    };
    !word.is_empty() && text.match_indices(word).any(|(at, _)| is_alone(at))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    static NEVER: AtomicBool = AtomicBool::new(false);

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    fn printing(text: &str) -> SchedulerCommands {
        let query = vec!["printf".to_owned(), "%s".to_owned(), text.to_owned()];
        SchedulerCommands { query, ..SchedulerCommands::default() }
    }

    fn job(id: &str, name: &str) -> SubmittedJob {
        let (name, id) = (name.to_owned(), Some(id.to_owned()));
        SubmittedJob { name, first: 0, count: 3, id, cancelled: false }
    }

    fn is_listed(commands: &SchedulerCommands, id: &str, name: &str) -> bool {
        let scheduler = CommandScheduler { commands, stop: &NEVER };
        scheduler.listed(&[&job(id, name)]).unwrap()[0]
    }

    #[test]
    fn ids_are_found_in_what_schedulers_print() {
        let number = Regex::new(NUMBER).unwrap();
        for (text, id) in [
            ("12", "12"),
            ("12.1-12:1", "12"),
            ("Your job-array 12.1-3:1 (\"a.0\") has been submitted", "12"),
            ("Job <12> is submitted to default queue <normal>.", "12"),
            ("OAR_JOB_ID=12", "12"),
            ("Job submitted successfully, job ID: 12", "12"),
            ("12.0 - 12.11", "12"),
            ("      12 0.50000 small-0a1b root  r  11/30/2026 08:44:27 main.q@vm  1 1", "12"),
            ("|  12 | small-0a1b2c3d.0 | RUNNING | 3 |", "12"),
        ] {
            assert_eq!(id_in(&number, text).as_deref(), Some(id), "{text}");
        }
        for text in ["", "done", "1234[].pbs01", "3f2a0b1c-9d8e-4f00-8a11-000000000012", "a12 12b"]
        {
            assert_eq!(id_in(&number, text), None, "{text}");
        }
        let pbs = Regex::new(r"[0-9]+(?:\[\])?").unwrap();
        assert_eq!(id_in(&pbs, "1234[].pbs01").as_deref(), Some("1234[]"));
        // Something that could be an option of a command, or end a word of a shell, is no id.
        let any = Regex::new(r"\S+").unwrap();
        assert_eq!(id_in(&any, "--all ;rm $x 7").as_deref(), Some("7"));
    }

    const LIST: &str = "job-ID  prior   name       user  state submit/start at     queue  slots ja-task-ID\n\
        ----------------------------------------------\n\
        \x20     7 0.50000 small-0a1b root  r     11/30/2026 08:44:27 main.q@vm  12 1\n\
        \x20      Full jobname:     small-0a1b2c3d.0\n\
        \x20      Master Queue:     main.q@vm\n";

    #[test]
    fn a_list_of_all_jobs_tells_by_name_or_by_the_first_id_of_a_line() {
        let list = printing(LIST);
        assert!(is_listed(&list, "7", "other-00000000.0"));
        assert!(is_listed(&list, "99", "small-0a1b2c3d.0"));
        // Twelve processors, and a name that begins in the same way.
        assert!(!is_listed(&list, "12", "small-0a1b2c3d.00"));
        assert!(!is_listed(&list, "1", "small-0a1b2c3d"));
        assert!(!is_listed(&printing(""), "7", "small-0a1b2c3d.0"));
        let scheduler = CommandScheduler { commands: &list, stop: &NEVER };
        assert_eq!(scheduler.find("small-0a1b2c3d.0").unwrap().as_deref(), Some("7"));
        assert_eq!(scheduler.find("small-0a1b2c3d").unwrap(), None);
        // `qselect -N` of PBS prints ids alone.
        let mut select = printing("");
        select.query = vec!["printf".into(), "1234[].pbs01\n".into(), "{name}".into()];
        select.id = Some(r"\S+".into());
        let scheduler = CommandScheduler { commands: &select, stop: &NEVER };
        assert_eq!(scheduler.find("a-0").unwrap().as_deref(), Some("1234[].pbs01"));
        assert!(is_listed(&select, "1234[].pbs01", "a-0"));
        assert!(!is_listed(&select, "1234[].pbs", "a-0"));
        let line = printing("12 root PEND normal hosta - small-0a1b2c3d.0[1] Nov 30 09:12");
        let scheduler = CommandScheduler { commands: &line, stop: &NEVER };
        assert_eq!(scheduler.find("small-0a1b2c3d.0").unwrap().as_deref(), Some("12"));
    }

    #[test]
    fn a_query_for_one_job_tells_what_it_says_of_it() {
        let asks = |text: &str| SchedulerCommands {
            query: vec!["sh".into(), "-c".into(), text.into(), "{id}".into()],
            ..SchedulerCommands::default()
        };
        assert!(is_listed(&asks("echo job_number: $0"), "12", "a.0"));
        assert!(!is_listed(&asks("true"), "12", "a.0"));
        for gone in [
            "echo 'qstat: Unknown Job Id 12' >&2; exit 153",
            "echo 'qstat: 12 Job has finished, use -x or -H' >&2; exit 35",
            "printf 'Following jobs do not exist: \\n12\\n' >&2; exit 1",
            "echo 'Job <12> is not found'; exit 255",
        ] {
            assert!(!is_listed(&asks(gone), "12", "a.0"), "{gone}");
        }
        for unknown in ["echo 'cannot connect to server' >&2; exit 111", "exit 1", "qsatt-x-y"] {
            let commands = asks(unknown);
            let scheduler = CommandScheduler { commands: &commands, stop: &NEVER };
            assert!(scheduler.listed(&[&job("12", "a.0")]).is_err(), "{unknown}");
        }
    }

    #[test]
    fn words_that_are_no_placeholders_are_passed_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let printed = dir.path().join("printed");
        let before = ["sh", "-c", "printf '%s|' \"$@\" >\"$0\"; echo 5", printed.to_str().unwrap()];
        let own = [
            "{script}",
            "a\"b",
            "$HOME",
            "{{x}}",
            "{print",
            "-t{first}-{last}",
            "",
            "{count}",
        ];
        let submit = before.iter().chain(&own).map(|word| (*word).to_owned()).collect();
        let commands = SchedulerCommands { submit, first: Some(1), ..SchedulerCommands::default() };
        let array = JobArray {
            script: Path::new("/a b/it's.sh"),
            logs: Path::new("/logs"),
            name: "a.4",
            first: 4,
            count: 3,
            throttle: None,
        };
        let scheduler = CommandScheduler { commands: &commands, stop: &NEVER };
        assert_eq!(scheduler.submit(&array).unwrap(), "5");
        let printed = std::fs::read_to_string(printed).unwrap();
        assert_eq!(printed, "/a b/it's.sh|a\"b|$HOME|{x}|{print|-t5-7||3|");
    }

    proptest! {
        #[test]
        fn tasks_of_an_array_are_those_of_the_submission(
            base in 0usize..3, first in 0usize..50, count in 1usize..20,
        ) {
            let commands = SchedulerCommands {
                submit: words("qsub {first}-{last} {script}"),
                first: Some(base),
                ..SchedulerCommands::default()
            };
            let scheduler = CommandScheduler { commands: &commands, stop: &NEVER };
            let job = SubmittedJob { first, count, ..job("7", "a.0") };
            let numbers: Vec<usize> = (0..count).map(|i| scheduler.number(&job, i)).collect();
            let expected: Vec<usize> = (first + base..first + base + count).collect();
            prop_assert_eq!(numbers, expected);
        }
    }
}
