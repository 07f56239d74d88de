//! Batch script of a submission: the same for all of its tasks.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::array::SCHEDULERS;
use crate::experiment::Slurm;
use crate::plan::SchedulerCommands;
use crate::session::quoted;

/// Parameters of the program that the script starts.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The program.
    pub program: PathBuf,
    /// The results directory.
    pub results: PathBuf,
    /// Directory of the data sets.
    pub data: PathBuf,
    /// Directory to which relative paths of an experiment refer.
    pub directory: PathBuf,
    /// Name of the submission.
    pub submission: String,
    /// Name of its experiment.
    pub experiment: String,
}

/// Time before the end of a job at which it is notified [s]; Slurm may be a minute early.
const NOTICE: u32 = 60;

/// Script for `sbatch`. Its argument is the index of the array's first task, or `tables`.
pub fn slurm_script(slurm: &Slurm, invocation: &Invocation) -> String {
    let cpus = slurm.cpus.unwrap_or(1).to_string();
    let asked = [
        ("partition", slurm.partition.as_deref()),
        ("account", slurm.account.as_deref()),
        ("time", slurm.time.as_deref()),
        ("mem", slurm.memory.as_deref()),
        ("cpus-per-task", Some(&cpus)),
        ("chdir", Some(&invocation.directory.to_string_lossy())),
    ];
    let mut text = format!(
        "#!/bin/bash\n# Tasks of {}, or its tables. `ablade sweep` hands it to sbatch.\n",
        invocation.submission
    );
    for (option, value) in asked {
        if let Some(value) = value {
            let _ = writeln!(text, "#SBATCH --{option}={}", quoted(value));
        }
    }
    let _ = writeln!(
        text,
        "#SBATCH --requeue\n#SBATCH --open-mode=append\n#SBATCH --signal=B:USR2@{NOTICE}"
    );
    for line in &slurm.lines {
        let _ = writeln!(text, "#SBATCH {line}");
    }
    text + &commands(
        invocation,
        slurm.setup.as_deref(),
        "",
        r#""$(($1 + ${SLURM_ARRAY_TASK_ID:-0}))" --yes --jobs "${SLURM_CPUS_PER_TASK:-1}""#,
    )
}

/// Script for any scheduler, or none. `setup` are shell commands before the program, `first` is the
/// number of the first task where it is not the one of [`SCHEDULERS`].
///
/// Without an argument it executes the task whose number the scheduler's variable has, with a
/// number that task, from 0, and with `tables` it writes the tables. Other arguments are options of
/// `ablade task`: `--first 1`.
pub fn task_script(invocation: &Invocation, setup: Option<&str>, first: Option<usize>) -> String {
    // Grid Engine and PBS start scripts with the user's login shell unless told otherwise.
    let head = format!(
        "#!/bin/sh\n#$ -S /bin/sh\n#PBS -S /bin/sh\n\
         # Tasks of {}: without an argument the one that the variable of a scheduler names, with a number\n\
         # that one, from 0; with `tables` the tables.\n",
        invocation.submission
    );
    let processors = SCHEDULERS.iter().rev().filter_map(|scheduler| scheduler.processors);
    let jobs = processors
        .fold("1".to_owned(), |otherwise, variable| format!("${{{variable}:-{otherwise}}}"));
    let directory = quoted(&invocation.directory.to_string_lossy());
    let first = first.map(|first| {
        format!("case ${{1-}} in [0-9]*|tables) ;; *) set -- --first {first} \"$@\" ;; esac\n")
    });
    let enter = format!("cd {directory} || exit 2\n{}", first.unwrap_or_default());
    head + &commands(invocation, setup, &enter, &format!(r#"--yes --jobs "{jobs}" "$@""#))
}

/// Script that a scheduler starts by its commands. It is a [`task_script`] whose output goes to a
/// file in `logs`, which is named by the number of the task and shows that it has started.
pub fn job_script(invocation: &Invocation, commands: &SchedulerCommands, logs: &Path) -> String {
    let variables = SCHEDULERS.iter().rev().map(|scheduler| scheduler.variable);
    let number = variables
        .fold("task".to_owned(), |otherwise, variable| format!("${{{variable}:-{otherwise}}}"));
    let logs = quoted(&logs.to_string_lossy());
    let setup = commands.setup.as_deref().unwrap_or_default();
    let setup = format!("exec >>{logs}/\"${{1:-{number}}}\".log 2>&1\n{setup}");
    task_script(invocation, Some(&setup), Some(commands.first.unwrap_or(0)))
}

/// Commands of a script: `setup`, `enter`, then the tables or the task that `task` names.
fn commands(invocation: &Invocation, setup: Option<&str>, enter: &str, task: &str) -> String {
    let Invocation { program, results, data, directory: _, submission, experiment } = invocation;
    let path = |path: &Path| quoted(&path.to_string_lossy());
    let ablade = format!("{} --results {} --progress plain", path(program), path(results));
    let setup = setup.map(|setup| format!("{}\n", setup.trim_end())).unwrap_or_default();
    // Until the program has installed its handler, the signal would kill the shell.
    format!(
        r#"
trap '' USR2
{setup}{enter}
if [ "${{1-}}" = tables ]; then
    exec {ablade} tables {experiment}
fi
# In place of the shell, so that the program itself hears when its time is over.
exec {ablade} --data-dir {data} task {submission} {task}
"#,
        data = path(data),
    )
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn invocation(program: &str) -> Invocation {
        Invocation {
            program: program.into(),
            results: "/shared/it's here".into(),
            data: "/data".into(),
            directory: "/home/me".into(),
            submission: "masks-0a1b2c3d".into(),
            experiment: "masks".into(),
        }
    }

    #[test]
    fn what_was_asked_for_is_in_the_script_and_own_lines_come_last() {
        let slurm = Slurm {
            partition: Some("short".into()),
            time: Some("02:00:00".into()),
            memory: Some("8G".into()),
            cpus: Some(4),
            account: Some("my lab".into()),
            lines: vec!["--signal=B:USR2@300".into(), "--constraint=avx512".into()],
            setup: Some("module load rust\n".into()),
            ..Slurm::default()
        };
        let text = slurm_script(&slurm, &invocation("/bin/true"));
        let expected = "#SBATCH --partition=short\n#SBATCH --account='my lab'\n#SBATCH --time=02:00:00\n#SBATCH --mem=8G\n\
                        #SBATCH --cpus-per-task=4\n#SBATCH --chdir=/home/me\n#SBATCH --requeue\n\
                        #SBATCH --open-mode=append\n#SBATCH --signal=B:USR2@60\n#SBATCH --signal=B:USR2@300\n\
                        #SBATCH --constraint=avx512\n\ntrap '' USR2\nmodule load rust\n";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn a_shell_starts_the_task_that_is_meant() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("script.sh");
        std::fs::write(&path, slurm_script(&Slurm::default(), &invocation("/bin/echo"))).unwrap();
        let run = |argument: &str, index: Option<&str>, cpus: Option<&str>| {
            let mut command = Command::new("bash");
            command
                .arg(&path)
                .arg(argument)
                .env_remove("SLURM_ARRAY_TASK_ID")
                .env_remove("SLURM_CPUS_PER_TASK");
            command.envs(
                index
                    .map(|i| ("SLURM_ARRAY_TASK_ID", i))
                    .into_iter()
                    .chain(cpus.map(|n| ("SLURM_CPUS_PER_TASK", n))),
            );
            String::from_utf8(command.output().unwrap().stdout).unwrap()
        };
        let before = "--results /shared/it's here --progress plain";
        assert_eq!(run("tables", None, None), format!("{before} tables masks\n"));
        let task =
            |i, n| format!("{before} --data-dir /data task masks-0a1b2c3d {i} --yes --jobs {n}\n");
        assert_eq!(run("20", Some("3"), Some("4")), task(23, 4));
        assert_eq!(run("7", None, None), task(7, 1));
    }

    #[test]
    fn a_script_for_any_scheduler_passes_on_its_arguments() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("script.sh");
        let run = |first: Option<usize>, arguments: &[&str], variable: &str, value: &str| {
            let mut invocation = invocation("/bin/echo");
            invocation.directory = dir.path().to_owned();
            std::fs::write(&path, task_script(&invocation, Some("set -u"), first)).unwrap();
            let mut command = Command::new("sh");
            for scheduler in SCHEDULERS {
                scheduler.processors.map(|name| command.env_remove(name));
            }
            let output = command.arg(&path).args(arguments).env(variable, value).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let before = "--results /shared/it's here --progress plain";
        assert_eq!(run(Some(1), &["tables"], "A", ""), format!("{before} tables masks\n"));
        let task = |jobs: usize, rest: &str| {
            format!("{before} --data-dir /data task masks-0a1b2c3d --yes --jobs {jobs}{rest}\n")
        };
        assert_eq!(run(None, &[], "A", ""), task(1, ""));
        assert_eq!(run(None, &["7", "--jobs", "4"], "NSLOTS", "3"), task(3, " 7 --jobs 4"));
        assert_eq!(run(Some(1), &[], "SLURM_CPUS_PER_TASK", "2"), task(2, " --first 1"));
        assert_eq!(run(Some(1), &["--jobs", "4"], "A", ""), task(1, " --first 1 --jobs 4"));
        assert_eq!(run(Some(1), &["7"], "LSB_DJOB_NUMPROC", "2"), task(2, " 7"));
    }
}
