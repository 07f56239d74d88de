//! Foreign files are not changed: files next to figures, tables that someone has edited, results
//! that are still arriving, and the tables of a night's training next to a quick trial.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use crate::support::place::{Place, files};

/// Two runs of a fraction of a second.
const SMALL: &str = r#"
seeds  = 1
data   = { name = "digits", train = 100, valid = 20, test = 20, size = 8 }
model  = { hidden = [8] }
train  = { epochs = 1 }
sample = { count = 4 }
[axes]
model.skip = [false, true]
"#;

fn swept() -> Place {
    let place = Place::with(SMALL);
    place.exits(0, "sweep small.toml");
    place
}

/// Creates a file of the user.
fn put(place: &Place, name: &str) {
    let path = place.path(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("my own {name}")).unwrap();
}

#[track_caller]
fn assert_own(place: &Place, name: &str) {
    assert_eq!(place.read(name), format!("my own {name}"));
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_gallery_leaves_what_is_not_its_own() {
    let place = swept();
    for name in ["paper/photo.png", "paper/thesis.pdf", "paper/logo.svg", "paper/notes.md"] {
        put(&place, name);
    }
    place.exits(0, "plots --gallery paper");
    assert!(place.read("paper/README.md").contains("small-loss.png"));
    // Obsolete figures are removed, unless someone has changed them.
    place.exits(0, "sweep small.toml --name other");
    fs::rename(place.path("results/small"), place.path("kept")).unwrap();
    put(&place, "paper/small-loss.png");
    let (_, err) = place.exits(0, "plots --gallery paper");
    assert!(
        err.contains("small-loss.png is no longer made, but has been changed: it stays"),
        "{err}"
    );
    let left: Vec<_> = names(&place.path("paper"))
        .into_iter()
        .filter(|name| !name.starts_with("other-"))
        .collect();
    let expected = [
        ".ablade-gallery",
        "README.md",
        "logo.svg",
        "notes.md",
        "photo.png",
        "small-loss.png",
        "thesis.pdf",
    ];
    assert_eq!(left, expected);
    for name in [
        "paper/photo.png",
        "paper/thesis.pdf",
        "paper/logo.svg",
        "paper/notes.md",
        "paper/small-loss.png",
    ] {
        assert_own(&place, name);
    }
    // A README that the user has changed is not replaced.
    put(&place, "paper/README.md");
    let (_, err) = place.exits(0, "plots --gallery paper");
    assert!(err.contains("README.md stays as it is"), "{err}");
    assert_own(&place, "paper/README.md");
}

#[test]
fn what_is_in_the_way_of_figures_is_named_before_anything_is_written() {
    let place = swept();
    for (own, option) in [
        ("paper/README.md", "--gallery"),
        ("paper/small-loss.png", "--gallery"),
        ("plots/index.html", "--plots"),
        ("plots/small/loss.svg", "--plots"),
        ("plots/small", "--plots"),
    ] {
        for dir in ["paper", "plots"] {
            let _ = fs::remove_dir_all(place.path(dir));
        }
        put(&place, own);
        let before = files(place.0.path());
        let (_, err) = place.exits(2, "plots --gallery paper");
        assert!(err.contains(own) && err.contains(&format!("{option} OTHER")), "{own}: {err}");
        assert_eq!(files(place.0.path()), before, "{own}");
    }
    // Figures of an earlier version, which kept no lists, count as ours if they are equal to those
    // that would be drawn.
    fs::remove_file(place.path("plots/small")).unwrap();
    place.exits(0, "plots --gallery paper");
    let drawn = files(place.0.path());
    for list in ["plots/.ablade-page", "plots/small/.ablade-figures", "paper/.ablade-gallery"] {
        fs::remove_file(place.path(list)).unwrap();
    }
    place.exits(0, "plots --gallery paper");
    assert_eq!(files(place.0.path()), drawn);
    // Nothing is written through a link.
    fs::rename(place.path("plots/small"), place.path("elsewhere")).unwrap();
    symlink(place.path("elsewhere"), place.path("plots/small")).unwrap();
    let (_, err) = place.exits(2, "plots");
    assert!(err.contains("plots/small"), "{err}");
}

#[test]
fn a_picture_goes_over_nothing_but_earlier_ones() {
    let place = swept();
    let run = place.published()[0].clone();
    for (command, file) in [
        (format!("sample {run}"), format!("plots/sample-{run}.png")),
        ("data show digits --size 8".to_owned(), "plots/data-digits.png".to_owned()),
    ] {
        put(&place, &file);
        let (_, err) = place.exits(2, &command);
        assert!(err.contains(&file) && err.contains("--out FILE"), "{err}");
        assert_own(&place, &file);
        fs::remove_file(place.path(&file)).unwrap();
        place.exits(0, &command);
    }
    place.exits(0, &format!("sample {run} --seed 5"));
    place.exits(0, "plots");
    assert_eq!(place.read("plots/.ablade-pictures").matches(".png\n").count(), 2);
    // A path that the user named is written, unless it is a link, a directory, or among the input.
    put(&place, "mine.png");
    put(&place, "folder.png/x");
    symlink("mine.png", place.path("link.png")).unwrap();
    place.exits(0, &format!("sample {run} --out images.npy"));
    for (command, expected) in [
        (format!("sample {run} --out link.png"), "is a link"),
        (format!("sample {run} --out folder.png"), "no file"),
        (format!("inpaint {run} --from images.npy --out images.npy"), "is read as well"),
        (
            format!("evaluate {run} --data images.npy --nlls ./images.npy"),
            "is read as well",
        ),
    ] {
        let before = files(place.0.path());
        let (_, err) = place.exits(2, &command);
        assert!(err.contains(expected), "{command}: {err}");
        assert_eq!(files(place.0.path()), before, "{command}");
    }
    assert_own(&place, "mine.png");
}

/// Results in a project's own directory, whose folders have the same names as ours.
#[test]
fn clean_takes_only_what_has_the_form_of_ours() {
    let place = Place::with(SMALL);
    let own = [
        "data/train.npy",
        "data/digits-train.npy",
        "data/digits-0123456789abcdeg.npy",
        "runs/Nov28/events.out",
        "runs/r0123/x",
        "runs/rabcdef0123456789.damaged-old/x",
        "submitted/paper-deadbeef/paper.pdf",
        "submitted/neurips/plan.json",
        "submitted/program-1",
        "unfinished/rabcdef0123456789.tex",
        ".writing-notes/lock/x",
        ".writing-another_host-abcdef/chapter",
    ];
    for name in own {
        put(&place, name);
    }
    for name in [
        "submitted/paper-deadbeef",
        "submitted/neurips",
        ".writing-notes",
        ".writing-another_host-abcdef",
    ] {
        let old = std::time::SystemTime::now() - Duration::from_secs(7 * 24 * 3600);
        fs::File::open(place.path(name)).unwrap().set_modified(old).unwrap();
    }
    place.exits(0, "sweep small.toml --results .");
    fs::create_dir(place.path("runs/rffffffffffffffff")).unwrap();
    put(&place, "data/digits-ffffffffffffffff.npy");
    let reference = files(&place.path("data"))
        .into_iter()
        .find(|(name, _)| !own.contains(&&*format!("data/{}", name.display())));
    fs::write(place.path("data/digits-eeeeeeeeeeeeeeee.npy"), reference.unwrap().1).unwrap();
    fs::write(place.path("unfinished/reeeeeeeeeeeeeeee.attempts"), "").unwrap();
    let (out, err) = place.exits(0, "clean --results . --yes --age 0.001s");
    assert_eq!(out.matches("eeeeeeeeeeeeeeee").count(), 2, "{out}");
    assert!(err.contains("rffffffffffffffff: it has no checksums.toml"), "{err}");
    assert!(place.path("runs/rffffffffffffffff").exists());
    assert_own(&place, "data/digits-ffffffffffffffff.npy");
    for name in own {
        assert_own(&place, name);
    }
    let (out, err) = place.exits(0, "clean --results .");
    assert!(err.contains("nothing to remove"), "{out}{err}");
}

#[test]
fn a_quick_try_does_not_take_the_place_of_good_tables() {
    let place = Place::with(&SMALL.replace("seeds  = 1", "seeds  = 2"));
    place.exits(0, "sweep small.toml");
    fs::create_dir(place.path("quick")).unwrap();
    fs::write(place.path("quick/small.toml"), SMALL.replace("[8]", "[9]")).unwrap();
    let before = files(&place.path("results"));
    for (arguments, lost, differs) in [
        ("small.toml --set train.epochs=2", 4, "train.epochs 1 -> 2"),
        ("small.toml --axis model.skip=false", 2, "model.skip true -> false"),
        ("small.toml --seeds 1", 2, "a run with seed 2, which is not in the new plan"),
        ("quick/small.toml", 4, "model.hidden [8] -> [9]"),
    ] {
        for command in ["sweep", "freeze"] {
            let (_, err) = place.exits(2, &format!("{command} {arguments}"));
            for expected in [
                &format!("{lost} finished run"),
                differs,
                "--name OTHER",
                "--replace",
                "ablade sweep small.toml (4 runs)",
            ] {
                assert!(err.contains(expected), "{command} {arguments}: no {expected}\n{err}");
            }
            assert_eq!(files(&place.path("results")), before, "{command} {arguments}");
        }
        let (out, _) = place.exits(0, &format!("plan {arguments}"));
        assert!(
            out.contains(&format!("{lost} finished run")) && out.contains("--name OTHER"),
            "{out}"
        );
    }
    // A plan that contains all of its runs and more is accepted; so is a part that changes nothing
    // else.
    place.exits(0, "sweep small.toml --only baseline");
    place.exits(0, "sweep small.toml --seeds 3");
    place.exits(0, "sweep small.toml --seeds 3 --shard 1/2");
    let three = files(&place.path("results/small"));
    assert!(!place.path("results/small/replaced").exists());

    let (out, _) = place.exits(0, "sweep small.toml --name quick --set train.epochs=2 --seeds 1");
    assert!(out.contains("quick: 1 paired seed"), "{out}");
    assert_eq!(files(&place.path("results/small")), three);
    let command =
        serde_json::from_str::<serde_json::Value>(&place.read("results/quick/plan.json")).unwrap();
    assert_eq!(
        command["plan"]["command"],
        "ablade sweep small.toml --set train.epochs=2 --seeds 1 --name quick"
    );
    for name in ["runs", "a/b", "..", "index.html", ""] {
        let mut command = place.command("plan small.toml --name");
        let output = command.arg(name).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}");
    }

    // Replaced on request: no run is lost until someone removes the replaced plan.
    place.exits(0, "sweep quick/small.toml --replace");
    let replaced = names(&place.path("results/small/replaced"));
    assert!(matches!(&replaced[..], [plan] if plan.starts_with("plan-")), "{replaced:?}");
    let (_, err) = place.exits(0, "clean --yes --age 0.001s");
    assert!(err.contains("nothing to remove"), "{err}");
    assert_eq!(place.published().len(), 6 + 2 + 2);
    place.exits(0, "sweep quick/small.toml");
    let (_, err) = place.exits(0, "sweep small.toml --seeds 3 --replace");
    assert!(err.contains("all 6 runs are there"), "{err}");
    fs::remove_dir_all(place.path("results/small/replaced")).unwrap();
    let (out, _) = place.exits(0, "clean --yes --age 0.001s");
    assert_eq!(out.matches("no plan names this run").count(), 2, "{out}");
}

/// Of two sweeps of one name, the plan saved last decides, even if that is long after both have
/// begun.
#[test]
fn sweeps_of_different_plans_do_not_take_each_others_tables() {
    let slow = SMALL
        .replace("train = 100", "train = 3000")
        .replace("epochs = 1", "epochs = 150");
    let place = Place::with(&slow);
    let mut first = place.start_with_log("sweep small.toml --jobs 1", "first");
    while !place.path("results/small/plan.json").exists() && first.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    // No run of the first one has finished yet, so it is replaced.
    let (_, err) = place.exits(0, "sweep small.toml --set train.epochs=1 --set data.train=100");
    assert!(!err.contains("another plan"), "{err}");
    let tables = files(&place.path("results/small"));
    assert_eq!(first.wait().unwrap().code(), Some(1), "{}", place.read("first"));
    assert!(place.read("first").contains("is another plan"), "{}", place.read("first"));
    assert_eq!(files(&place.path("results/small")), tables);
    let (_, err) = place.exits(0, "clean --yes --age 0.001s");
    assert!(err.contains("nothing to remove"), "runs of the first are needed: {err}");
    let (_, err) = place.exits(0, "sweep small.toml --name slow");
    assert!(err.contains("all 2 runs are there"), "{err}");
}

/// Each sweep begins while the plan on disk is a smaller or a larger one, and all runs of the
/// smaller are in the larger.
#[test]
fn sweeps_of_growing_plans_at_once_all_end_well() {
    let place = Place::with(SMALL);
    for round in 0..4 {
        let log = |seeds| format!("log-{round}-{seeds}");
        let sweep = |seeds| {
            format!("sweep small.toml --seeds {seeds} --jobs 1 --set train.epochs={}", 20 + round)
        };
        fs::write(place.path("small.toml"), format!("{SMALL}# {round}\n")).unwrap();
        let _ = fs::remove_dir_all(place.path("results"));
        let started: Vec<_> = (1..4)
            .map(|seeds| (seeds, place.start_with_log(&sweep(seeds), &log(seeds))))
            .collect();
        for (seeds, mut sweep) in started {
            let code = sweep.wait().unwrap().code();
            let said = place.read(&log(seeds));
            // If a larger one has ended before it starts, it is refused as usual.
            let refused = code == Some(2) && said.contains("--name OTHER");
            assert!(code == Some(0) || refused, "round {round}, {seeds} seeds: {code:?}\n{said}");
        }
        assert_eq!(place.published().len(), 6);
    }
}

#[test]
fn a_copy_of_a_study_is_left_as_it_is() {
    let place = swept();
    let mut copy = std::process::Command::new("cp");
    assert!(
        copy.args(["-r", "results/small", "results/backup"])
            .current_dir(&place.0)
            .status()
            .unwrap()
            .success()
    );
    fs::create_dir(place.path("results/broken")).unwrap();
    fs::write(place.path("results/broken/plan.json"), "{\"blake3\":\"").unwrap();
    place.exits(0, "sweep small.toml --set train.epochs=2 --replace");
    let (kept, small) = (files(&place.path("results/backup")), files(&place.path("results/small")));
    for command in ["tables", "status", "plots"] {
        let (out, err) = place.exits(1, command);
        assert!(err.contains("backup/plan.json: it is the plan of `small`"), "{command}: {err}");
        assert!(
            err.contains("broken/plan.json") && out.contains("small"),
            "{command}: {out}{err}"
        );
    }
    for command in ["tables", "status", "plots", "compare", "verify"] {
        let (_, err) = place.exits(2, &format!("{command} backup"));
        assert!(
            err.contains("it is the plan of `small`") && err.contains("--results"),
            "{command}: {err}"
        );
    }
    // Its runs are needed even if the replaced plan is missing.
    fs::remove_dir_all(place.path("results/small/replaced")).unwrap();
    let (_, err) = place.exits(0, "clean --yes --age 0.001s");
    assert!(err.contains("nothing to remove") && place.published().len() == 4, "{err}");
    assert_eq!(files(&place.path("results/backup")), kept);
    assert!(
        small.iter().filter(|(name, _)| !name.starts_with("replaced")).all(
            |(name, bytes)| fs::read(place.path("results/small").join(name)).unwrap() == *bytes
        )
    );
}

#[test]
fn looking_at_results_that_are_arriving_leaves_them_where_they_are() {
    let whole = swept();
    let place = Place::with(SMALL);
    for (path, bytes) in files(&whole.path("results")) {
        // Manifests arrive first, the rest later, one file truncated.
        let name = path.file_name().unwrap().to_str().unwrap();
        let part = if name == "epochs.csv" { &bytes[..9] } else { &bytes[..] };
        if path.starts_with("small") || ["checksums.toml", "epochs.csv"].contains(&name) {
            fs::create_dir_all(place.path("results").join(&path).parent().unwrap()).unwrap();
            fs::write(place.path("results").join(&path), part).unwrap();
        }
    }
    let arriving = || names(&place.path("results/runs"));
    let (runs, before) = (arriving(), files(&place.path("results/runs")));
    for command in [
        "status",
        "status small",
        "compare small",
        "plots",
        "why small.toml",
        "plan small.toml",
        "tables",
    ] {
        let (out, err) = place.exits(0, command);
        assert_eq!(files(&place.path("results/runs")), before, "{command}");
        let says = (out + &err).contains("still being copied");
        assert!(says || command == "plan small.toml", "{command} does not say so");
    }
    let run = &runs[0];
    for command in [format!("sample {run}"), format!("evaluate {run}")] {
        place.exits(2, &command);
        assert_eq!(files(&place.path("results/runs")), before, "{command}");
    }
    let (_, err) = place.exits(0, "clean --yes --age 0.001s");
    assert!(err.contains("nothing to remove"), "{err}");

    // A sweep waits while files are changing, and uses the run once it is complete.
    let mut sweep = place.start_with_log("sweep small.toml", "log");
    for (path, bytes) in files(&whole.path("results/runs")) {
        std::thread::sleep(Duration::from_millis(100));
        fs::write(place.path("results/runs").join(path), bytes).unwrap();
    }
    for run in &runs {
        let timing = format!("results/runs/{run}/timing.toml");
        fs::copy(whole.path(&timing), place.path(&timing)).unwrap();
    }
    assert_eq!(sweep.wait().unwrap().code(), Some(0), "{}", place.read("log"));
    assert!(place.read("log").contains("may still be copied here"), "{}", place.read("log"));
    assert_eq!(
        (arriving(), files(&place.path("results/runs"))),
        (runs.clone(), files(&whole.path("results/runs")))
    );

    // A run that remains incomplete is repeated, next to its remaining files, which `clean` removes
    // only then.
    fs::remove_file(place.path(&format!("results/runs/{run}/summary.toml"))).unwrap();
    fs::write(place.path(&format!("results/runs/{run}/mine.txt")), "note").unwrap();
    let (_, err) = place.exits(0, "sweep small.toml");
    assert!(err.contains("summary.toml") && err.contains("] done "), "{err}");
    let aside = format!("results/runs/{run}.damaged-1");
    assert_eq!(place.read(&format!("{aside}/mine.txt")), "note");
    fs::rename(place.path("results/runs").join(run), place.path("elsewhere")).unwrap();
    place.exits(0, "clean --yes --age 0.001s");
    assert!(place.path(&aside).exists());
    fs::rename(place.path("elsewhere"), place.path("results/runs").join(run)).unwrap();
    let (_, err) = place.exits(0, "clean --yes --age 0.001s");
    assert!(err.contains("mine.txt in it is not the run's"), "{err}");
    fs::remove_file(place.path(&format!("{aside}/mine.txt"))).unwrap();
    place.exits(0, "clean --yes --age 0.001s");
    assert!(!place.path(&aside).exists());
}

/// `rsync -a` and `cp -a` preserve the old times of files, and copy the runs before the plans, a
/// plan under another name first.
#[test]
fn clean_takes_no_run_while_its_plan_may_be_on_its_way() {
    let place = swept();
    let runs = names(&place.path("results/runs"));
    let stays = |age: &str, why: &str| {
        let (_, err) = place.exits(0, &format!("clean --yes{age}"));
        assert!(err.contains(why), "{err}");
        assert_eq!(names(&place.path("results/runs")), runs, "{why}");
    };
    let plan = place.path("results/small/plan.json");
    fs::rename(&plan, place.path("results/small/.plan.json.Ab12Cd")).unwrap();
    stays(" --age 0.001s", "small/plan.json: what it needs is not known");
    fs::rename(place.path("results/small"), place.path("small")).unwrap();
    stays("", "may be arriving");
    // If the folder links to a disk that is not mounted, or the plan is not a file, its references
    // are unknown.
    let unknown = " --age 0s";
    symlink("/unmounted/small", place.path("results/small")).unwrap();
    stays(unknown, "results/small: what it needs is not known");
    fs::remove_file(place.path("results/small")).unwrap();
    fs::create_dir_all(place.path("results/small/plan.json")).unwrap();
    stays(unknown, "small/plan.json: what it needs is not known");
    place.exits(1, "status");
    fs::remove_dir_all(place.path("results/small")).unwrap();
    // After moving an experiment with its plans, its runs are still needed.
    fs::create_dir_all(place.path("results/archive/2026")).unwrap();
    fs::rename(place.path("small"), place.path("results/archive/2026/small")).unwrap();
    let replaced = place.path("results/archive/2026/small/replaced");
    fs::create_dir(&replaced).unwrap();
    fs::rename(
        place.path("results/archive/2026/small/.plan.json.Ab12Cd"),
        replaced.join("plan-1.json"),
    )
    .unwrap();
    fs::remove_file(place.path("results/archive/2026/small/.ablade-tables")).unwrap();
    stays(" --age 0.001s", "nothing to remove");
    // A run that no plan needs remains complete if someone has added or changed a file in it.
    fs::remove_dir_all(place.path("results/archive")).unwrap();
    put(&place, &format!("results/runs/{}/notes.md", runs[0]));
    put(&place, &format!("results/runs/{}/summary.toml", runs[1]));
    stays(" --age 0.001s", "summary.toml in it has been changed");
    stays(" --age 0.001s", "notes.md in it is not the run's");
    fs::remove_file(place.path(&format!("results/runs/{}/notes.md", runs[0]))).unwrap();
    place.exits(0, "clean --yes --age 0.001s");
    assert_eq!(names(&place.path("results/runs")), runs[1..]);
}

/// Without a readable plan, the runs in the tables are looked up before others replace them.
#[test]
fn tables_whose_plan_is_lost_are_not_replaced() {
    let place = swept();
    let plan = place.path("results/small/plan.json");
    fs::write(&plan, "junk").unwrap();
    for state in ["junk", "gone"] {
        if state == "gone" {
            fs::remove_file(&plan).unwrap();
        }
        let before = files(&place.path("results"));
        let (_, err) = place.exits(2, "sweep small.toml --set train.epochs=2");
        assert!(err.contains("2 finished runs would leave its tables"), "{state}: {err}");
        assert_eq!(files(&place.path("results")), before, "{state}");
        let (_, err) = place.exits(0, "sweep small.toml");
        assert!(err.contains("all 2 runs are there"), "{state}: {err}");
    }
    assert_eq!(
        names(&place.path("results/small/replaced")).len(),
        1,
        "the plan that could not be read is kept"
    );
    // A foreign file of that name is not removed, and is not an experiment to any command.
    put(&place, "results/other/plan.json");
    place.exits(0, "status");
    place.exits(0, "sweep small.toml --name other");
    let kept = names(&place.path("results/other/replaced"));
    assert_eq!(
        place.read(&format!("results/other/replaced/{}", kept[0])),
        "my own results/other/plan.json"
    );
}

#[test]
fn what_has_the_place_of_a_table_is_named_before_anything_is_trained() {
    let place = Place::with(SMALL);
    put(&place, "elsewhere.csv");
    fs::create_dir_all(place.path("results/small")).unwrap();
    symlink(place.path("elsewhere.csv"), place.path("results/small/runs.csv")).unwrap();
    let (_, err) = place.exits(2, "sweep small.toml");
    assert!(
        err.contains("runs.csv (it is a link)") && err.contains("move them away"),
        "{err}"
    );
    assert!(!place.path("results/runs").exists());
}

#[test]
fn a_pipe_in_the_place_of_a_file_of_a_run_keeps_nobody_waiting() {
    let place = swept();
    let run = format!("results/runs/{}", place.published()[0]);
    for name in names(&place.path(&run)) {
        let (path, kept) = (place.path(&run).join(&name), place.path("kept"));
        fs::rename(&path, &kept).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        // `verify` waits for files that may still be copied; the file outside the manifest
        // represents the others.
        let verify = (name == "timing.toml").then_some("verify small --reference");
        for command in ["status small", "tables", "compare small"].into_iter().chain(verify) {
            assert!(place.run(command).status.code().is_some(), "{command}, {name}");
        }
        fs::remove_file(&path).unwrap();
        fs::rename(&kept, &path).unwrap();
    }
    place.exits(0, "tables");
    place.exits(0, "verify small");
}

#[test]
fn without_experiments_gallery_and_page_stay() {
    let place = swept();
    place.exits(0, "plots --gallery paper");
    let drawn = (files(&place.path("paper")), files(&place.path("plots")));
    fs::rename(place.path("results"), place.path("elsewhere")).unwrap();
    let (_, err) = place.exits(0, "plots --gallery paper");
    assert!(err.contains("stay as they are"), "{err}");
    assert_eq!((files(&place.path("paper")), files(&place.path("plots"))), drawn);
}

#[test]
fn verify_names_files_in_a_run_that_are_not_its_own() {
    let place = swept();
    put(&place, &format!("results/runs/{}/notes.md", place.published()[0]));
    let (_, err) = place.exits(0, "verify small");
    assert!(err.contains("notes.md is not the run's"), "{err}");
}

#[test]
fn tables_that_someone_has_edited_make_way_and_are_kept() {
    let place = swept();
    let tables = files(&place.path("results/small"));
    for edited in ["ablation.csv", "timings.csv", "results.xlsx"] {
        let path = place.path("results/small").join(edited);
        let mine = [&fs::read(&path).unwrap()[..], b"my remark\n"].concat();
        fs::write(&path, &mine).unwrap();
        let (_, err) =
            place.exits(0, if edited == "ablation.csv" { "tables" } else { "sweep small.toml" });
        assert!(err.contains(&format!("{edited} was not as ablade had made it")), "{err}");
        let kept = names(&place.path("results/small/replaced"));
        assert_eq!(fs::read(place.path("results/small/replaced").join(&kept[0])).unwrap(), mine);
        fs::remove_dir_all(place.path("results/small/replaced")).unwrap();
        assert_eq!(files(&place.path("results/small")), tables);
    }
    put(&place, "results/small/notes.md");
    // Tables of an earlier version, which kept no list, count as its own if they agree with its
    // plan.
    fs::remove_file(place.path("results/small/.ablade-tables")).unwrap();
    let (_, err) = place.exits(0, "sweep small.toml --seeds 2");
    assert!(!place.path("results/small/replaced").exists(), "{err}");
    assert_own(&place, "results/small/notes.md");
}

#[test]
fn scratch_of_others_is_not_opened() {
    let place = swept();
    let host = ablade::record::host().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    fs::create_dir(place.path("victim")).unwrap();
    symlink(place.path("victim"), place.path(&format!("results/.writing-{host}-x"))).unwrap();
    let pipe = format!("results/.writing-{host}-y");
    fs::create_dir(place.path(&pipe)).unwrap();
    assert!(
        std::process::Command::new("mkfifo")
            .arg(place.path(&pipe).join("lock"))
            .status()
            .unwrap()
            .success()
    );
    put(&place, &format!("results/.writing-{host}-thesis/chapter"));
    place.exits(0, "tables");
    place.exits(0, "clean --yes --age 0.001s");
    assert!(names(&place.path("victim")).is_empty());
    assert_own(&place, &format!("results/.writing-{host}-thesis/chapter"));
}

#[test]
fn a_plan_that_is_cut_short_loses_no_run() {
    let place = swept();
    let runs = names(&place.path("results/runs"));
    let plan = place.path("results/small/plan.json");
    let whole = fs::read(&plan).unwrap();
    for length in [0, 1, 300, whole.len() - 1] {
        fs::write(&plan, &whole[..length]).unwrap();
        place.exits(0, "clean --yes --age 0.001s");
        assert_eq!(names(&place.path("results/runs")), runs, "{length} bytes of the plan");
    }
}
