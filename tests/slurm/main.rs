//! A study on Slurm gives the same results as on one machine, whatever happens on the cluster. All
//! but the last tests run against a script that imitates Slurm's commands; those called `real_...`
//! need `SLURM_CONF` to point to a cluster, and some of them `LOCAL_SLURM` to name the program that
//! started it. `just test-slurm` runs them.

#![cfg(unix)]

mod real;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::place::{Place, STUDY, assert_same_files};

/// A directory with its own imitated cluster.
struct Cluster {
    place: Place,
    path: String,
}

impl Cluster {
    fn with(study: &str) -> Self {
        let place = Place::with(study);
        fs::create_dir_all(place.path("bin")).unwrap();
        fs::create_dir_all(place.path("fake")).unwrap();
        for command in ["sbatch", "squeue", "scancel", "scontrol"] {
            symlink(
                Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slurm/fake.sh"),
                place.path("bin").join(command),
            )
            .unwrap();
        }
        let path = format!("{}:{}", place.path("bin").display(), std::env::var("PATH").unwrap());
        Self { place, path }
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = self.place.command(arguments);
        command.env("PATH", &self.path).env("FAKE", self.place.path("fake"));
        // Environment of a process that is itself part of a job, with squeue customised.
        command.env("SLURM_ARRAY_TASK_ID", "7");
        command.env("SQUEUE_PARTITION", "another").stdin(Stdio::null());
        command
    }

    /// Runs a command and requires an exit code; returns both outputs.
    #[track_caller]
    fn exits(&self, code: i32, arguments: &str) -> String {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        let text = [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        assert_eq!(status.code(), Some(code), "`ablade {arguments}`\n{text}");
        text
    }

    /// Sets a property of the imitated cluster, as its script describes.
    fn set(&self, name: &str, text: &str) {
        fs::write(self.place.path("fake").join(name), text).unwrap();
    }

    fn unset(&self, name: &str) {
        fs::remove_file(self.place.path("fake").join(name)).unwrap();
    }

    /// Calls of a command, except those for the tables' job.
    fn said(&self, command: &str) -> Vec<String> {
        let calls = self.place.read(&format!("fake/said/{command}"));
        calls
            .lines()
            .filter(|call| !call.contains("tables"))
            .map(str::to_owned)
            .collect()
    }

    fn submissions(&self) -> Vec<String> {
        let names = fs::read_dir(self.place.path("results/submitted")).into_iter().flatten();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("small-")).collect()
    }

    #[track_caller]
    fn gives_what_this_machine_gives(&self) {
        let here = Place::with(STUDY);
        here.exits(0, "sweep small.toml");
        for directory in ["runs", "small", "data"] {
            assert_same_files(
                &self.place.path("results").join(directory),
                &here.path("results").join(directory),
            );
        }
    }
}

/// A study whose tasks hold one run each, like those of `STUDY` on any machine, with all runs in
/// one task.
fn together() -> String {
    STUDY.replace("0.000001s", "10h")
}

const SLURM: &str = "sweep small.toml --launcher slurm";

#[test]
fn a_cluster_gives_what_this_machine_gives() {
    let cluster = Cluster::with(STUDY);
    cluster.set("size", "4");
    let text = cluster.exits(0, SLURM);
    assert!(text.contains("12 runs in ") && text.contains("[12/12] done"), "{text}");
    cluster.gives_what_this_machine_gives();
    let arrays = cluster.said("sbatch");
    assert!(arrays.len() > 1 && arrays[0].contains("--array=0-3 "), "{arrays:?}");
    let text = cluster.exits(0, SLURM);
    assert!(text.contains("all 12 runs are there"), "{text}");
    assert_eq!(cluster.said("sbatch"), arrays, "nothing is submitted for what is there");
}

#[test]
fn a_program_gives_the_same_tables_on_a_cluster() {
    const PROGRAM: &str = r#"
seeds = 3
[program]
command = ["sh", "p.sh", "{k}"]
inputs = ["p.sh"]
[metrics]
score = { better = "higher" }
[settings]
k = 1
[axes]
k = [1, 2]
[execution.slurm]
task = "0.000001s"
"#;
    const SCRIPT: &str =
        "echo \"{\\\"score\\\": $((ABLADE_SEED * $1))}\" > $ABLADE_RUN/scores.json\n";
    let (cluster, here) = (Cluster::with(PROGRAM), Place::with(PROGRAM));
    for place in [&cluster.place, &here] {
        fs::write(place.path("p.sh"), SCRIPT).unwrap();
    }
    let text = cluster.exits(0, SLURM);
    assert!(text.contains("[6/6] done"), "{text}");
    here.exits(0, "sweep small.toml");
    for table in ["runs.csv", "metrics.csv", "ablation.csv"] {
        let name = format!("results/small/{table}");
        assert_eq!(cluster.place.read(&name), here.read(&name), "{table}");
    }
    assert!(here.read("results/small/ablation.csv").contains("too few seeds"));
}

#[test]
fn what_waits_is_shown_and_followed_and_cancelled_but_not_submitted_twice() {
    let cluster = Cluster::with(STUDY);
    cluster.set("hold", "");
    let text = cluster.exits(0, &format!("{SLURM} --no-follow"));
    assert!(
        text.contains("ablade status small") && text.contains("ablade cancel small"),
        "{text}"
    );
    let text = cluster.exits(0, "status small");
    assert!(
        text.contains("| queued |") && text.contains("queued: job 1_0 pending (Resources)"),
        "{text}"
    );
    let text = cluster.exits(0, &format!("{SLURM} --no-follow"));
    assert!(
        text.contains("12 runs submitted before, tasks: 12 pending (Resources)"),
        "{text}"
    );
    assert_eq!(cluster.said("sbatch").len(), 1);

    // Ctrl-C does not affect the jobs.
    let log = fs::File::create(cluster.place.path("log")).unwrap();
    let mut following = cluster.command(SLURM).stdout(Stdio::null()).stderr(log).spawn().unwrap();
    wait_until(&mut following, || cluster.place.read("log").contains("tasks: 12 pending"));
    kill_process(Pid::from_child(&following), Signal::INT).unwrap();
    let code = following.wait().unwrap().code();
    let text = cluster.place.read("log");
    assert_eq!(code, Some(130), "{text}");
    assert!(text.contains("the jobs continue without this process"), "{text}");
    assert!(cluster.said("scancel").is_empty());

    let text = cluster.exits(0, "cancel small");
    assert!(text.contains("cancelled 2 jobs: 1 2"), "{text}");
    assert!(!cluster.exits(0, "status small").contains("queued"));
    cluster.unset("hold");
    cluster.exits(0, SLURM);
    assert_eq!(cluster.said("sbatch").len(), 2);
    cluster.gives_what_this_machine_gives();
}

#[test]
fn a_submission_whose_answer_is_lost_is_found_again() {
    let cluster = Cluster::with(STUDY);
    cluster.set("lose", "");
    cluster.exits(0, SLURM);
    assert_eq!(cluster.said("sbatch").len(), 1, "it was submitted twice");
    cluster.gives_what_this_machine_gives();
}

#[test]
fn a_controller_that_does_not_answer_says_nothing_about_jobs() {
    let cluster = Cluster::with(STUDY);
    cluster.set("hold", "");
    cluster.exits(0, &format!("{SLURM} --no-follow"));
    cluster.set("down", "");
    let text = cluster.exits(2, SLURM);
    assert!(
        text.contains("Unable to contact slurm controller")
            && text.contains("nothing is submitted now"),
        "{text}"
    );
    assert!(cluster.exits(0, "status small").contains("waiting runs are not known"));
    assert!(cluster.exits(2, "cancel small").contains("nothing was cancelled"));
    assert_eq!(cluster.said("sbatch").len(), 1);
}

#[test]
fn what_slurm_refuses_is_said_in_its_words_and_leaves_nothing() {
    let cluster = Cluster::with(STUDY);
    cluster.set("refuse", "Invalid partition name specified");
    let text = cluster.exits(2, SLURM);
    assert!(
        text.contains("sbatch: Batch job submission failed: Invalid partition name specified; nothing was submitted"),
        "{text}"
    );
    assert_eq!(cluster.submissions(), [""; 0]);

    let alone = Place::with(STUDY);
    let output = alone.command(SLURM).env("PATH", "/nowhere").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && text.contains("is not on the PATH"), "{text}");
    assert!(!alone.path("results").exists());
}

#[test]
fn where_arrays_are_refused_smaller_ones_and_single_jobs_do() {
    for (fits, calls) in [("3", 6), ("1", 15)] {
        let cluster = Cluster::with(STUDY);
        cluster.set("refuse", "Invalid job array specification");
        cluster.set("fits", fits);
        cluster.exits(0, SLURM);
        let said = cluster.said("sbatch");
        assert_eq!(said.len(), calls, "{said:?}");
        cluster.gives_what_this_machine_gives();
    }
}

#[test]
fn a_queue_that_is_full_takes_the_rest_later() {
    let cluster = Cluster::with(STUDY);
    // An array of four does not fit, one of two does, and then no other.
    cluster.set("size", "4");
    cluster.set("room", "2");
    cluster.set("hold", "");
    let text = cluster.exits(1, &format!("{SLURM} --no-follow"));
    assert!(
        text.contains("job submit limit") && text.contains("10 tasks not submitted yet"),
        "{text}"
    );
    assert!(text.contains("submits the remaining runs"), "{text}");
    cluster.exits(0, "cancel");
    cluster.unset("hold");
    cluster.exits(0, SLURM);
    cluster.gives_what_this_machine_gives();
}

#[test]
fn tasks_that_never_started_are_missed_and_submitted_again() {
    let cluster = Cluster::with(STUDY);
    cluster.set("deaf", "");
    let text = cluster.exits(1, SLURM);
    assert!(
        text.contains("12 runs not done: their jobs are failed (NonZeroExitCode)"),
        "{text}"
    );
    assert!(
        text.contains("its node does not see that directory")
            && text.contains("12 runs not done: the same command submits the rest"),
        "{text}"
    );
    cluster.unset("deaf");
    cluster.exits(0, SLURM);
    cluster.gives_what_this_machine_gives();
}

#[test]
fn tasks_that_were_killed_are_submitted_again_but_not_for_ever() {
    let cluster = Cluster::with(STUDY);
    cluster.set("killed", "13");
    let text = cluster.exits(0, SLURM);
    assert!(text.contains("their jobs are out_of_memory"), "{text}");
    cluster.gives_what_this_machine_gives();

    let cluster = Cluster::with(&together());
    cluster.set("killed", "1000");
    let text = cluster.exits(1, SLURM);
    assert_eq!(cluster.said("sbatch").len(), 4, "{text}");
}

#[test]
fn another_job_that_got_the_same_number_is_none_of_ours() {
    let cluster = Cluster::with(STUDY);
    cluster.set("hold", "");
    cluster.exits(0, &format!("{SLURM} --no-follow"));
    for task in fs::read_dir(cluster.place.path("fake/tasks")).unwrap() {
        fs::write(task.unwrap().path(), "another|PENDING|Resources").unwrap();
    }
    assert!(!cluster.exits(0, "status small").contains("queued"));
    assert!(
        cluster
            .exits(0, "cancel")
            .contains("no job submitted from here is waiting or running")
    );
    assert!(cluster.said("scancel").is_empty());
}

#[test]
fn a_failing_run_does_not_keep_the_others() {
    let cluster = Cluster::with(&together());
    let victim = cluster.exits(0, "why small.toml").split_whitespace().next().unwrap().to_owned();
    let runs = cluster.place.path("results/runs");
    fs::create_dir_all(&runs).unwrap();
    // A plain file at the path of the run's directory: publishing must fail.
    fs::write(runs.join(&victim), "in the way").unwrap();
    let text = cluster.exits(1, SLURM);
    assert!(text.contains("FAILED") && text.contains(&victim), "{text}");
    assert_eq!(cluster.place.published().len(), 12, "eleven runs and what is in the way");
    fs::remove_file(runs.join(&victim)).unwrap();
    cluster.exits(0, SLURM);
    cluster.gives_what_this_machine_gives();
}

#[test]
fn options_of_another_place_are_refused() {
    let cluster = Cluster::with(STUDY);
    assert!(cluster.exits(2, &format!("{SLURM} --jobs 2")).contains("execution.slurm.cpus"));
    assert!(
        cluster
            .exits(2, &format!("{SLURM} --shard 1/2"))
            .contains("--shard is for this machine")
    );
    assert!(
        cluster
            .exits(2, "sweep small.toml --no-follow")
            .contains("--no-follow is for --launcher slurm")
    );
    assert!(
        cluster
            .exits(2, "sweep small.toml --launcher local --no-follow")
            .contains("nothing to follow")
    );
    assert!(!cluster.place.path("results").exists());
}

/// Freezes a study; returns the submission's name and its number of tasks.
fn frozen(place: &Place, tasks: usize) -> String {
    let (name, _) = place.exits(0, &format!("freeze small.toml --tasks {tasks}"));
    name.trim().to_owned()
}

#[test]
fn frozen_tasks_need_no_scheduler_and_tables_come_at_any_time() {
    let cluster = Cluster::with(STUDY);
    let place = &cluster.place;
    let name = frozen(place, 5);
    // Later changes of the file do not affect a task.
    fs::write(place.path("small.toml"), "seeds = 1").unwrap();
    for task in 0..3 {
        place.exits(0, &format!("task {name} {task} --jobs 1"));
    }
    let (out, _) = place.exits(0, "tables");
    let there = place.published().len();
    assert!(
        (6..12).contains(&there) && out.starts_with(&format!("small: {there} of 12 runs")),
        "{out}"
    );
    assert_eq!(place.table("runs.csv").len(), 12);
    for task in [4, 3, 0] {
        place.exits(0, &format!("task {name} {task}"));
    }
    place.exits(0, "tables small");
    fs::write(place.path("small.toml"), STUDY).unwrap();
    cluster.gives_what_this_machine_gives();
    let (_, err) = place.exits(2, &format!("task {name} 5"));
    assert!(err.contains("has 5 tasks, numbered from 0: there is no task 5"), "{err}");
    let (_, err) = place.exits(2, "task small-0 0");
    assert!(
        err.contains("no submission `small-0`") && err.contains(&format!("did you mean `{name}`?")),
        "{err}"
    );
}

/// One run that takes seconds.
const LONG: &str = "seeds = 1\n[data]\nname = \"digits\"\ntrain = 2000\nvalid = 100\ntest = 100\n[model]\nhidden = [500]\n\
                    [train]\nepochs = 20\n[execution]\ncheckpoint = \"10h\"\n";

fn start(cluster: &Cluster, arguments: &str) -> Child {
    cluster
        .command(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn wait_until(child: &mut Child, mut ready: impl FnMut() -> bool) {
    while !ready() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before that");
        sleep(Duration::from_millis(5));
    }
}

/// Waits until a process executes its run, the `attempt`-th process to do so: all before, from 1,
/// were killed.
fn wait_until_under_way(cluster: &Cluster, child: &mut Child, attempt: usize) {
    wait_until(child, || {
        let entries = fs::read_dir(cluster.place.path("results/unfinished")).into_iter().flatten();
        let mut names = entries.flatten().map(|entry| entry.file_name().into_string().unwrap());
        let noted = |name: &str| {
            let counted = format!("\"count\":{}", attempt - 1);
            name.ends_with(".attempts")
                && cluster.place.read(&format!("results/unfinished/{name}")).contains(&counted)
        };
        names.any(|name| if attempt == 1 { name.contains(".claim-") } else { noted(&name) })
    });
    sleep(Duration::from_millis(300));
}

#[test]
fn a_task_that_is_out_of_time_saves_its_run_and_is_started_again() {
    let cluster = Cluster::with(LONG);
    let name = frozen(&cluster.place, 1);
    let mut child = cluster
        .command(&format!("task {name} 0"))
        .envs([
            ("SLURM_JOB_ID", "20"),
            ("SLURM_ARRAY_JOB_ID", "17"),
            ("SLURM_ARRAY_TASK_ID", "3"),
        ])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_until_under_way(&cluster, &mut child, 1);
    kill_process(Pid::from_child(&child), Signal::USR2).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{text}");
    // Not 20: that may be the number of the whole array.
    assert!(text.contains("job 17_3 will start again"), "{text}");
    assert_eq!(cluster.said("scontrol"), ["requeue 17_3"]);
    let text = cluster.exits(0, &format!("task {name} 0"));
    assert!(text.contains("resumes after"), "{text}");
    let here = Place::with(LONG);
    here.exits(0, "sweep small.toml");
    assert_same_files(&cluster.place.path("results/runs"), &here.path("results/runs"));
}

#[test]
fn a_run_that_kills_its_task_again_and_again_is_failed() {
    let cluster = Cluster::with(LONG);
    let name = frozen(&cluster.place, 1);
    for attempt in 1..=3 {
        let mut child = start(&cluster, &format!("task {name} 0"));
        wait_until_under_way(&cluster, &mut child, attempt);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let text = cluster.exits(1, &format!("task {name} 0"));
    assert!(text.contains("3 attempts in a row ended its task without progress"), "{text}");
    assert!(
        cluster.exits(0, "status small").contains("failed: 3 attempts in a row"),
        "the note is kept"
    );
    // Given up by this submission permanently, but not by the next one.
    cluster.exits(0, &format!("task {name} 0"));
    assert!(cluster.place.published().is_empty());
    cluster.exits(0, SLURM);
    assert_eq!(cluster.place.published().len(), 1);
}
