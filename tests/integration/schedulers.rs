//! Tasks that any scheduler starts: the number that it states, and the files that start them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use ablade::launch::array::{ArrayError, SCHEDULERS, array_task};
use ablade::store::Store;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::place::{Place, STUDY, ablade, assert_same_files};
use crate::support::{made, python, skipped};

/// Index of the task that these variables name, of a submission of `n_tasks` tasks.
fn index(
    n_tasks: usize,
    first: Option<usize>,
    variables: &[(&str, String)],
) -> Result<usize, String> {
    let variables: BTreeMap<&str, OsString> =
        variables.iter().map(|(name, value)| (*name, value.into())).collect();
    array_task(n_tasks, first, |name| variables.get(name).cloned())
        .map_err(|error| error.to_string())
}

#[test]
fn schedulers_count_as_their_manuals_say() {
    let found: Vec<(&str, usize)> = SCHEDULERS
        .iter()
        .map(|scheduler| (scheduler.variable, scheduler.first))
        .collect();
    let of_the_manuals = [
        ("SLURM_ARRAY_TASK_ID", 0),
        ("PBS_ARRAY_INDEX", 0),
        ("PBS_ARRAYID", 0),
        ("SGE_TASK_ID", 1),
        ("LSB_JOBINDEX", 1),
        ("AWS_BATCH_JOB_ARRAY_INDEX", 0),
        ("JOB_COMPLETION_INDEX", 0),
        ("BATCH_TASK_INDEX", 0),
        ("HQ_TASK_ID", 0),
        ("PARALLEL_SEQ", 1),
    ];
    assert_eq!(found, of_the_manuals);
    for (array, line) in [(0, "sbatch --array=0-2 x"), (3, "qsub -t 1-3 x"), (8, "--array 0-2")] {
        assert!(SCHEDULERS[array].array(3, "x").contains(line));
    }
    let (help, _) = Place::new().exits(0, "task --help");
    for (variable, first) in of_the_manuals {
        let mut lines = help.lines().map(str::trim);
        let line = lines.find(|line| line.starts_with(&format!("{variable} "))).unwrap();
        assert!(line.ends_with(&format!(", from {first}")), "{line}");
    }
}

#[test]
fn every_number_of_an_array_is_one_task_and_any_other_is_an_error_that_says_which_there_are() {
    for scheduler in SCHEDULERS {
        for n_tasks in [1, 2, 19, 20] {
            let of =
                |number: usize| index(n_tasks, None, &[(scheduler.variable, number.to_string())]);
            let first = scheduler.first;
            for task in 0..n_tasks {
                assert_eq!(of(first + task), Ok(task), "{}", scheduler.name);
            }
            for number in [first + n_tasks, first + n_tasks + 1, usize::MAX] {
                let error = of(number).unwrap_err();
                let range = format!("from {first} to {}", first + n_tasks - 1);
                for part in [scheduler.variable, &number.to_string(), &range, "--first"] {
                    assert!(error.contains(part), "no {part} in: {error}");
                }
            }
            // A scheduler that counts from 1 starts no task 0.
            assert_eq!(first == 0, of(0).is_ok(), "{}", scheduler.name);
        }
    }
}

#[test]
fn an_array_may_begin_with_another_number() {
    for scheduler in SCHEDULERS {
        for first in [0, 1, 2, 1000] {
            for (number, task) in [(first, Some(0)), (first + 6, Some(6)), (first + 7, None)] {
                // LSF has no task 0.
                if (scheduler.name, number) == ("LSF", 0) {
                    continue;
                }
                let found = index(7, Some(first), &[(scheduler.variable, number.to_string())]);
                assert_eq!(found.ok(), task, "{}, {number} from {first}", scheduler.name);
            }
        }
    }
}

/// Slurm says which numbers an array has. If they count from 0 and 1 alike, nothing is guessed.
#[test]
fn a_part_of_an_array_runs_only_if_its_first_number_is_certain() {
    const N_TASKS: usize = 6;
    for lowest in 0..9 {
        for highest in lowest..9 {
            for number in lowest..=highest {
                let variables = [
                    ("SLURM_ARRAY_TASK_ID", number.to_string()),
                    ("SLURM_ARRAY_TASK_MIN", lowest.to_string()),
                    ("SLURM_ARRAY_TASK_MAX", highest.to_string()),
                ];
                let found = index(N_TASKS, None, &variables);
                let whole = highest - lowest + 1 == N_TASKS;
                match (lowest, whole) {
                    (0, _) => assert_eq!(found.ok(), Some(number).filter(|&i| i < N_TASKS)),
                    (_, true) => assert_eq!(found, Ok(number - lowest)),
                    _ => {
                        let error = found.unwrap_err();
                        assert!(error.contains("_MIN is") && error.contains("--first"), "{error}");
                    }
                }
            }
        }
    }
}

#[test]
fn two_schedulers_must_name_the_same_task() {
    for (i, one) in SCHEDULERS.iter().enumerate() {
        for other in &SCHEDULERS[..i] {
            for (a, b) in [(1, 1), (3, 3), (3, 4), (4, 3)] {
                let variables = [(one.variable, a.to_string()), (other.variable, b.to_string())];
                let found = index(5, None, &variables);
                if a - one.first == b - other.first {
                    assert_eq!(found, Ok(a - one.first));
                    continue;
                }
                let error = found.unwrap_err();
                for (variable, value) in variables {
                    let part = format!("{variable} = {value}");
                    assert!(error.contains(&part), "no {part} in: {error}");
                }
            }
        }
    }
}

#[test]
fn what_is_no_number_is_an_error() {
    let huge = "9".repeat(30);
    let bad = ["abc", "-1", "+1", "1.5", " 3", "3\n", "0x1", "٣", "1e3", "undefined ", &huge];
    for scheduler in SCHEDULERS {
        for value in bad {
            let error = index(5, None, &[(scheduler.variable, value.to_owned())]).unwrap_err();
            assert!(error.starts_with(&format!("{} is \"", scheduler.variable)), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
        let binary =
            |name: &str| (name == scheduler.variable).then(|| OsString::from_vec(vec![b'3', 0xff]));
        assert!(matches!(array_task(5, None, binary), Err(ArrayError::NotANumber { .. })));
    }
}

#[test]
fn without_an_array_the_variables_are_named() {
    for variables in [vec![], vec![("PARALLEL_SEQ", String::new())]] {
        let error = index(5, None, &variables).unwrap_err();
        for scheduler in SCHEDULERS {
            assert!(error.contains(scheduler.variable), "{error}");
        }
        assert!(error.contains("from 0 to 4"), "{error}");
    }
    for (variable, value) in [("SGE_TASK_ID", "undefined"), ("LSB_JOBINDEX", "0")] {
        let error = index(5, None, &[(variable, value.to_owned())]).unwrap_err();
        assert!(error.contains(&format!("{variable} is `{value}`")), "{error}");
        // Within a job that is no array, another program may count.
        let both = [(variable, value.to_owned()), ("PARALLEL_SEQ", "2".to_owned())];
        assert_eq!(index(5, None, &both), Ok(1));
    }
    // A submission without tasks, as a stranger's may be.
    assert!(index(0, None, &[("PARALLEL_SEQ", "1".to_owned())]).is_err());
    assert!(index(0, None, &[]).is_err());
}

/// 6 runs.
fn study() -> String {
    STUDY.replace("seeds = 4", "seeds = 2")
}

/// 6 runs in 3 tasks; returns the name of the submission.
fn frozen(place: &Place) -> String {
    let (name, _) = place.exits(0, "freeze small.toml --tasks 3");
    name.trim().to_owned()
}

/// A command without any scheduler's variable but these.
fn with_variables(mut command: Command, variables: &[(&str, &str)]) -> Output {
    for scheduler in SCHEDULERS {
        command.env_remove(scheduler.variable);
    }
    command.envs(variables.iter().copied()).stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
fn exits(code: i32, output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    let text = String::from_utf8(text).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}");
    text
}

#[test]
fn a_task_takes_its_number_from_the_scheduler_unless_it_is_given() {
    let place = Place::with(&study());
    let name = frozen(&place);
    let task = |code: i32, arguments: &str, variables: &[(&str, &str)]| {
        let command = place.command(&format!("task {name} {arguments}"));
        exits(code, &with_variables(command, variables))
    };
    for (variables, parts) in [
        (vec![], vec!["none of SLURM_ARRAY_TASK_ID, PBS_ARRAY_INDEX"]),
        (vec![("SGE_TASK_ID", "4")], vec!["SGE_TASK_ID is 4", "from 1 to 3"]),
        (vec![("SGE_TASK_ID", "undefined")], vec!["SGE_TASK_ID is `undefined`"]),
        (vec![("LSB_JOBINDEX", "0")], vec!["LSB_JOBINDEX is `0`"]),
        (vec![("HQ_TASK_ID", "one")], vec!["HQ_TASK_ID is \"one\""]),
        (
            vec![("SLURM_ARRAY_TASK_ID", "2"), ("PARALLEL_SEQ", "2")],
            vec!["SLURM_ARRAY_TASK_ID = 2", "PARALLEL_SEQ = 2", "disagree"],
        ),
    ] {
        let text = task(2, "", &variables);
        assert!(parts.iter().all(|part| text.contains(part)), "{variables:?}: {text}");
    }
    assert!(task(2, "1 --first 1", &[]).contains("cannot be used with"));
    assert!(place.published().is_empty());

    let said = |task: usize| format!("task {task} of {name}: 2 runs");
    assert!(task(0, "", &[("SGE_TASK_ID", "1")]).contains(&said(0)));
    assert!(task(0, "--first 1", &[("PBS_ARRAY_INDEX", "2")]).contains(&said(1)));
    assert_eq!(place.published().len(), 4);
    let other = [("SLURM_ARRAY_TASK_ID", "0"), ("PARALLEL_SEQ", "nonsense")];
    assert!(task(0, "2", &other).contains(&said(2)));
    assert_eq!(place.published().len(), 6);
}

#[test]
fn a_submission_of_another_version_starts_nothing() {
    let place = Place::with(&study());
    let name = frozen(&place);
    let store = Store::open(place.path("results"), made()).unwrap();
    let plan = store.submissions().plan(&name).unwrap();
    let mut submission = store.submissions().load(&name).unwrap();
    submission.engine += 1;
    store.submissions().freeze(&submission, &plan, "", None).unwrap();
    let command = place.command(&format!("task {name}"));
    let text = exits(2, &with_variables(command, &[("JOB_COMPLETION_INDEX", "0")]));
    assert!(text.contains("submit the experiment again"), "{text}");
    assert!(place.published().is_empty());
}

/// A directory whose name shells, YAML and GNU parallel would read in another way.
const STRANGE: &str = "it's, \"$HOME\" {} $(x) [ab] # ü日";

/// The study in a directory with a strange name.
fn strange_place() -> (Place, PathBuf) {
    let place = Place::new();
    let directory = place.path(STRANGE);
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("small.toml"), study()).unwrap();
    (place, directory)
}

/// Freezes the study for a program, and returns the command to type and what else is said.
fn frozen_for(directory: &Path, arguments: &str) -> (String, String) {
    let output = ablade(directory, &format!("freeze small.toml --tasks 3 --for {arguments}"))
        .output()
        .unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(output.status.success(), "{err}");
    let command = out.strip_suffix('\n').unwrap().to_owned();
    assert!(!command.contains('\n'), "more than one command: {out}");
    (command, err)
}

/// Name of the only submission in a directory.
fn submission_in(directory: &Path) -> String {
    let entries = fs::read_dir(directory.join("results/submitted")).unwrap();
    let mut names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.find(|name| name.starts_with("small-")).unwrap()
}

fn shell(directory: &Path, command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.current_dir(directory).args(["-c", command]).env("HOME", directory);
    shell
}

/// Compares results with those of a sweep on this machine.
#[track_caller]
fn assert_same_as_a_sweep(results: &Path) {
    let here = Place::with(&study());
    here.exits(0, "sweep small.toml");
    for folder in ["runs", "small"] {
        assert_same_files(&results.join(folder), &here.path("results").join(folder));
    }
}

#[test]
fn the_script_does_the_tasks_of_a_scheduler_and_then_the_tables() {
    let (_place, directory) = strange_place();
    let (command, err) = frozen_for(&directory, "command");
    for line in ["Grid Engine: qsub -t 1-3 ", "Slurm: sbatch --array=0-2 ", "tables small"] {
        assert!(err.contains(line), "no {line} in: {err}");
    }
    // From any directory.
    let run = |arguments: &str, variables: &[(&str, &str)]| {
        let command = shell(Path::new("/"), &format!("{command} {arguments}"));
        exits(0, &with_variables(command, variables))
    };
    run("", &[("LSB_JOBINDEX", "3"), ("LSB_DJOB_NUMPROC", "2")]);
    run("--first 7", &[("PBS_ARRAY_INDEX", "7")]);
    run("1", &[]);
    run("tables", &[]);
    let command = shell(Path::new("/"), &command);
    let text = exits(2, &with_variables(command, &[("LSB_JOBINDEX", "4")]));
    assert!(text.contains("from 1 to 3"), "{text}");
    assert_same_as_a_sweep(&directory.join("results"));
}

/// A process that executes a task of a submission.
fn task_process(submission: &str) -> Option<Pid> {
    let pids = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = line.split(|&b| b == 0).collect();
        words.contains(&&b"task"[..]) && words.contains(&submission.as_bytes())
    })
    .find_map(Pid::from_raw)
}

#[test]
fn the_line_for_gnu_parallel_does_all_tasks() {
    if !has_parallel() {
        return;
    }
    let place = Place::with(&study());
    let name = frozen(&place);
    let parallel = SCHEDULERS.iter().find(|scheduler| scheduler.name == "GNU parallel").unwrap();
    let line = parallel
        .array(3, "")
        .replace("masks-5f0c2a9e", &name)
        .replace("ablade", env!("CARGO_BIN_EXE_ablade"));
    exits(0, &with_variables(shell(&place.path(""), &line), &[]));
    place.exits(0, "tables small");
    assert_same_as_a_sweep(&place.path("results"));
}

/// True if GNU parallel is installed; otherwise prints that the test is skipped.
fn has_parallel() -> bool {
    let is_there = Command::new("parallel").arg("--version").output();
    let is_there = is_there.is_ok_and(|output| output.status.success());
    if !is_there {
        skipped("it needs GNU parallel");
    }
    is_there
}

#[test]
fn gnu_parallel_resumes_after_a_task_was_killed() {
    if !Command::new("parallel")
        .arg("--version")
        .output()
        .is_ok_and(|o| o.status.success())
    {
        return skipped("it needs GNU parallel");
    }
    let (_place, directory) = strange_place();
    let (command, _) = frozen_for(&directory, "parallel");
    let submission = submission_in(&directory);
    let mut child = shell(&directory, &format!("{command} --jobs 1"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let task = loop {
        if let Some(task) = task_process(&submission) {
            break task;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "no task began");
        sleep(Duration::from_millis(1));
    };
    kill_process(task, Signal::KILL).unwrap();
    let n_failed = child.wait().unwrap().code();
    assert_eq!(n_failed, Some(1), "GNU parallel's exit code is the number of failed commands");
    let again = with_variables(shell(&directory, &command), &[]);
    let text = exits(0, &again);
    assert_eq!(text.matches(&format!("of {submission}: 2 runs")).count(), 1, "{text}");
    // Nothing is left.
    assert_eq!(exits(0, &with_variables(shell(&directory, &command), &[])), "");
    exits(0, &ablade(&directory, "tables small").output().unwrap());
    assert_same_as_a_sweep(&directory.join("results"));
}

/// Output of a command that reads `text`, if it is installed.
fn fed(command: &mut Command, text: &str) -> Option<Output> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().ok()?;
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    Some(child.wait_with_output().unwrap())
}

/// A strange directory, and the Job of the study in it.
fn job(options: &str) -> (Place, PathBuf, String) {
    let (place, directory) = strange_place();
    let (command, err) = frozen_for(&directory, &format!("k8s {options}"));
    assert!(command.starts_with("kubectl apply --filename - < '"), "{command}");
    assert_eq!(err.contains("--image"), !options.contains("--image"), "{err}");
    // The shell opens the file that is meant.
    let print = command.replace("kubectl apply --filename -", "cat");
    let text = exits(0, &shell(Path::new("/"), &print).output().unwrap());
    (place, directory, text)
}

const OPTIONS: &str = "--image registry.example/ablade:1 --claim my-results";

#[test]
fn the_job_of_kubernetes_says_what_fails_a_task_and_what_does_not_count() {
    let (_place, _, text) = job(OPTIONS);
    for line in [
        "apiVersion: batch/v1",
        "kind: Job",
        "  completionMode: Indexed",
        "  completions: 3",
        "  parallelism: 3",
        "  backoffLimitPerIndex: 6",
        "      - action: FailIndex",
        "        onExitCodes: { containerName: task, operator: In, values: [1, 2] }",
        "      - action: Ignore",
        "        onPodConditions: [{ type: DisruptionTarget, status: \"True\" }]",
        "        onExitCodes: { containerName: task, operator: In, values: [129, 130, 143] }",
        "      restartPolicy: Never",
        "          image: \"registry.example/ablade:1\"",
        "          persistentVolumeClaim: { claimName: \"my-results\" }",
    ] {
        assert!(text.lines().any(|other| other == line), "no `{line}` in:\n{text}");
    }
    assert!(
        text.contains("it's, \\\"$HOME\\\" {} $(x) [ab] # ü日/results\", subPath: results"),
        "{text}"
    );
    let (_place, _, text) = job("");
    assert!(text.contains("image: \"REPLACE-WITH-AN-IMAGE-THAT-HAS-ABLADE\""), "{text}");
    assert!(text.contains("claimName: \"ablade\""), "{text}");
}

#[test]
fn kubectl_reads_the_job_as_it_was_meant() {
    let (place, directory, text) = job(OPTIONS);
    // The only command that reads a file without a cluster.
    let mut command = Command::new("kubectl");
    command.args(["label", "--local", "--output", "json", "a=b", "--filename", "-"]);
    let Some(output) = fed(command.env("HOME", place.path("")), &text) else {
        return skipped("it needs kubectl");
    };
    let job: serde_json::Value = serde_json::from_str(&exits(0, &output)).unwrap();
    let spec = &job["spec"]["template"]["spec"];
    let results = directory.join("results").display().to_string();
    let container = &spec["containers"][0];
    assert_eq!(container["workingDir"], directory.display().to_string());
    let mounts = &container["volumeMounts"];
    assert_eq!(
        [&mounts[0]["mountPath"], &mounts[0]["subPath"], &mounts[1]["subPath"]],
        [&results, "results", "data"]
    );
    // Kubernetes makes `$` of `$$`.
    assert_eq!(container["args"][1], results.replace('$', "$$"));
    let submission = submission_in(&directory);
    assert_eq!(job["metadata"]["name"], *submission);
    assert_eq!(container["args"][7], *submission);
}

#[test]
fn the_job_fits_the_published_schema() {
    let Some(mut python) = python("kubernetes_validate, yaml") else { return };
    let check = "import sys, yaml, kubernetes_validate as k\n\
                 job = yaml.safe_load(sys.stdin)\n\
                 for version in ['1.29', '1.33']:\n    \
                 k.validate(job, version, strict=True)\n";
    let (_place, _, text) = job(OPTIONS);
    exits(0, &fed(python.args(["-c", check]), &text).unwrap());
}

#[test]
fn what_a_file_cannot_hold_is_an_error_before_anything_is_written() {
    for (name, arguments, part) in [
        ("a:b", "--for k8s", "':': Kubernetes refuses it"),
        ("a\nb", "--for parallel", "'\\n': a list of commands"),
        ("a", "--for k8s --claim Big_Claim", "expected a name of Kubernetes"),
        ("a", "--for k8s --image ", "--image"),
        ("a", "--image x", "are for --for k8s"),
        ("a", "--for slurm", "[possible values: command, k8s, parallel]"),
    ] {
        let place = Place::new();
        let directory = place.path(name);
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("small.toml"), study()).unwrap();
        let output =
            ablade(&directory, &format!("freeze small.toml {arguments}")).output().unwrap();
        let text = exits(2, &output);
        assert!(text.contains(part), "{text}");
        assert!(!directory.join("results").exists(), "{name} {arguments}");
    }
}

#[test]
fn a_submission_that_was_never_completed_is_removed_with_its_ready_file() {
    let place = Place::with(&study());
    for ready_for in ["k8s", "parallel", "command"] {
        place.exits(0, &format!("freeze small.toml --for {ready_for}"));
    }
    let three_days_ago = SystemTime::now() - Duration::from_secs(3 * 24 * 3600);
    let mut n_incomplete = 0;
    for entry in fs::read_dir(place.path("results/submitted")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            fs::remove_file(path.join("submission.json")).unwrap();
            fs::File::open(&path).unwrap().set_modified(three_days_ago).unwrap();
            n_incomplete += 1;
        }
    }
    assert_eq!(n_incomplete, 3);
    let (out, _) = place.exits(0, "clean --yes");
    assert_eq!(out.matches("never completed").count(), 3, "{out}");
    let mut left = fs::read_dir(place.path("results/submitted")).unwrap();
    assert!(!left.any(|entry| entry.unwrap().path().is_dir()));
}
