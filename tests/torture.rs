//! Crashes, signals, many processes, damage and full disks: the final tables must be equal to those
//! of an undisturbed execution. Each kind of fault has a test of a few seconds that always runs;
//! `just torture` runs the long ones.

#![expect(clippy::print_stdout, reason = "what was survived is a figure")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use ablade::rng::{Purpose, Seed, Stream};
use rustix::process::{Pid, Signal, kill_process};
use support::made;

use crate::support::place::{Place, STUDY, ablade, assert_same_files, files};
use crate::support::skipped;

/// One long run that spends most of its time in steps, in scoring or in the last scores, depending
/// on `settings`.
fn long(settings: &str) -> String {
    format!(
        "seeds = 1\n[data]\nname = \"digits\"\ntrain = 2000\nvalid = 4000\ntest = 4000\n[model]\nhidden = [500]\n{settings}"
    )
}

fn undisturbed() -> Place {
    let place = Place::with(STUDY);
    place.exits(0, "sweep small.toml");
    place
}

fn up_to(stream: &mut Stream, most: Duration) -> Duration {
    most.mul_f64(stream.uniform())
}

/// Kills sweeps at random moments until `kills` of them were alive when killed, in study after
/// study.
fn kills(kills: usize, seed: u64) {
    let whole = undisturbed();
    let mut stream = Seed(seed).stream(Purpose::Statistics, 0);
    let began = Instant::now();
    undisturbed();
    let takes = began.elapsed();
    let (mut hits, mut studies, mut resumed) = (0, 0, 0);
    while hits < kills {
        let killed = Place::with(STUDY);
        loop {
            let jobs = 1 + stream.below(3);
            let mut child =
                killed.start_with_log(&format!("sweep small.toml --jobs {jobs}"), "log");
            sleep(up_to(&mut stream, takes / 2));
            if hits < kills && child.try_wait().unwrap().is_none() {
                // On Unix this is SIGKILL.
                child.kill().unwrap();
                child.wait().unwrap();
                hits += 1;
                continue;
            }
            assert_eq!(child.wait().unwrap().code(), Some(0), "{}", killed.read("log"));
            break;
        }
        resumed += killed.read("log").matches("resumes after").count();
        assert_same_files(&killed.path("results"), &whole.path("results"));
        studies += 1;
        println!(
            "{hits} kills over {studies} studies, {resumed} runs resumed from a checkpoint, the same bytes so far"
        );
    }
    assert!(resumed > 0 || kills < 20, "no run was ever resumed: the test shows nothing");
}

#[test]
fn killed_at_random_moments() {
    kills(6, 1);
}

#[test]
#[ignore = "minutes: `just torture`"]
fn killed_a_hundred_times() {
    kills(100, 2);
}

/// Sweeps one directory with `processes` processes; `killed` times one of them is killed at a
/// random moment and replaced. If `apart`, each is in its own process namespace, so that none can
/// see whether another is alive, as on several machines.
fn crowd(processes: usize, killed: usize, seed: u64, apart: bool) {
    let whole = undisturbed();
    let shared = Place::with(STUDY);
    let mut stream = Seed(seed).stream(Purpose::Statistics, 1);
    let start = |i: usize| {
        let (arguments, log) = ("sweep small.toml --jobs 1 --progress plain", format!("log{i}"));
        if apart {
            shared.start_apart(arguments, &log)
        } else {
            shared.start_with_log(arguments, &log)
        }
    };
    let mut children: Vec<Child> = (0..processes).map(start).collect();
    for i in 0..killed {
        sleep(up_to(&mut stream, Duration::from_millis(400)));
        let victim = &mut children[i % processes];
        if victim.try_wait().unwrap().is_none() {
            victim.kill().unwrap();
            victim.wait().unwrap();
            *victim = start(i % processes);
        }
    }
    for (i, mut child) in children.into_iter().enumerate() {
        assert_eq!(child.wait().unwrap().code(), Some(0), "{}", shared.read(&format!("log{i}")));
    }
    assert_same_files(&shared.path("results"), &whole.path("results"));
    let logs: String = (0..processes).map(|i| shared.read(&format!("log{i}"))).collect();
    let done = logs.lines().filter(|line| line.contains("] done ")).count();
    // A process may be killed between publishing a run and reporting it.
    assert!(done <= 12 && done + killed >= 12, "{done} runs were trained\n{logs}");
    assert_eq!(
        fs::read_dir(shared.path("results/unfinished")).unwrap().count(),
        0,
        "something was left behind"
    );
}

#[test]
fn four_processes_train_each_run_once() {
    crowd(4, 0, 3, false);
}

#[test]
fn processes_that_die_in_a_crowd_are_succeeded() {
    crowd(3, 3, 4, false);
}

#[test]
#[ignore = "minutes: `just torture`"]
fn crowds_again_and_again() {
    for seed in 0..25 {
        crowd(4, 0, seed, false);
        crowd(4, 8, seed, false);
    }
    println!(
        "25 crowds of 4, 25 more with 8 kills each: every run trained once, the same bytes every time"
    );
}

#[test]
#[ignore = "minutes: `just torture`"]
fn crowds_that_cannot_see_each_other() {
    if !Command::new("unshare")
        .args(["--pid", "--fork", "true"])
        .status()
        .is_ok_and(|status| status.success())
    {
        skipped("process namespaces need the right to make them");
        return;
    }
    for seed in 0..5 {
        crowd(4, 0, seed, true);
    }
    // The expiry of each dead owner takes a minute.
    crowd(4, 3, 5, true);
    println!(
        "5 crowds of 4 in namespaces of their own, one more with 3 kills: every run trained once, the same bytes"
    );
}

/// Interrupts a run of `settings` after each of `moments`, and requires that it ends soon and
/// resumes exactly.
fn interrupted(settings: &str, moments: impl IntoIterator<Item = Duration>) -> Duration {
    let experiment = long(settings);
    let (stopped, whole) = (Place::with(&experiment), Place::with(&experiment));
    let mut longest = Duration::ZERO;
    for (i, moment) in moments.into_iter().enumerate() {
        let jobs = 1 + i % 2;
        let mut child = stopped.start_with_log(&format!("sweep small.toml --jobs {jobs}"), "log");
        sleep(moment);
        let (signal, expected) = [(Signal::INT, 130), (Signal::TERM, 143)][i % 2];
        kill_process(Pid::from_child(&child), signal).unwrap();
        let asked = Instant::now();
        let code = child.wait().unwrap().code();
        // A signal before the handlers are installed ends the process at once, which a shell would
        // also report as 130.
        if code.is_some() {
            assert_eq!(code, Some(expected), "{}", stopped.read("log"));
            longest = longest.max(asked.elapsed());
        }
    }
    let log = stopped.read("log");
    stopped.exits(0, "sweep small.toml");
    whole.exits(0, "sweep small.toml");
    assert_same_files(&stopped.path("results"), &whole.path("results"));
    println!("longest time from signal to end: {longest:?}\n{log}");
    longest
}

#[test]
fn a_signal_ends_training_scoring_and_drawing_soon_and_nothing_is_lost() {
    let moments = || [900, 1500, 700].map(Duration::from_millis);
    let longest = [
        interrupted("[train]\nepochs = 2\n[sample]\ncount = 4", moments()),
        interrupted("masks = 16\n[train]\nepochs = 1\n[sample]\ncount = 4", moments()),
    ];
    // The promise is two seconds on an otherwise idle machine.
    assert!(longest.into_iter().max() < Some(Duration::from_secs(6)), "{longest:?}");
}

#[test]
fn a_hangup_saves_a_checkpoint_unless_the_program_was_started_to_ignore_it() {
    for ignored in [false, true] {
        let place = Place::with(&long(
            "[train]\nepochs = 6\n[sample]\ncount = 4\n[execution]\ncheckpoint = \"1h\"",
        ));
        let arguments = "sweep small.toml --jobs 1";
        let mut command = ablade(place.0.path(), arguments);
        if ignored {
            command = Command::new("nohup");
            command
                .current_dir(place.0.path())
                .env("HOME", place.0.path())
                .arg(env!("CARGO_BIN_EXE_ablade"));
            command.args(arguments.split_whitespace());
        }
        let log = fs::File::create(place.path("log")).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let mut child = command.spawn().unwrap();
        while !place.read("log").contains(" start ") {
            sleep(Duration::from_millis(20));
        }
        let _ = kill_process(Pid::from_child(&child), Signal::HUP);
        let code = child.wait().unwrap().code();
        let log = place.read("log");
        assert_eq!(code, Some(if ignored { 0 } else { 129 }), "{log}");
        let left = files(&place.path("results")).into_keys();
        let saved = left.filter(|path| path.to_str().unwrap().ends_with(".checkpoint")).count();
        assert_eq!(saved, usize::from(!ignored), "{log}");
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let place = Place::with(&long("[train]\nepochs = 50\n"));
    let mut child = place.start_with_log("sweep small.toml --jobs 1", "log");
    while !place.read("log").contains(" start ") {
        sleep(Duration::from_millis(20));
    }
    for _ in 0..2 {
        let _ = kill_process(Pid::from_child(&child), Signal::INT);
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn checkpoints_that_are_damaged_are_named_and_passed_over() {
    let whole = undisturbed();
    for both in [false, true] {
        let place = Place::with(STUDY);
        let mut child = place.start("sweep small.toml --jobs 1");
        let found = |ending: &str| {
            let names = fs::read_dir(place.path("results/unfinished")).into_iter().flatten();
            let mut paths = names.map(|entry| entry.unwrap().path());
            paths.find(|path| path.to_str().unwrap().ends_with(ending))
        };
        while found("before").is_none() && child.try_wait().unwrap().is_none() {}
        child.kill().unwrap();
        child.wait().unwrap();
        let Some(newest) = found("checkpoint") else { continue };
        let older = found("before").filter(|_| both);
        for path in [Some(&newest), older.as_ref()].into_iter().flatten() {
            flip(path, 100);
        }
        let (_, err) = place.exits(0, "sweep small.toml --jobs 1");
        assert!(err.contains(newest.file_name().unwrap().to_str().unwrap()), "{err}");
        assert!(err.contains("checksum does not match"), "{err}");
        assert_eq!(err.contains("resumes after"), !both, "{err}");
        assert_same_files(&place.path("results"), &whole.path("results"));
    }
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    let at = at.min(bytes.len() - 1);
    bytes[at] ^= 4;
    fs::write(path, bytes).unwrap();
}

#[test]
fn damaged_files_are_named_and_their_run_alone_is_done_again() {
    let (whole, place) = (undisturbed(), undisturbed());
    let victim = place.path("results/runs").join(&place.published()[3]);
    let witness = place.path("results/runs").join(&place.published()[4]);
    let untouched = fs::metadata(&witness).unwrap().modified().unwrap();
    for (name, torn) in [
        ("run.toml", false),
        ("epochs.csv", false),
        ("summary.toml", true),
        ("checksums.toml", false),
        ("model.safetensors", true),
    ] {
        let path = victim.join(name);
        if torn {
            let bytes = fs::read(&path).unwrap();
            fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        } else {
            flip(&path, 30);
        }
        let (_, err) = place.exits(0, "sweep small.toml");
        assert!(err.contains(name) && err.contains("is damaged"), "{name}: {err}");
        assert_eq!(err.matches("] done ").count(), 1, "{name}: {err}");
        for entry in fs::read_dir(place.path("results/runs")).unwrap() {
            let path = entry.unwrap().path();
            if path.to_str().unwrap().contains(".damaged-") {
                fs::remove_dir_all(path).unwrap();
            }
        }
        assert_same_files(&place.path("results"), &whole.path("results"));
    }
    // A flipped bit in a large file is detected when the file is read, and by `verify`.
    flip(&victim.join("model.safetensors"), 2000);
    let (out, err) = place.exits(1, "verify small --runs 1");
    assert!(err.contains("model.safetensors"), "{out}{err}");
    place.exits(0, "sweep small.toml");
    fs::remove_dir_all(victim.with_extension("damaged-1")).unwrap();
    assert_same_files(&place.path("results"), &whole.path("results"));
    assert_eq!(fs::metadata(&witness).unwrap().modified().unwrap(), untouched);
    // Derived files are written again.
    for name in ["plan.json", "runs.csv"] {
        let path = place.path("results/small").join(name);
        flip(&path, 60);
        if name == "plan.json" {
            let (_, err) = place.exits(2, "status small");
            assert!(err.contains("plan.json") && err.contains("checksum"), "{err}");
        }
        place.exits(0, "sweep small.toml");
        // A table that was changed might be someone's work, so it is moved aside.
        assert_eq!(
            fs::remove_dir_all(place.path("results/small/replaced")).is_ok(),
            name == "runs.csv"
        );
        assert_same_files(&place.path("results"), &whole.path("results"));
    }
}

#[test]
fn results_that_vanish_are_made_again() {
    let (whole, place) = (undisturbed(), Place::with(STUDY));
    let mut child = place.start_with_log("sweep small.toml --jobs 1", "log");
    place.wait_for(&mut child, 3);
    fs::rename(place.path("results"), place.path("elsewhere")).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{}", place.read("log"));
    assert_same_files(&place.path("results"), &whole.path("results"));
}

#[test]
#[ignore = "a measurement: `just torture`"]
fn what_a_checkpoint_takes() {
    use ablade::plan::RunId;
    use ablade::record::Checkpoint;
    let run = RunId::parse("r0123456789abcdef").unwrap();
    for (model, parameters) in [("784-500-784", 785_284), ("784-8000-8000-784", 76_560_784)] {
        let dir = tempfile::tempdir().unwrap();
        let store = ablade::store::Store::open(dir.path(), made()).unwrap();
        // Parameters, best parameters and Adam's two moments.
        let state: Vec<u8> = (0..16 * parameters)
            .map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        let checkpoint = Checkpoint {
            state,
            epoch: 1,
            step: 1,
            seconds: 1.0,
            started_utc: String::new(),
        };
        let mut times: Vec<Duration> = (0..5)
            .map(|_| {
                let began = Instant::now();
                store.save_checkpoint(&run, &checkpoint).unwrap();
                began.elapsed()
            })
            .collect();
        times.sort();
        println!(
            "{model}: {} MB, saved in {:?} (median of 5)",
            checkpoint.state.len() / 1_000_000,
            times[2]
        );
    }
}

/// A file system of `size` bytes at `path`; `None`, with a message, if this process may not mount
/// one.
fn small_disk(path: &Path, size: &str) -> Option<Mount> {
    fs::create_dir_all(path).unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
        .arg(path)
        .output();
    match mount {
        Ok(output) if output.status.success() => Some(Mount(path.to_owned())),
        problem => {
            skipped(format_args!("a full disk needs the right to mount one: {problem:?}"));
            None
        }
    }
}

struct Mount(PathBuf);

impl Mount {
    fn again(&self, options: &str) {
        let status = Command::new("mount")
            .args(["-o", &format!("remount,{options}")])
            .arg(&self.0)
            .status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).stderr(Stdio::null()).status();
    }
}

#[test]
fn a_full_or_read_only_disk_is_named_and_nothing_is_lost() {
    let (whole, place) = (undisturbed(), Place::with(STUDY));
    let needed: usize = files(&whole.path("results"))
        .values()
        .map(|bytes| bytes.len().next_multiple_of(4096))
        .sum();
    let Some(disk) = small_disk(&place.path("results"), "16k") else { return };
    let mut kept = 0;
    for part in 1..8 {
        disk.again(&format!("size={}", needed * part / 8));
        let output = place.run("sweep small.toml --jobs 2");
        let err = String::from_utf8(output.stderr).unwrap();
        if output.status.success() {
            break;
        }
        assert!(matches!(output.status.code(), Some(1 | 2)), "{err}");
        assert!(err.contains("No space left") && err.contains("results"), "{err}");
        assert!(place.published().len() >= kept, "a run was lost");
        kept = place.published().len();
    }
    assert!(kept > 0, "no run fitted: the test shows little");
    disk.again("ro,size=64m");
    let (_, err) = place.exits(2, "sweep small.toml");
    assert!(err.contains("Read-only") && err.contains("results"), "{err}");
    disk.again("rw,size=64m");
    place.exits(0, "sweep small.toml");
    assert_same_files(&place.path("results"), &whole.path("results"));
}
