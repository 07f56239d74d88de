//! Tests on a real cluster, and on one that is broken on purpose.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::place::{Place, assert_same_files, files};
use crate::support::skipped;

/// A study of `runs` runs that take about `seconds` each on one processor, one per task.
fn study(runs: usize, seconds: usize, slurm: &str) -> String {
    format!(
        "seeds = {runs}\n[data]\nname = \"digits\"\ntrain = 2000\nvalid = 100\ntest = 100\n[model]\nhidden = [500]\n[train]\n\
         epochs = {}\n[sample]\ncount = 4\n[execution]\ncheckpoint = \"1s\"\n[execution.slurm]\ntask = \"0.000001s\"\n{slurm}\n",
        20 * seconds
    )
}

const QUICK: &str = "seeds = 10\n[data]\nname = \"digits\"\ntrain = 100\nvalid = 20\ntest = 20\nsize = 8\n[model]\nhidden = [20]\n\
                     [train]\nepochs = 2\n[sample]\ncount = 4\n[execution.slurm]\ntask = \"0.000001s\"\n[axes]\nmodel.masks = [1, 2, 3, 4, 5]\n";

/// A directory that the nodes can access, if there is a cluster.
fn on_the_cluster(study: &str) -> Option<Place> {
    if env::var_os("SLURM_CONF").is_none_or(|conf| conf.is_empty()) {
        skipped("SLURM_CONF points to no cluster, nothing was tried on a real one");
        return None;
    }
    let place = Place(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
    fs::write(place.path("small.toml"), study).unwrap();
    Some(place)
}

/// The program that started the cluster, and the directory in which it did; it can break the
/// cluster.
struct Breaker(String, PathBuf);

impl Breaker {
    fn new() -> Option<Self> {
        let (Ok(program), Ok(conf)) = (env::var("LOCAL_SLURM"), env::var("SLURM_CONF")) else {
            skipped("LOCAL_SLURM names no program that could break the cluster");
            return None;
        };
        Some(Self(program, PathBuf::from(conf).parent()?.to_owned()))
    }

    fn does(&self, arguments: &str) {
        let mut command = Command::new(&self.0);
        command.args(arguments.split_whitespace()).arg(&self.1);
        assert!(command.stdout(Stdio::null()).status().unwrap().success(), "{arguments}");
    }

    fn kill_controller(&self) {
        let number = fs::read_to_string(self.1.join("run/slurmctld")).unwrap();
        let pid = number.split_whitespace().next().unwrap();
        assert!(Command::new("kill").args(["-KILL", pid]).status().unwrap().success());
    }
}

fn sweep(place: &Place) -> Child {
    place.start_with_log("sweep small.toml --launcher slurm --progress plain", "log")
}

#[track_caller]
fn ends_as_here(place: &Place, mut child: Child, study: &str) {
    let code = child.wait().unwrap().code();
    let text = place.read("log");
    assert_eq!(code, Some(0), "{text}");
    let here = Place::with(study);
    here.exits(0, "sweep small.toml");
    for directory in ["runs", "small", "data"] {
        assert_same_files(
            &place.path("results").join(directory),
            &here.path("results").join(directory),
        );
    }
    let left: Vec<_> = files(&place.path("results/unfinished")).into_keys().collect();
    assert!(left.is_empty(), "{left:?} was left behind\n{text}");
}

/// Output of all tasks.
fn printed(place: &Place) -> String {
    let written = files(&place.path("results/submitted")).into_iter();
    let logs = written.filter(|(path, _)| path.extension().is_some_and(|kind| kind == "log"));
    logs.map(|(_, bytes)| String::from_utf8_lossy(&bytes).into_owned()).collect()
}

/// Waits until `ready` returns true, at most two minutes.
#[track_caller]
fn wait_until(what: &str, mut ready: impl FnMut() -> bool) {
    let began = Instant::now();
    while !ready() {
        assert!(began.elapsed() < Duration::from_secs(120), "no {what} in two minutes");
        sleep(Duration::from_millis(100));
    }
}

/// Nodes on which tasks of the study run.
fn nodes(place: &Place) -> Vec<String> {
    let output = Command::new("squeue")
        .args(["--noheader", "--states=RUNNING", "--format=%N|%Z"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let here = place.0.path().to_str().unwrap().to_owned();
    text.lines()
        .filter_map(|line| line.split_once('|'))
        .filter(|(_, dir)| *dir == here)
        .map(|(n, _)| n.into())
        .collect()
}

#[test]
fn real_fifty_runs_give_the_same_bytes() {
    let Some(place) = on_the_cluster(QUICK) else { return };
    let child = sweep(&place);
    ends_as_here(&place, child, QUICK);
    let log = place.read("log");
    assert!(log.contains("50 runs in 50 tasks submitted"), "{log}");
    let indices = Command::new("scontrol").args(["show", "config"]).output().unwrap().stdout;
    // Three arrays of at most twenty, and the tables.
    if String::from_utf8(indices).unwrap().contains("MaxArraySize            = 20\n") {
        let jobs = log.split("submitted as jobs ").nth(1).unwrap().split(',').next().unwrap();
        assert_eq!(jobs.split(' ').count(), 4, "{log}");
    }
}

#[test]
fn real_jobs_are_cancelled_and_submitted_again() {
    let study = study(4, 4, "throttle = 1");
    let Some(place) = on_the_cluster(&study) else { return };
    place.exits(0, "sweep small.toml --launcher slurm --no-follow");
    wait_until("task under way", || !nodes(&place).is_empty());
    let (out, _) = place.exits(0, "status small");
    assert!(out.contains("running") && out.contains("pending (JobArrayTaskLimit)"), "{out}");
    let (out, _) = place.exits(0, "cancel small");
    assert!(out.contains("cancelled 2 jobs"), "{out}");
    wait_until("end of the tasks", || nodes(&place).is_empty());
    assert!(place.published().len() < 4, "it came too late to show anything");
    let child = sweep(&place);
    ends_as_here(&place, child, &study);
}

#[test]
#[ignore = "minutes, and a cluster: `just test-slurm`"]
fn real_tasks_that_are_out_of_time_go_on() {
    // Slurm checks its time limits twice a minute, and sends the signal up to a minute early.
    let study = study(2, 40, "time = \"1\"\nlines = [\"--signal=B:USR2@45\"]");
    let Some(place) = on_the_cluster(&study) else { return };
    let child = sweep(&place);
    ends_as_here(&place, child, &study);
    let text = printed(&place);
    assert!(text.contains("will start again") && text.contains("resumes after"), "{text}");
}

#[test]
#[ignore = "minutes, and a cluster: `just test-slurm`"]
fn real_tasks_that_are_preempted_go_on() {
    // Preemption by requeueing: SIGTERM, and a place in the queue.
    let study = study(4, 10, "");
    let Some(place) = on_the_cluster(&study) else { return };
    let child = sweep(&place);
    wait_until("task under way", || nodes(&place).len() > 1);
    sleep(Duration::from_secs(2));
    let job = place
        .read("log")
        .split("submitted as jobs ")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .to_owned();
    let task = format!("{job}_0");
    assert!(Command::new("scontrol").args(["requeue", &task]).status().unwrap().success());
    ends_as_here(&place, child, &study);
    let text = printed(&place);
    assert!(text.contains("resumes after"), "{text}");
}

#[test]
#[ignore = "minutes, and a cluster: `just test-slurm`"]
fn real_nodes_may_lose_their_power() {
    let study = study(9, 6, "");
    let (Some(place), Some(breaker)) = (on_the_cluster(&study), Breaker::new()) else {
        return;
    };
    let child = sweep(&place);
    wait_until("run", || !place.published().is_empty());
    wait_until("task under way", || !nodes(&place).is_empty());
    let node = nodes(&place)[0].clone();
    breaker.does(&format!("kill-node {node}"));
    ends_as_here(&place, child, &study);
    breaker.does(&format!("start-node {node}"));
}

#[test]
#[ignore = "minutes, and a cluster: `just test-slurm`"]
fn real_nodes_may_be_out_of_reach_and_work_on() {
    let study = study(6, 20, "");
    let (Some(place), Some(breaker)) = (on_the_cluster(&study), Breaker::new()) else {
        return;
    };
    let child = sweep(&place);
    wait_until("task under way", || !nodes(&place).is_empty());
    let node = nodes(&place)[0].clone();
    breaker.does(&format!("freeze-node {node}"));
    // Long enough for the controller to declare the node down and start its tasks elsewhere, while
    // they continue there.
    sleep(Duration::from_secs(45));
    breaker.does(&format!("thaw-node {node}"));
    ends_as_here(&place, child, &study);
}

#[test]
#[ignore = "minutes, and a cluster: `just test-slurm`"]
fn real_controllers_may_be_started_again() {
    let study = study(9, 6, "");
    let (Some(place), Some(breaker)) = (on_the_cluster(&study), Breaker::new()) else {
        return;
    };
    let child = sweep(&place);
    wait_until("run", || !place.published().is_empty());
    breaker.kill_controller();
    sleep(Duration::from_secs(15));
    breaker.does("start");
    ends_as_here(&place, child, &study);
}
