//! A study on a scheduler that is known by its command lines, and the command at the end of a sweep.
//! All but the tests called `real_...` run against a script that imitates a scheduler.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use ablade::experiment::{Overrides, load_with};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::place::{Place, assert_same_files};
use crate::support::{made, skipped};

/// A program of one line, whose runs take a moment.
const PROGRAM: &str = r#"
seeds = 2
[program]
command = ["sh", "-c", "echo \"{{\\\"score\\\": $((ABLADE_SEED * {k}))}}\" > $ABLADE_RUN/scores.json"]
[metrics]
score = { better = "higher" }
[settings]
k = 1
[axes]
k = [1, 2]
"#;

const SWEEP: &str = "sweep small.toml --launcher command --progress plain";

fn fake() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/scheduler/fake.sh")
}

/// A directory with its own imitated scheduler.
struct Cluster(Place);

impl Cluster {
    /// A scheduler of arrays that are numbered from 1, with a query that lists all jobs.
    fn new() -> Self {
        Self::with(r#""{name}", "{first}", "{last}", "{script}""#, "", "")
    }

    /// A scheduler with these words of `submit` and `query`, and further keys.
    fn with(submit: &str, query: &str, keys: &str) -> Self {
        let fake = fake();
        let fake = fake.to_str().unwrap();
        let cluster = Self(Place::with(&format!(
            "{PROGRAM}\n[execution.command]\nsubmit = [\"{fake}\", \"submit\", {submit}]\n\
             query = [\"{fake}\", \"query\"{query}]\ncancel = [\"{fake}\", \"cancel\", \"{{id}}\"]\n\
             first = 1\ntask = \"0.000001s\"\n{keys}\n"
        )));
        fs::create_dir_all(cluster.0.path("fake")).unwrap();
        cluster
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = self.0.command(arguments);
        command.env("FAKE", self.0.path("fake")).stdin(Stdio::null());
        for variable in ["SLURM_ARRAY_TASK_ID", "PBS_ARRAY_INDEX", "SGE_TASK_ID"] {
            command.env_remove(variable);
        }
        command
    }

    /// Runs a command and requires an exit code; returns both outputs.
    #[track_caller]
    fn exits(&self, code: i32, arguments: &str) -> String {
        let output = self.command(arguments).output().unwrap();
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        let text = text.concat();
        assert_eq!(output.status.code(), Some(code), "`ablade {arguments}`\n{text}");
        text
    }

    fn set(&self, name: &str, text: &str) {
        fs::write(self.0.path("fake").join(name), text).unwrap();
    }

    fn unset(&self, name: &str) {
        fs::remove_file(self.0.path("fake").join(name)).unwrap();
    }

    /// Calls of one of the commands.
    fn said(&self, verb: &str) -> Vec<String> {
        let calls = self.0.read("fake/said");
        calls.lines().filter(|call| call.starts_with(verb)).map(str::to_owned).collect()
    }

    fn submissions(&self) -> usize {
        let names = fs::read_dir(self.0.path("results/submitted")).into_iter().flatten();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("small-")).count()
    }

    #[track_caller]
    fn gives_what_this_machine_gives(&self) {
        let here = Place::with(&self.0.read("small.toml"));
        here.exits(0, "sweep small.toml");
        for table in ["runs.csv", "metrics.csv", "ablation.csv"] {
            let name = format!("results/small/{table}");
            assert_eq!(self.0.read(&name), here.read(&name), "{table}");
        }
    }

    /// Makes the results those of another user.
    fn becomes_strange(&self) {
        fs::remove_dir_all(self.0.path(".local")).unwrap();
    }
}

#[test]
fn an_array_gives_what_this_machine_gives() {
    let cluster = Cluster::new();
    let text = cluster.exits(0, SWEEP);
    assert!(text.contains("4 runs in 4 tasks submitted as job 11,"), "{text}");
    assert!(cluster.said("submit")[0].contains("-0 1 4 /"), "{:?}", cluster.said("submit"));
    cluster.gives_what_this_machine_gives();
    cluster.exits(0, SWEEP);
    assert_eq!(cluster.said("submit").len(), 1, "nothing is submitted for what is there");
}

#[test]
fn without_arrays_every_task_is_a_job() {
    let cluster = Cluster::with(r#""{name}", "{script}", "{index}""#, "", "");
    let text = cluster.exits(0, SWEEP);
    assert!(text.contains("submitted as jobs 11 12 13 14,"), "{text}");
    cluster.gives_what_this_machine_gives();
    assert!(
        cluster.said("submit")[3].ends_with("script.sh 3"),
        "{:?}",
        cluster.said("submit")
    );
}

#[test]
fn what_waits_is_shown_and_cancelled_but_not_submitted_twice() {
    let cluster = Cluster::new();
    cluster.set("hold", "");
    let text = cluster.exits(0, &format!("{SWEEP} --no-follow"));
    assert!(text.contains("`ablade tables small` writes the tables"), "{text}");
    let text = cluster.exits(0, "status small");
    assert!(
        text.contains("queued: job 11_1 in the queue") && text.contains("job 11_4 "),
        "{text}"
    );
    let text = cluster.exits(0, &format!("{SWEEP} --no-follow"));
    assert!(text.contains("4 runs submitted before, tasks: 4 in the queue"), "{text}");
    assert_eq!(cluster.said("submit").len(), 1);
    let text = cluster.exits(0, "cancel small");
    assert!(text.contains("cancelled 1 job: 11"), "{text}");
    let text = cluster.exits(0, "cancel");
    assert!(text.contains("no job submitted from here is waiting or running"), "{text}");
    assert!(!cluster.exits(0, "status small").contains("queued"));
    cluster.unset("hold");
    cluster.exits(0, SWEEP);
    assert_eq!(cluster.said("submit").len(), 2);
    cluster.gives_what_this_machine_gives();
}

#[test]
fn a_submission_without_an_answer_is_found_by_its_name() {
    // It hangs after it has submitted, or prints nonsense.
    for (trouble, words) in [
        ("hang-submit", ""),
        ("print-submit", "Welcome to the cluster"),
        ("flood-submit", ""),
    ] {
        let cluster =
            Cluster::with(r#""{name}", "{first}", "{last}", "{script}""#, "", "timeout = \"3s\"");
        cluster.set(trouble, words);
        cluster.set("hold", "");
        let text = cluster.exits(0, &format!("{SWEEP} --no-follow"));
        assert!(text.contains("submitted as job 11,"), "{trouble}: {text}");
        cluster.unset(trouble);
        let text = cluster.exits(0, &format!("{SWEEP} --no-follow"));
        assert!(text.contains("4 runs submitted before"), "{trouble}: {text}");
        assert_eq!(cluster.said("submit").len(), 1, "{trouble}: submitted twice");
    }
}

#[test]
fn a_submission_that_nothing_can_find_is_said_with_what_to_do() {
    let own = r#""{name}", "{first}", "{last}", "{script}""#;
    let cluster = Cluster::with(own, r#", "{id}""#, "");
    cluster.set("print-submit", "Welcome to the cluster");
    cluster.set("hold", "");
    let text = cluster.exits(2, SWEEP);
    assert!(
        text.contains("fake.sh printed \"Welcome to the cluster\", in which the first number")
            && text.contains("it is not known whether the job was submitted"),
        "{text}"
    );
    let text = cluster.exits(2, SWEEP);
    assert!(
        text.contains(
            "asks by {id} alone, cannot find it: if the scheduler does not list it, delete "
        ) && text.contains("results/submitted/small-"),
        "{text}"
    );
    assert_eq!(cluster.said("submit").len(), 1);
    let directory = text.split("delete ").nth(1).unwrap().split(':').next().unwrap();
    fs::remove_dir_all(cluster.0.path(directory)).unwrap();
    cluster.unset("print-submit");
    cluster.unset("hold");
    cluster.exits(0, SWEEP);
    cluster.gives_what_this_machine_gives();
}

#[test]
fn a_scheduler_that_fails_or_is_not_there_leaves_nothing() {
    let cluster = Cluster::new();
    cluster.set("fail-submit", "qsub: Unknown queue \"short\"\n");
    let text = cluster.exits(2, SWEEP);
    assert!(
        text.contains(
            "fake.sh: exit status: 3: qsub: Unknown queue \"short\"; nothing was submitted"
        ),
        "{text}"
    );
    assert_eq!(cluster.submissions(), 0);

    let study = cluster.0.read("small.toml");
    let misspelt = study.replace(&format!("\"{}\", \"query\"", fake().display()), "\"slepe\"");
    fs::write(cluster.0.path("small.toml"), misspelt).unwrap();
    fs::remove_dir_all(cluster.0.path("results")).unwrap();
    let text = cluster.exits(2, SWEEP);
    assert!(
        text.contains("slepe is not on the PATH") && text.contains("did you mean `s"),
        "{text}"
    );
    assert!(!cluster.0.path("results").exists());
}

#[test]
fn a_query_that_is_not_answered_says_nothing_about_jobs() {
    let own = r#""{name}", "{first}", "{last}", "{script}""#;
    let cluster = Cluster::with(own, "", "");
    cluster.set("hold", "");
    cluster.exits(0, &format!("{SWEEP} --no-follow"));
    cluster.set("fail-query", "cannot connect to server");
    let text = cluster.exits(2, SWEEP);
    assert!(
        text.contains("exit status: 3: cannot connect to server")
            && text.contains("nothing is submitted now"),
        "{text}"
    );
    assert!(cluster.exits(0, "status small").contains("waiting runs are not known"));
    assert!(cluster.exits(2, "cancel small").contains("nothing was cancelled"));
    cluster.unset("fail-query");

    // A sweep asks by the commands that the file has now.
    let study = cluster.0.read("small.toml");
    fs::write(cluster.0.path("small.toml"), format!("{study}timeout = \"0.3s\"\n")).unwrap();
    cluster.set("hang-query", "");
    let text = cluster.exits(2, SWEEP);
    assert!(text.contains("did not end in 0.30 s and was killed"), "{text}");
    cluster.unset("hang-query");
    assert_eq!(cluster.said("submit").len(), 1);
    cluster.set("fail-cancel", "you do not own that job");
    let text = cluster.exits(2, "cancel small");
    assert!(text.contains("you do not own that job; nothing was cancelled"), "{text}");
}

#[test]
fn results_of_others_start_no_command() {
    let cluster = Cluster::new();
    cluster.set("hold", "");
    cluster.exits(0, &format!("{SWEEP} --no-follow"));
    cluster.becomes_strange();
    fs::remove_file(cluster.0.path("fake/said")).unwrap();
    let text = cluster.exits(0, "status small");
    assert!(text.contains("was not made here") && text.contains("fake.sh query"), "{text}");
    assert!(cluster.exits(2, "cancel small").contains("--yes starts them"));
    assert_eq!(cluster.said(""), [""; 0]);
    assert!(cluster.exits(0, "cancel small --yes").contains("cancelled 1 job"));

    // Whoever names a file means to start what it says.
    cluster.exits(0, &format!("{SWEEP} --no-follow"));
    assert!(cluster.exits(0, "cancel small").contains("cancelled 1 job"));
}

#[test]
fn the_lines_of_schedulers_in_the_documents_are_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/cluster.md");
    let text = fs::read_to_string(path).unwrap();
    let blocks = text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut n_schedulers = 0;
    for block in blocks {
        let read = |_: &Path| Ok(block.to_owned());
        let loaded = load_with(Path::new("x.toml"), &Overrides::default(), &*made(), &read);
        let experiment = loaded.unwrap_or_else(|errors| panic!("{block}\n{errors}"));
        n_schedulers += usize::from(experiment.execution.command.is_some());
    }
    assert_eq!(n_schedulers, 7);
}

#[test]
fn options_of_another_place_are_refused() {
    let cluster = Cluster::new();
    let text = cluster.exits(2, &format!("{SWEEP} --jobs 2"));
    assert!(text.contains("as the scheduler gives it processors"), "{text}");
    let text = cluster.exits(2, &format!("{SWEEP} --shard 1/2"));
    assert!(text.contains("--shard is for this machine"), "{text}");
    let place = Place::with(PROGRAM);
    let (_, text) = place.exits(2, SWEEP);
    assert!(text.contains("[execution.command], which small.toml lacks"), "{text}");
    assert!(!cluster.0.path("results").exists() && !place.path("results").exists());
}

/// Following waits eight seconds before a run without a job counts as lost.
#[test]
#[ignore = "a minute"]
fn tasks_that_were_killed_are_submitted_again_but_not_for_ever() {
    let own = r#""{name}", "{first}", "{last}", "{script}""#;
    let cluster = Cluster::with(own, "", "setup = '[ ! -e $FAKE/kill ] || kill -9 $$'");
    cluster.set("kill", "");
    let text = cluster.exits(1, SWEEP);
    assert!(text.contains("their jobs are no longer in the queue"), "{text}");
    assert!(text.contains("4 runs not done: the same command submits the rest"), "{text}");
    assert_eq!(cluster.said("submit").len(), 4, "{text}");

    let mut following = cluster.command(SWEEP).spawn().unwrap();
    let calls = || cluster.said("submit").len();
    let jobs = || fs::read_dir(cluster.0.path("fake/jobs")).unwrap().count();
    wait_until(&mut following, || calls() == 5 && jobs() == 0);
    cluster.unset("kill");
    assert_eq!(following.wait().unwrap().code(), Some(0));
    assert_eq!(calls(), 6);
    cluster.gives_what_this_machine_gives();
}

/// A job that was cancelled from here is not submitted again by the sweep that follows it.
#[test]
#[ignore = "ten seconds"]
fn a_cancelled_job_is_not_submitted_again() {
    let cluster = Cluster::new();
    cluster.set("hold", "");
    let log = fs::File::create(cluster.0.path("log")).unwrap();
    let mut following = cluster.command(SWEEP).stderr(log).spawn().unwrap();
    wait_until(&mut following, || cluster.0.read("log").contains("following 4 runs"));
    cluster.exits(0, "cancel small");
    assert_eq!(following.wait().unwrap().code(), Some(1));
    let text = cluster.0.read("log");
    assert!(text.contains("their jobs are cancelled"), "{text}");
    assert_eq!(cluster.said("submit").len(), 1);
}

/// Waits until `ready` returns true, while `child` is alive and for at most two minutes.
#[track_caller]
fn wait_until(child: &mut Child, mut ready: impl FnMut() -> bool) {
    let began = Instant::now();
    while !ready() {
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        assert!(began.elapsed() < Duration::from_secs(120), "not in two minutes");
        sleep(Duration::from_millis(20));
    }
}

/// The program of one line, with a command at the end of a sweep.
fn with_on_finish(words: &str) -> Place {
    Place::with(&format!("{PROGRAM}\n[execution]\non_finish = [{words}]\n"))
}

const NOTE: &str = r#""sh", "-c", "echo \"$0\" >>note", "{experiment}: {finished} of {runs} finished, {failed} failed""#;

#[test]
fn a_command_is_started_when_a_sweep_has_ended() {
    let place = with_on_finish(NOTE);
    place.exits(0, "sweep small.toml");
    assert_eq!(place.read("note"), "small: 4 of 4 finished, 0 failed\n");

    // It is no part of the identity of a run, and its failure none of the sweep's.
    for (words, said) in [
        (r#""sh", "-c", "echo no display >&2; exit 3""#, "sh: exit status: 3: no display"),
        (r#""no-such-program-here""#, "no-such-program-here is not on the PATH"),
    ] {
        let study = format!("{PROGRAM}\n[execution]\non_finish = [{words}]\n");
        fs::write(place.path("small.toml"), study).unwrap();
        let (_, text) = place.exits(0, "sweep small.toml");
        assert!(text.contains("all 4 runs are there"), "{text}");
        assert!(text.contains(&format!("execution.on_finish: {said}")), "{text}");
    }
}

#[test]
fn failed_runs_are_counted_and_an_interrupted_sweep_has_not_ended() {
    let place = with_on_finish(NOTE);
    let failing = place.read("small.toml").replace("echo \\\"{{", "[ {k} = 1 ] && echo \\\"{{");
    fs::write(place.path("small.toml"), &failing).unwrap();
    place.exits(1, "sweep small.toml");
    assert_eq!(place.read("note"), "small: 2 of 4 finished, 2 failed\n");

    let place = with_on_finish(NOTE);
    let slow = place.read("small.toml").replace("echo \\\"{{", "sleep 60; echo \\\"{{");
    fs::write(place.path("small.toml"), slow).unwrap();
    let mut sweep = place.start_with_log("sweep small.toml --progress plain", "log");
    let is_running = || fs::read_dir(place.path("results/unfinished")).is_ok_and(|d| d.count() > 0);
    wait_until(&mut sweep, is_running);
    kill_process(Pid::from_child(&sweep), Signal::INT).unwrap();
    assert_eq!(sweep.wait().unwrap().code(), Some(130), "{}", place.read("log"));
    assert!(!place.path("note").exists());
}

/// A study of `runs` runs that take about `seconds` each, one per task of Grid Engine.
fn grid_engine_study(runs: usize, seconds: usize) -> String {
    format!(
        r#"
seeds = {runs}
[data]
name = "digits"
train = 2000
valid = 100
test = 100
[model]
hidden = [200]
[train]
epochs = {epochs}
[sample]
count = 4
[execution]
checkpoint = "0.5s"
[execution.command]
submit = ["qsub", "-terse", "-N", "{{name}}", "-t", "{{first}}-{{last}}", "-j", "y", "-o", "{{logs}}", "{{script}}"]
query = ["qstat", "-r"]
cancel = ["qdel", "{{id}}"]
first = 1
task = "0.000001s"
"#,
        epochs = 10 * seconds
    )
}

/// A directory for a study on Grid Engine, if there is one.
fn on_grid_engine(study: &str) -> Option<Place> {
    let has_queue = Command::new("qstat").output().is_ok_and(|output| output.status.success());
    if std::env::var_os("SGE_ROOT").is_none() || !has_queue {
        skipped("SGE_ROOT names no Grid Engine that answers `qstat`");
        return None;
    }
    let place = Place(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
    fs::write(place.path("small.toml"), study).unwrap();
    Some(place)
}

#[track_caller]
fn ends_as_here(place: &Place, mut sweep: Child) {
    let code = sweep.wait().unwrap().code();
    assert_eq!(code, Some(0), "{}", place.read("log"));
    let here = Place::with(&place.read("small.toml"));
    here.exits(0, "sweep small.toml");
    for directory in ["runs", "small", "data"] {
        let own = place.path("results").join(directory);
        assert_same_files(&own, &here.path("results").join(directory));
    }
}

/// Processes of tasks of the study in this directory.
fn tasks_of(place: &Place) -> Vec<i32> {
    let results = place.path("results");
    let results = results.to_str().unwrap();
    let is_task = |pid: &i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        line.contains(results) && line.contains(" task small-")
    };
    let processes = fs::read_dir("/proc").unwrap();
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(is_task).collect()
}

#[test]
#[ignore = "minutes, and Grid Engine: tests/fixtures/scheduler/local-gridengine starts one"]
fn real_grid_engine_tasks_that_are_killed_continue_and_give_the_same_bytes() {
    let Some(place) = on_grid_engine(&grid_engine_study(4, 4)) else { return };
    let mut sweep = place.start_with_log(SWEEP, "log");
    // One task is killed, and later the job.
    wait_until(&mut sweep, || !tasks_of(&place).is_empty());
    sleep(Duration::from_secs(1));
    let task = Pid::from_raw(tasks_of(&place)[0]).unwrap();
    kill_process(task, Signal::KILL).unwrap();
    wait_until(&mut sweep, || !place.published().is_empty());
    let job = place.read("log");
    let job = job.split("submitted as job ").nth(1).unwrap().split(',').next().unwrap();
    assert!(Command::new("qdel").arg(job).status().unwrap().success());
    ends_as_here(&place, sweep);
    let text = place.read("log");
    assert!(text.contains("their jobs are no longer in the queue"), "{text}");
}

#[test]
#[ignore = "minutes, and Grid Engine: tests/fixtures/scheduler/local-gridengine starts one"]
fn real_grid_engine_jobs_are_shown_and_cancelled() {
    let Some(place) = on_grid_engine(&grid_engine_study(4, 30)) else { return };
    place.exits(0, &format!("{SWEEP} --no-follow"));
    let (out, _) = place.exits(0, "status small");
    assert!(out.contains("in the queue"), "{out}");
    let (_, text) = place.exits(0, &format!("{SWEEP} --no-follow"));
    assert!(text.contains("4 runs submitted before"), "{text}");
    let (out, _) = place.exits(0, "cancel small");
    assert!(out.contains("cancelled 1 job"), "{out}");
    let began = Instant::now();
    while !tasks_of(&place).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(60), "tasks outlived their job");
        sleep(Duration::from_millis(200));
    }
    let (out, _) = place.exits(0, "status small");
    assert!(!out.contains("in the queue"), "{out}");
    // Grid Engine may list a job for seconds after its end.
    while place.exits(0, "status small").0.contains("being cancelled") {
        assert!(began.elapsed() < Duration::from_secs(60), "the job stays in the queue");
        sleep(Duration::from_millis(200));
    }
}
