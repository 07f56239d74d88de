//! The program from outside: commands that users type, their output, and the files that they leave.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::support::made;
use ablade::plan::RunSpec;
use ablade::store::{RunOutput, Store};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::place::{Place, ablade, assert_same_files, files};
use crate::support::skipped;

/// 2 x 2 variants and 2 seeds, a fraction of a second each.
const SMALL: &str = r#"
question = "Does the whole path work?"
seeds    = 2

[data]
name  = "digits"
train = 300
valid = 60
test  = 60
size  = 10

[model]
hidden = [24]

[train]
epochs = 3

[sample]
count = 4

[axes]
model.masks = [1, 2]
model.skip  = [false, true]
"#;

#[test]
fn a_sweep_leaves_complete_tables() {
    let place = Place::with(SMALL);
    let (out, err) = place.exits(0, "sweep small.toml");
    assert!(out.contains("baseline"), "the ablation table goes to stdout: {out}");
    assert!(err.contains("[8/8] done"), "{err}");
    let rows = |name| place.table(name).len();
    assert_eq!(
        [rows("runs.csv"), rows("metrics.csv"), rows("ablation.csv"), rows("curves.csv")],
        [8, 24, 4, 3]
    );
    assert!(
        place
            .table("runs.csv")
            .iter()
            .all(|row| row["status"] == "finished" && !row["test_nll_nats"].is_empty())
    );
    assert!(place.path("results/small/results.xlsx").is_file());
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    let (one, two) = (Place::with(SMALL), Place::with(SMALL));
    one.exits(0, "sweep small.toml --jobs 1");
    two.exits(0, "sweep small.toml --jobs 3");
    assert_same_files(&one.path("results"), &two.path("results"));
}

#[test]
fn a_second_sweep_trains_nothing() {
    let place = Place::with(SMALL);
    place.exits(0, "sweep small.toml");
    let before = files(&place.path("results"));
    let when = fs::metadata(place.path("results/runs").join(&place.published()[0]))
        .unwrap()
        .modified()
        .unwrap();
    let (out, err) = place.exits(0, "sweep small.toml");
    assert!(err.contains("all 8 runs are there") && !err.contains("done"), "{err}");
    assert!(out.contains("baseline"));
    assert_eq!(files(&place.path("results")), before);
    let after = fs::metadata(place.path("results/runs").join(&place.published()[0]))
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(when, after);
    let (out, _) = place.exits(0, "why small.toml");
    assert_eq!(out.matches("  cached\n").count(), 8, "{out}");
}

#[test]
fn killed_in_the_middle_it_ends_with_the_same_bytes() {
    let (killed, whole) = (Place::with(SMALL), Place::with(SMALL));
    whole.exits(0, "sweep small.toml");
    for step in [1, 3] {
        let mut child = killed.start("sweep small.toml --jobs 1");
        killed.wait_for(&mut child, step);
        // SIGKILL on Unix.
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(killed.published().len() < 8, "it was killed too late to show anything");
    }
    killed.exits(0, "sweep small.toml");
    assert_same_files(&killed.path("results"), &whole.path("results"));
}

#[test]
fn interrupted_it_says_how_to_go_on_and_does() {
    let (stopped, whole) = (Place::with(SMALL), Place::with(SMALL));
    whole.exits(0, "sweep small.toml");
    for signal in [Signal::INT, Signal::TERM] {
        let mut child = stopped
            .command("sweep small.toml --jobs 1")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let there = stopped.published().len();
        stopped.wait_for(&mut child, there + 1);
        kill_process(Pid::from_child(&child), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        let code = if signal == Signal::INT { 130 } else { 143 };
        assert_eq!(output.status.code(), Some(code), "{err}");
        assert!(err.contains("the same command continues"), "{err}");
    }
    stopped.exits(0, "sweep small.toml");
    assert_same_files(&stopped.path("results"), &whole.path("results"));
}

#[test]
fn a_run_that_fails_is_a_row_and_the_others_go_on() {
    let place = Place::with(SMALL);
    let (out, _) = place.exits(0, "why small.toml");
    let victim = out.split_whitespace().next().unwrap();
    fs::create_dir_all(place.path("results/runs")).unwrap();
    // A plain file at the path of the run's directory: publishing must fail, even as root.
    fs::write(place.path("results/runs").join(victim), "in the way").unwrap();
    let (_, err) = place.exits(1, "sweep small.toml");
    assert!(err.contains("FAILED"), "{err}");
    let rows = place.table("runs.csv");
    let (failed, fine): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row["run"] == victim);
    assert_eq!((failed.len(), failed[0]["status"].as_str()), (1, "failed"));
    assert!(!failed[0]["error"].is_empty() && failed[0]["test_nll_nats"].is_empty());
    assert!(fine.iter().all(|row| row["status"] == "finished"));
    let timings = place.table("timings.csv");
    let spent = timings.iter().find(|row| row["run"] == victim).unwrap();
    assert!(
        spent["seconds"].parse::<f64>().unwrap() > 0.0 && spent["images_per_second"].is_empty(),
        "{spent:?}"
    );
    fs::remove_file(place.path("results/runs").join(victim)).unwrap();
    place.exits(0, "sweep small.toml");
    assert!(place.table("runs.csv").iter().all(|row| row["status"] == "finished"));
}

#[test]
fn a_run_that_diverges_is_a_result() {
    let place = Place::with(SMALL);
    let wild = "sweep small.toml --set train.optimizer={sgd={lr=1e30}} --seeds 1";
    let (_, err) = place.exits(1, wild);
    let column = |word: &str| {
        let line = err.lines().find(|line| line.contains(word) && line.contains("baseline"));
        line.and_then(|line| line.find("baseline"))
    };
    assert_eq!(column(" DIVERGED "), column(" start "), "{err}");
    let rows = place.table("runs.csv");
    assert!(
        rows.iter().all(|row| row["status"] == "diverged" && !row["error"].is_empty()),
        "{rows:?}"
    );
    let (_, err) = place.exits(1, wild);
    assert!(err.contains("all 4 runs are there"), "not tried again: {err}");
}

#[test]
fn verify_finds_the_same_bytes_and_a_forged_run() {
    let place = Place::with(SMALL);
    place.exits(0, "sweep small.toml");
    let (out, _) = place.exits(0, "verify small --runs 8");
    assert_eq!(
        out,
        "8 of 8 runs the same, byte for byte\n8 of 8 tables as the runs give them\n"
    );
    let summary = place.path("results/runs").join(&place.published()[0]).join("summary.toml");
    let text = fs::read_to_string(&summary).unwrap();
    fs::write(&summary, text.replace("best_epoch = ", "best_epoch = 1")).unwrap();
    let (out, err) = place.exits(1, "verify small --runs 8");
    assert!(out.starts_with("7 of 8 runs"), "{out}{err}");
}

/// Entries below a directory, with the time at which each was changed.
fn times(dir: &Path) -> Vec<(PathBuf, std::time::SystemTime)> {
    let mut found = vec![(dir.to_owned(), fs::metadata(dir).unwrap().modified().unwrap())];
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(times(&path));
        } else {
            found.push((path.clone(), fs::metadata(&path).unwrap().modified().unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn verify_of_sound_results_writes_nothing() {
    let place = Place::with(SMALL);
    place.exits(0, "sweep small.toml");
    let before = times(&place.path("results"));
    place.exits(0, "verify small --runs 2");
    assert_eq!(times(&place.path("results")), before);
}

#[test]
fn output_that_cannot_be_written_ends_with_1_and_the_work_is_done() {
    if !Path::new("/dev/full").exists() {
        skipped("it needs /dev/full");
        return;
    }
    let place = Place::with(SMALL);
    for command in [
        "sweep small.toml",
        "sweep small.toml",
        "tables",
        "status",
        "compare small",
        "plan small.toml",
    ] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = ablade(place.0.path(), command).stdout(full).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{command}: {err}");
        assert!(
            err.contains("the output is incomplete: cannot write to stdout"),
            "{command}: {err}"
        );
    }
    assert!(place.path("results/small/runs.csv").is_file());
    assert_eq!(place.published().len(), 8);
}

#[test]
fn a_name_that_sweep_refuses_is_refused_by_plan() {
    let place = Place::with(SMALL);
    for name in ["runs", "index.html", "Data", "aux", "nul.b"] {
        fs::copy(place.path("small.toml"), place.path(&format!("{name}.toml"))).unwrap();
        for command in ["plan", "sweep"] {
            let (_, err) = place.exits(2, &format!("{command} {name}.toml"));
            assert!(
                err.contains(name) && err.contains("cannot be the name of an experiment"),
                "{err}"
            );
        }
    }
    place.exits(0, "sweep small.toml");
    fs::copy(place.path("small.toml"), place.path("Small.toml")).unwrap();
    let (_, err) = place.exits(2, "plan Small.toml");
    assert!(err.contains("capitals"), "{err}");
}

#[test]
fn a_long_note_is_cut_in_the_spreadsheet_alone() {
    let place = Place::with(&format!("notes = \"{}\"\n{SMALL}", "word ".repeat(7_000)));
    place.exits(0, "sweep small.toml");
    assert!(place.path("results/small/results.xlsx").is_file());
}

#[test]
fn verify_finds_a_changed_cell_of_every_table() {
    let place = Place::with(SMALL);
    place.exits(0, "sweep small.toml");
    for name in [
        "runs.csv",
        "metrics.csv",
        "ablation.csv",
        "effects.csv",
        "curves.csv",
        "timings.csv",
    ] {
        let path = place.path("results/small").join(name);
        let text = fs::read_to_string(&path).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        let (column, line) = (lines[0].rsplit(',').next().unwrap(), format!("{}0", lines[2]));
        lines[2] = &line;
        fs::write(&path, lines.join("\n") + "\n").unwrap();
        let (out, err) = place.exits(1, "verify small --runs 1");
        let place_of = format!("{name}, row 2, column `{column}`: ");
        assert!(out.contains(&place_of) && out.contains("7 of 8 tables"), "{out}{err}");
        fs::write(&path, text).unwrap();
    }
    let path = place.path("results/small/runs.csv");
    let text = fs::read_to_string(&path).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.insert(3, lines[1]);
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    let (out, _) = place.exits(1, "verify small --runs 1");
    let differences: Vec<&str> = out.lines().filter(|line| line.starts_with("runs.csv")).collect();
    let extra = "runs.csv, row 3: the runs give no such row";
    assert_eq!(differences, ["runs.csv: 9 rows, the runs give 8", extra]);
    fs::write(&path, text).unwrap();
    let workbook = place.path("results/small/results.xlsx");
    fs::write(&workbook, "none").unwrap();
    let (out, _) = place.exits(1, "verify small --runs 1");
    assert!(out.contains("results.xlsx holds other bytes"), "{out}");
    fs::remove_file(&workbook).unwrap();
    let (out, _) = place.exits(1, "verify small --runs 1");
    assert!(out.contains("results.xlsx is missing"), "{out}");
}

#[test]
fn verify_trains_again_by_automatic_differentiation() {
    let place = Place::with(SMALL);
    place.exits(0, "sweep small.toml");
    let (out, err) = place.exits(0, "verify small --reference --runs 2");
    assert!(out.contains("2 of 2 runs the same, to rounding\n8 of 8 tables"), "{out}");
    assert!(err.contains("2 runs again by automatic differentiation: about "), "{err}");
}

/// Replaces a diverged run by a finished one of the same shapes, as an earlier version left it:
/// `spoil` changes its model.
fn forge_finished(store: &Store, [sound, diverged]: [&RunSpec; 2], spoil: impl Fn(&mut [u8])) {
    let record = store.record(&sound.id).unwrap();
    let names = fs::read_dir(store.run_dir(&sound.id))
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let names = names.map(|name| name.into_string().unwrap()).filter(|name| {
        !["run.toml", "epochs.csv", "summary.toml", "timing.toml", "checksums.toml"]
            .contains(&name.as_str())
    });
    let mut files: Vec<(String, Vec<u8>)> = names
        .map(|name| (name.clone(), store.file(&sound.id, &name).unwrap().unwrap()))
        .collect();
    files.sort();
    spoil(&mut files.iter_mut().find(|(name, _)| name == "model.safetensors").unwrap().1);
    let (summary, timing) = (record.summary.unwrap(), record.timing.unwrap());
    fs::remove_dir_all(store.run_dir(&diverged.id)).unwrap();
    store
        .publish(
            diverged,
            &RunOutput {
                summary,
                epochs: record.epochs,
                timing,
                files,
                taken: Vec::new(),
            },
        )
        .unwrap();
}

/// Sets the first weight of the output layer to NaN.
fn spoil_a_weight(model: &mut [u8]) {
    let start = 8 + u64::from_le_bytes(model[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&model[8..start]).unwrap();
    let at = start + header["output.bias"]["data_offsets"][0].as_u64().unwrap() as usize;
    model[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
}

#[test]
fn verify_says_of_an_earlier_versions_run_that_it_is_diverged_now() {
    let place = Place::with(SMALL);
    place.exits(0, "sweep small.toml");
    place.exits(1, "sweep small.toml --name wild --set train.optimizer={sgd={lr=1e30}}");
    let store = Store::open(place.path("results"), made()).unwrap();
    let (sound, wild) = (store.load_plan("small").unwrap(), store.load_plan("wild").unwrap());
    forge_finished(&store, [&sound.runs[0], &wild.runs[0]], spoil_a_weight);
    place.exits(0, "tables wild");
    let remedy = format!(
        "until results/runs/{} and the like are removed and `sweep` trains them again",
        wild.runs[0].id
    );
    let said = "1 run is there as finished, and by this version diverged";

    let (out, err) = place.exits(1, "verify wild --runs 8");
    assert!(out.starts_with("7 of 8 runs the same, byte for byte\n"), "{out}{err}");
    assert!(
        err.contains("trained again it diverges: ") && err.contains(said) && err.contains(&remedy),
        "{err}"
    );

    let (out, err) = place.exits(1, "verify wild --reference --runs 8");
    assert!(out.contains("0 of 1 run the same, to rounding"), "{out}{err}");
    assert!(err.contains(said) && err.contains(&remedy), "{err}");
}

/// Comparisons are those that the correction will count: variants on other data are not compared,
/// and are not used as pilot data.
#[test]
fn plan_counts_no_comparison_of_other_data() {
    let sets = "data.name   = [\"digits\", \"shapes\"]";
    let some = SMALL.replace("model.skip  = [false, true]", sets);
    let (out, _) = Place::with(&some).exits(0, "plan small.toml --seeds 6");
    assert!(out.contains("max-T over 1 comparison 0.03"), "{out}");
    let none = some.replace("model.masks = [1, 2]\n", "");
    let (out, _) = Place::with(&none).exits(0, "plan small.toml --seeds 6");
    assert!(
        out.contains("data      small: name shapes: ") && !out.contains("evidence"),
        "{out}"
    );
}

/// The time of runs that patience may end is an upper bound, and is called one.
#[test]
fn the_time_of_runs_that_may_stop_early_is_an_upper_bound() {
    for (patience, cost, took) in [
        (0, "cost      about ", " times the estimate of "),
        (1, "cost      at most ", "; the estimate was at most "),
    ] {
        let place = Place::with(SMALL);
        let set = format!("small.toml --set train.epochs=3 --set train.patience={patience}");
        let (out, _) = place.exits(0, &format!("plan {set}"));
        let more = if patience > 0 { "4 runs more, at most " } else { "4 runs more, about " };
        assert!(out.contains(cost) && out.contains(more), "{out}");
        let (json, _) = place.exits(0, &format!("plan {set} --json"));
        let facts: serde_json::Value = serde_json::from_str(&json).unwrap();
        for part in ["cost", "one_more_seed"] {
            assert_eq!(facts[part]["is_upper_bound"], patience > 0, "{part}");
        }
        let (_, err) = place.exits(0, &format!("sweep {set} --progress plain"));
        assert!(err.contains(took), "{err}");
        // Every epoch is better than the one before: patience ends none of these runs.
        let note = "2 of 2 runs ended by train.epochs, not by train.patience";
        let table = place.read("results/small/ablation.csv");
        assert_eq!(table.contains(note), patience > 0, "{table}");
    }
}

#[test]
fn plan_counts_what_only_leaves_out() {
    let place = Place::with(SMALL);
    let (out, _) = place.exits(0, "plan small.toml --only masks-2");
    assert!(
        out.contains("cached 0, to run 4, failed before 0, left out by --only 4\n"),
        "{out}"
    );
    place.exits(0, "sweep small.toml --only masks-2");
    let (out, _) = place.exits(0, "plan small.toml --only masks-2");
    assert!(
        out.contains("cached 4, to run 0, failed before 0, left out by --only 4\n"),
        "{out}"
    );
    let (out, _) = place.exits(0, "plan small.toml");
    assert!(out.contains("cached 4, to run 4, failed before 0\n"), "{out}");
}

#[test]
fn why_explains_the_runs_that_only_selects() {
    let place = Place::with(SMALL);
    let labels = |arguments: &str| {
        let (out, _) = place.exits(0, arguments);
        out.lines()
            .map(|line| line.split("  ").nth(1).unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(labels("why small.toml").len(), 8);
    assert_eq!(
        labels("why small.toml --only masks-2"),
        ["baseline / seed 1", "baseline / seed 2", "masks 2 / seed 1", "masks 2 / seed 2"]
    );
}

#[test]
fn an_unknown_baseline_is_answered_with_the_variants() {
    let place = Place::with(SMALL);
    place.exits(0, "sweep small.toml");
    let (_, err) = place.exits(2, "compare small --baseline nope");
    let known = "no variant `nope` to compare with, of `baseline`, `skip-on`, `masks-2`";
    assert!(err.contains(known), "{err}");
}

/// Every subcommand, with those of `data`.
fn subcommands(place: &Place) -> Vec<String> {
    let of = |command: &str| {
        let (out, _) = place.exits(0, &format!("{command} --help"));
        let listed = out.lines().skip_while(|line| *line != "Commands:").skip(1);
        let names = listed.take_while(|line| !line.is_empty()).filter_map(|line| {
            let name = line.strip_prefix("  ")?.split(' ').next()?;
            (!name.is_empty()).then(|| format!("{command} {name}").trim().to_owned())
        });
        names.collect::<Vec<_>>()
    };
    let (all, data) = (of(""), of("data"));
    assert!(all.len() > 15 && data.len() == 4, "{all:?} {data:?}");
    all.into_iter().chain(data).collect()
}

/// The help of a subcommand shows examples, which the program understands.
#[test]
fn every_help_has_examples() {
    let place = Place::new();
    for command in subcommands(&place) {
        let (out, _) = place.exits(0, &format!("{command} --help"));
        let (_, examples) = out.split_once("Examples:\n").unwrap_or_else(|| panic!("{command}"));
        let examples: Vec<&str> =
            examples.lines().map(|line| line.trim().split(" > ").next().unwrap()).collect();
        assert!(examples.len() >= 2, "{command}");
        for example in examples {
            let arguments = example.split("   ").next().unwrap().split(" | ").next().unwrap();
            let arguments = arguments.strip_prefix("ablade ").unwrap();
            assert!(arguments.starts_with(&command), "{example}");
            place.exits(0, &format!("{arguments} --help"));
        }
    }
}

#[test]
fn misuse_is_refused_before_anything_happens() {
    let cases = [
        ("sweep absent.toml", "absent.toml"),
        ("sweep small.toml --set model.hiden=3", "model.hidden"),
        ("sweep small.toml --set model.masks=4", "model.masks"),
        ("sweep small.toml --set train.epochs=many", "train.epochs"),
        ("sweep small.toml --set data.name=dgits", "digits"),
        (
            "sweep small.toml --set data.name=mnist --data-dir nowhere",
            "ablade data fetch mnist",
        ),
        ("sweep small.toml --axis train.epochs=1,x", "train.epochs"),
        ("sweep small.toml --only nothing", "nothing"),
        ("sweep small.toml --only nothing", "`baseline`, `skip-on`, `masks-2`"),
        ("sweep .", "cannot read .: is a directory"),
        ("sweep small.toml --jobs -1", "expected a number from 1 to 1024"),
        ("sweep small.toml --set model.hidden=[200000,200000]", "of memory"),
        ("sweep small.toml --seeds 0", "seeds"),
        ("sweep small.toml --jobs 0", "--jobs"),
        ("sweep small.toml --shard 3/2", "2/4"),
        ("sweep small.toml --progress loud", "plain"),
        ("swep small.toml", "sweep"),
        ("plan small.toml --set train.batch=0", "train.batch"),
        ("status absent", "absent"),
        ("compare absent", "absent"),
        ("plots absent", "absent"),
        ("verify absent", "absent"),
        ("data show absent", "absent"),
    ];
    for (arguments, expected) in cases {
        let place = Place::with(SMALL);
        let (out, err) = place.exits(2, arguments);
        assert_eq!(out, "", "{arguments}");
        assert!(err.contains(expected), "`{arguments}` does not mention {expected}:\n{err}");
        assert!(!err.contains("panicked"), "{err}");
        let left: Vec<_> = files(place.0.path()).into_keys().collect();
        assert_eq!(left, [PathBuf::from("small.toml")], "`{arguments}` left files behind");
    }
}

#[test]
fn what_the_tables_do_not_show_is_said() {
    let place = Place::with(&SMALL.replace("[1, 2]", "[2, 2, 4]"));
    let (plan, _) = place.exits(0, "plan small.toml");
    for remark in ["listed more than once and kept once", "the baseline is none of its variants"] {
        assert!(plan.contains(remark), "{plan}");
        let (_, err) = place.exits(0, "sweep small.toml");
        assert!(err.contains(remark), "{err}");
    }
}

#[test]
fn tables_that_cannot_be_written_are_no_bad_input() {
    // The obstacle appears after training has begun: before, the sweep would refuse to start.
    let place = Place::with(&SMALL.replace("epochs = 1", "epochs = 2000"));
    let mut sweep = place.start_with_log("sweep small.toml --jobs 1", "log");
    while !place.path("results/small/plan.json").exists() && sweep.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    fs::create_dir_all(place.path("results/small/runs.csv/in the way")).unwrap();
    assert_eq!(sweep.wait().unwrap().code(), Some(1), "{}", place.read("log"));
    assert!(place.read("log").contains("runs.csv"), "{}", place.read("log"));
}

#[test]
fn a_closed_pipe_is_no_error() {
    let place = Place::new();
    for arguments in ["schema", "completions bash", "man"] {
        let mut child = place
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()), "{arguments}");
    }
}

#[test]
fn progress_is_plain_where_nobody_watches_and_silent_on_demand() {
    let place = Place::with(SMALL);
    let (_, err) = place.exits(0, "sweep small.toml --jobs 1");
    assert!(!err.contains('\x1b'), "{err}");
    assert_eq!(err.lines().filter(|line| line.contains(" start ")).count(), 8, "{err}");
    fs::remove_dir_all(place.path("results")).unwrap();
    let (_, err) = place.exits(0, "sweep small.toml --jobs 1 --progress none");
    assert!(!err.contains("done"), "{err}");
}

#[test]
fn init_writes_an_experiment_that_runs_and_overwrites_nothing() {
    let place = Place::new();
    let (out, err) = place.exits(0, "init wider.toml");
    assert_eq!(out, "wider.toml\n");
    assert!(err.contains("`ablade plan wider.toml`"), "{err}");
    let (plan, _) = place.exits(0, "plan wider.toml");
    assert!(plan.contains("wider: 1 study, 3 variants, 6 paired seeds, 18 runs"), "{plan}");
    fs::write(place.path("wider.toml"), "mine").unwrap();
    let (_, err) = place.exits(2, "init wider.toml");
    assert!(err.contains("exists and is not replaced"), "{err}");
    assert_eq!(place.read("wider.toml"), "mine");
    place.exits(2, "init runs.toml");
    place.exits(2, "init study.txt");
    fs::write(
        place.path("train.sh"),
        "echo \"{\\\"accuracy\\\": $((80 + ABLADE_SEED))}\" > $ABLADE_RUN/scores.json",
    )
    .unwrap();
    place.exits(0, "init --program sh train.sh");
    assert!(place.read("study.toml").contains("inputs  = [\"train.sh\"]"));
    let (table, err) = place.exits(0, "sweep study.toml --progress none");
    assert!(table.contains("does `dropout` reach the"), "{table}");
    assert!(err.contains("next: `ablade plots study` draws the figures"), "{err}");
}
