//! Record of the past of results: seeds that were added after a table was seen, registration, and
//! what was ever scored on a test set.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ablade::plan::Compare;
use ablade::rng::{Purpose, Seed};
use ablade::store::{Seen, Store};

use crate::statistics::fixture::study;
use crate::support::made;
use crate::support::place::Place;

/// Two variants with two seeds, 1 and 2.
const SMALL: &str = r"
seeds = 2
data  = { train = 40, valid = 9, test = 9, size = 8 }
model.hidden = [8]
train = { epochs = 1, batch = 10 }
axes.model.skip = [false, true]
";

const ADDED: &str = "seeds were added after results were seen: error rate not controlled";
const LEFT_OUT: &str = "seeds were left out after results were seen";
const HISTORY: &str = "results/.ablade-history";

/// Text without line breaks, which depend on the width of a terminal.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Both outputs of a command that succeeds, in one line.
#[track_caller]
fn told(place: &Place, arguments: &str) -> String {
    let (out, err) = place.exits(0, arguments);
    flat(&format!("{out} {err}"))
}

/// Every file below a directory with its bytes, the record included.
fn everything(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut found, mut left) = (BTreeMap::new(), vec![dir.to_owned()]);
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                found.insert(path.clone(), fs::read(path).unwrap());
            }
        }
    }
    found
}

fn records(place: &Place, kind: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(place.path(HISTORY)).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with(kind));
    paths.sort();
    paths
}

#[test]
fn seeds_added_or_left_out_after_a_table_are_told_under_any_name() {
    let place = Place::with(SMALL);
    let first = told(&place, "sweep small.toml");
    assert!(first.contains("lower is better, exploratory"), "{first}");
    assert!(!first.contains("results were seen"), "{first}");

    // Before anything is trained, too: `plan` trains nothing.
    for command in ["plan small.toml --seeds 3", "sweep small.toml --seeds 3 --name other"] {
        let said = told(&place, command);
        assert!(said.contains(ADDED) && said.contains("table of small"), "{command}: {said}");
        assert!(said.contains("seeds 1 2)") || said.contains("seeds 0 1)"), "{said}");
    }
    told(&place, "plots");
    assert!(place.read("plots/index.html").contains(ADDED));
    assert!(place.read("results/other/history.csv").contains("earlier table"));
    assert!(told(&place, "compare other --checklist").contains("Seeds were added"));
    let fewer = told(&place, "sweep small.toml --seeds 1 --name fewer");
    assert!(fewer.contains(LEFT_OUT) && !fewer.contains(ADDED), "{fewer}");
    // Another variant does not make the old comparison another one.
    let wider = told(&place, "sweep small.toml --seeds 3 --axis model.masks=1,2 --name wider");
    assert!(wider.contains(ADDED), "{wider}");

    // Controls: the first table stays what it was; the same seeds again, and other settings.
    for command in [
        "compare small",
        "sweep small.toml",
        "sweep small.toml --name again",
        "sweep small.toml --seeds 3 --set train.epochs=2 --name longer",
    ] {
        let said = told(&place, command);
        assert!(said.contains("exploratory") && !said.contains("results were seen"), "{said}");
    }
}

#[test]
fn a_record_names_what_was_there_before_it_whatever_the_clock_says() {
    let mut chance = Seed(7).stream(Purpose::Statistics, 0);
    for _ in 0..20 {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path(), made()).unwrap();
        // Tables in the order in which they were first written: number of variants and of seeds.
        let mut written: Vec<(usize, usize)> = Vec::new();
        let mut before: BTreeMap<(usize, usize), BTreeSet<String>> = BTreeMap::new();
        for _ in 0..12 {
            let (n, k) =
                (1 + (chance.uniform() * 3.0) as usize, 1 + (chance.uniform() * 3.0) as usize);
            let made_up = study(&[n], &vec![vec![Some(1.0); k]; n], Compare::default());
            let contents = made_up.plan.contents(&*made());
            let ids = &contents.studies[0];
            let history = store.history().unwrap();
            store.record_tables(&made_up.plan, &contents, &history, &|_| true).unwrap();
            if !written.contains(&(n, k)) {
                let overlap = |m: usize| n.min(m) >= 2 || (n == 1 && m == 1);
                let names = written.iter().filter(|(m, _)| overlap(*m)).map(|&(m, j)| {
                    let other = study(&[m], &vec![vec![Some(1.0); j]; m], Compare::default());
                    let contents = other.plan.contents(&*made());
                    Seen::name_of(&contents.studies[0], &contents.seeds)
                });
                before.insert((n, k), names.collect());
                written.push((n, k));
            }
            let history = store.history().unwrap();
            assert!(history.unreadable.is_empty(), "{:?}", history.unreadable);
            assert_eq!(history.before(ids, &contents.seeds), before[&(n, k)], "{written:?}");
            assert_eq!(history.seen.len(), written.len());
        }
    }
}

#[test]
fn a_registered_design_is_confirmatory_and_every_deviation_is_listed() {
    let place = Place::with(SMALL);
    // A baseline that is shared may be there.
    told(&place, "sweep small.toml --name base --axis model.skip=false");
    let said = told(&place, "register small.toml");
    assert!(said.contains("registered") && said.contains("2 variants"), "{said}");
    let before = everything(&place.path("results"));
    assert!(told(&place, "register small.toml").contains("is registered since"));
    assert!(everything(&place.path("results")) == before, "registered twice");

    let said = told(&place, "sweep small.toml");
    assert!(said.contains("better, confirmatory") && !said.contains("deviation"), "{said}");
    told(&place, "plots small");
    let page = place.read("plots/index.html");
    // The page has the other experiment, too.
    assert!(page.contains("confirmatory: registered") && page.contains("exploratory: no design"));
    assert!(told(&place, "compare small --checklist").contains("Confirmatory: registered"));
    assert!(place.read("results/small/history.csv").contains("registered,"));

    let edited = |name: &str, compare: &str| {
        let text = format!("{SMALL}\n[compare]\n{compare}\n");
        fs::write(place.path(&format!("{name}.toml")), text).unwrap();
    };
    edited("metric", "metric = \"valid-nll\"");
    edited("holm", "correction = \"holm\"");
    edited("level", "level = 0.9");
    for (command, deviation) in [
        ("sweep small.toml --seeds 3 --name more", "not registered"),
        ("sweep small.toml --seeds 1 --name fewer", "registered and left out"),
        (
            "sweep small.toml --axis model.skip=true,false --axis model.masks=1,2 --name v",
            "variants",
        ),
        ("sweep small.toml --name e --set train.epochs=2", ""),
        ("sweep metric.toml", "compare.metric `valid-nll`, registered"),
        ("sweep holm.toml", "compare.correction `holm`, registered `max-t`"),
        ("sweep level.toml", "compare.level 0.9, registered 0.95"),
        (
            "compare small --baseline skip-on",
            "compare.baseline `skip-on`, registered unset",
        ),
    ] {
        let said = told(&place, command);
        // Other settings under another name are another study.
        let word = if deviation.is_empty() { "exploratory" } else { "registered, with deviations" };
        assert!(said.contains(word) && said.contains(deviation), "{command}: {said}");
        assert!(!said.contains("better, confirmatory"), "{command}: {said}");
    }
    // Under the registered name it is a deviation.
    let said = told(&place, "sweep small.toml --replace --set train.epochs=2");
    assert!(said.contains("with other settings, data or version of the numerics"), "{said}");
    assert!(told(&place, "verify holm --runs 1").contains("tables as the runs give them"));
}

#[test]
fn a_design_is_not_registered_after_its_runs() {
    let place = Place::with(SMALL);
    told(&place, "sweep small.toml");
    let before = everything(&place.path("results"));
    let refused = |expected: &str| {
        let (_, err) = place.exits(2, "register small.toml");
        assert!(flat(&err).contains(expected), "{err}");
    };
    refused("2 runs of its own are finished already");
    assert!(
        everything(&place.path("results")) == before,
        "a refused registration writes nothing"
    );
    // Removing the runs does not help.
    fs::remove_dir_all(place.path("results/small")).unwrap();
    told(&place, "clean --yes --age 0s");
    assert!(place.published().is_empty());
    refused("in the record as scored");
    // New seeds do.
    let fresh = SMALL.replace("seeds = 2", "seeds = { list = [11, 12] }");
    fs::write(place.path("fresh.toml"), fresh).unwrap();
    told(&place, "register fresh.toml");
    let said = told(&place, "sweep fresh.toml");
    assert!(said.contains("confirmatory") && said.contains("with other seeds"), "{said}");
    assert!(!said.contains("not controlled"), "{said}");
}

#[test]
fn the_ledger_of_the_test_set_never_shrinks() {
    let place = Place::with(SMALL);
    let counted = |experiment: &str, expected: &str| {
        let said = told(&place, &format!("compare {experiment} --checklist"));
        assert!(said.contains(expected), "no `{expected}`: {said}");
        assert!(!said.contains("used for nothing else"), "{said}");
    };
    // Runs of a task have no table; they are counted when they are removed.
    let (name, _) = place.exits(0, "freeze small.toml --seeds 3 --tasks 1");
    told(&place, &format!("task {} 0", name.trim()));
    assert_eq!(place.published().len(), 6);
    for folder in ["small", "submitted"] {
        fs::remove_dir_all(place.path("results").join(folder)).unwrap();
    }
    told(&place, "clean --yes --age 0s");
    assert!(place.published().is_empty());
    told(&place, "sweep small.toml --set train.epochs=2");
    counted("small", "10 runs of 4 variants in 1 experiment on digits-test-");
    // Other training images, the same test images.
    told(&place, "sweep small.toml --name fewer --set data.train=20");
    counted("fewer", "14 runs of 6 variants in 2 experiments");
    counted("small", "14 runs of 6 variants in 2 experiments");
    // Control: another test set.
    told(&place, "sweep small.toml --name another --set data.test=8");
    counted("another", "4 runs of 2 variants in 1 experiment");
    counted("small", "14 runs of 6 variants in 2 experiments");
    told(&place, "plots");
    assert!(
        place
            .read("plots/index.html")
            .contains("14 runs of 6 variants in 2 experiments")
    );
}

#[test]
fn commands_that_look_and_clean_leave_the_record_alone() {
    let place = Place::with(SMALL);
    told(&place, "sweep small.toml");
    let before = everything(&place.path("results"));
    assert!(records(&place, "seen").len() == 1 && records(&place, "scored").len() == 1);
    for command in [
        "plan small.toml --seeds 4",
        "status small",
        "why small.toml",
        "compare small",
        "compare small --checklist",
        "plots",
        "verify small --runs 1",
        "clean",
        "sweep small.toml",
        "tables",
    ] {
        told(&place, command);
        assert!(everything(&place.path("results")) == before, "{command}");
    }
    let record = everything(&place.path(HISTORY));
    fs::remove_dir_all(place.path("results/small")).unwrap();
    told(&place, "clean --yes --age 0s");
    assert!(place.published().is_empty());
    assert!(everything(&place.path(HISTORY)) == record);
}

#[test]
fn tables_of_a_version_without_a_record_were_seen_all_the_same() {
    let place = Place::with(SMALL);
    told(&place, "sweep small.toml");
    fs::remove_dir_all(place.path(HISTORY)).unwrap();
    let said = told(&place, "verify small --runs 1");
    assert!(said.contains("does not have the table of small"), "{said}");
    let said = told(&place, "sweep small.toml --seeds 3");
    assert!(
        said.contains(ADDED) && said.contains("from before there was a record"),
        "{said}"
    );
}

#[test]
fn a_damaged_or_missing_record_of_a_table_hides_no_seeds() {
    for is_removed in [false, true] {
        let place = Place::with(SMALL);
        told(&place, "sweep small.toml");
        let known = "No other seeds of these comparisons were seen before its table";
        assert!(told(&place, "compare small --checklist").contains(known));
        let record = &records(&place, "seen")[0];
        if is_removed {
            fs::remove_file(record).unwrap();
        } else {
            fs::write(record, "garbage").unwrap();
        }
        let said = told(&place, "compare small --checklist");
        assert!(said.contains("It cannot be known") && !said.contains(known), "{said}");
        for command in ["plan small.toml --seeds 7", "sweep small.toml --seeds 7"] {
            let said = told(&place, command);
            assert!(said.contains(ADDED) && said.contains("seeds 1 2)"), "{command}: {said}");
        }
        // Afterwards, too, though the plan with the old seeds is gone.
        for command in ["compare small", "sweep small.toml --seeds 7", "tables"] {
            let said = told(&place, command);
            assert!(command == "tables" || said.contains(ADDED), "{command}: {said}");
        }
        assert!(place.read("results/small/history.csv").contains("earlier table"));
        let said = told(&place, "compare small --checklist");
        assert!(said.contains("Seeds were added") && !said.contains(known), "{said}");
        assert_eq!(is_removed, fs::read(record).unwrap() != b"garbage", "evidence stays");
    }
}

#[test]
fn settings_without_effect_hide_nothing_that_was_seen() {
    let place = Place::with(SMALL);
    told(&place, "sweep small.toml");
    let idle = ["sample.count=1", "train.remask_every=3", "model.resample=connectivity"];
    for (i, setting) in idle.iter().enumerate() {
        let command = format!("small.toml --set {setting} --name idle{i}");
        let (_, err) = place.exits(2, &format!("register {command}"));
        assert!(flat(&err).contains("settings that have no effect on test-nll"), "{err}");
        let said = told(&place, &format!("plan {command} --seeds 3"));
        assert!(said.contains(ADDED), "{setting}: {said}");
    }
    // Runs that are gone were scored all the same, also those that no table showed.
    let (name, _) = place.exits(0, "freeze small.toml --seeds 3 --name frozen --tasks 1");
    told(&place, &format!("task {} 0", name.trim()));
    for folder in ["small", "frozen", "submitted"] {
        let _ = fs::remove_dir_all(place.path("results").join(folder));
    }
    told(&place, "clean --yes --age 0s");
    assert!(place.published().is_empty());
    for text in [SMALL.to_owned(), SMALL.replace("seeds = 2", "seeds = { list = [3] }")] {
        fs::write(place.path("small.toml"), text).unwrap();
        let (_, err) = place.exits(2, "register small.toml --set sample.count=1");
        assert!(flat(&err).contains("settings that have no effect on test-nll"), "{err}");
    }
    // Controls: settings with an effect on what is compared.
    for (name, setting) in [("a", "train.epochs=2"), ("b", "model.hidden=[9]")] {
        told(&place, &format!("register small.toml --set {setting} --name {name}"));
    }
    let averaged = format!("{SMALL}\n[compare]\nmetric = \"test-nll-averaged\"\n");
    fs::write(place.path("averaged.toml"), averaged).unwrap();
    told(&place, "sweep averaged.toml --set sample.masks=2 --set model.masks=4");
    let (_, err) = place.exits(
        2,
        "register averaged.toml --set sample.masks=2 --set sample.count=1 --set model.masks=4",
    );
    assert!(flat(&err).contains("no effect on test-nll-averaged"), "{err}");
    told(&place, "register averaged.toml --set sample.masks=3 --set model.masks=4");
    // A registered design is the same one without them.
    let said = told(
        &place,
        "sweep averaged.toml --replace --set sample.masks=3 --set sample.count=1 --set model.masks=4",
    );
    assert!(said.contains("confirmatory") && !said.contains("deviation"), "{said}");
}

/// A program that prints two values, compared by what `metric` says.
fn program(metric: &str, rest: &str) -> String {
    format!(
        "seeds = 2\n[program]\ncommand = [\"sh\", \"p.sh\", \"{{args}}\"]\ninputs = [\"p.sh\"]\n\
         [metrics]\nat = {{ better = \"lower\", column = \"loss\" }}\nscore = {{ {metric} }}\n\
         [compare]\nmetric = \"score\"\n[settings]\nmode = 1\n[axes]\nmode = [1, 2]\n{rest}"
    )
}

#[test]
fn another_definition_of_the_compared_metric_is_a_deviation() {
    let test = r#"better = "lower", stdout = 'test ([0-9]+)'"#;
    let at = r#"better = "lower", column = "loss", at = "at""#;
    for (registered, now, from, to) in [
        (test, test.replace("test", "valid"), "", ""),
        (test, test.replace("lower", "higher"), "", ""),
        (test, format!("{test}, unit = \"ms\""), "", ""),
        (at, at.replace(", at = \"at\"", ""), "", ""),
        (at, at.to_owned(), "at = { better = \"lower\"", "at = { better = \"higher\""),
    ] {
        let place = Place::with(&program(registered, ""));
        let script = "echo test 1$ABLADE_SEED; echo valid 2$ABLADE_SEED; \
                      printf 'step,loss\\n1,3\\n2,2.%d\\n' $ABLADE_SEED > $ABLADE_RUN/metrics.csv";
        fs::write(place.path("p.sh"), script).unwrap();
        told(&place, "register small.toml");
        let said = told(&place, "sweep small.toml");
        assert!(said.contains("confirmatory") && !said.contains("deviation"), "{said}");
        fs::write(place.path("small.toml"), program(&now, "").replace(from, to)).unwrap();
        let said = told(&place, "sweep small.toml");
        assert!(said.contains("the metric is read otherwise: registered "), "{now}: {said}");
        assert!(!said.contains("better, confirmatory"), "{now}: {said}");
        let table = place.read("results/small/history.csv");
        assert!(table.contains("deviation,") && table.contains("read otherwise"), "{table}");
    }
}

#[test]
fn externals_that_change_after_registration_are_deviations() {
    let external = |label: &str| {
        format!(
            "[[external]]\nlabel = \"{label}\"\nfile = \"o.csv\"\nmetric = \"test-nll\"\n\
             unit = \"nats\"\nvalue = \"nll\"\n"
        )
    };
    let with = |labels: &[&str]| {
        format!("{SMALL}\n{}", labels.iter().map(|label| external(label)).collect::<String>())
    };
    let values = |last: &str| format!("seed,nll\n1,3.25\n2,{last}\n");
    let place = Place::with(&with(&["tool"]));
    fs::write(place.path("o.csv"), values("3.5")).unwrap();
    told(&place, "register small.toml");
    let said = told(&place, "sweep small.toml");
    assert!(said.contains("confirmatory") && !said.contains("deviation"), "{said}");
    for (labels, last, deviation) in [
        (vec!["tool", "late"], "3.5", "[[external]] `late` not registered"),
        (vec![], "3.5", "[[external]] `tool` registered and left out"),
        (vec!["tool"], "3.75", "[[external]] `tool` with other values than registered"),
    ] {
        fs::write(place.path("small.toml"), with(&labels)).unwrap();
        fs::write(place.path("o.csv"), values(last)).unwrap();
        let said = told(&place, "sweep small.toml");
        assert!(said.contains("registered, with deviations"), "{said}");
        assert!(said.contains(deviation), "no `{deviation}`: {said}");
        assert!(place.read("results/small/history.csv").contains(deviation));
    }
    fs::write(place.path("small.toml"), with(&["tool"])).unwrap();
    fs::write(place.path("o.csv"), values("3.5")).unwrap();
    assert!(told(&place, "sweep small.toml").contains("better, confirmatory"));
}

/// Change of a file of the record.
type Damage<'a> = Box<dyn Fn(&Path) + 'a>;

#[test]
fn a_record_that_cannot_be_read_is_named_and_stops_nothing() {
    let place = Place::with(SMALL);
    told(&place, "sweep small.toml");
    told(&place, "verify small --runs 1");
    let whole = &records(&place, "seen")[0];
    let text = fs::read_to_string(whole).unwrap();
    let sealed = |json: &str| {
        format!(
            "{{\"blake3\":\"{}\",\"plan\":{json}}}\n",
            blake3::hash(json.as_bytes()).to_hex()
        )
    };
    let json = text.split_once("\"plan\":").unwrap().1.trim_end().strip_suffix('}').unwrap();
    let name = whole.file_name().unwrap().to_str().unwrap();
    let pipe = |path: &Path| {
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    let write = |text: String| -> Damage { Box::new(move |path| fs::write(path, &text).unwrap()) };
    let other = "seen-0123456789abcdef.json";
    let cases: Vec<(&str, Damage, &str)> = vec![
        (other, write("\u{1b}[2J garbage".to_owned()), "its checksum does not match"),
        (other, write(String::new()), "its checksum does not match"),
        (name, write(text[..text.len() / 2].to_owned()), "its checksum does not match"),
        (other, write(text.clone()), "its name is not that of its content"),
        (other, write(sealed("[1]")), "invalid"),
        (other, write(sealed("{\"version\":2,\"more\":1}")), "it has format 2"),
        (
            name,
            write(sealed(&json.replace("\"version\":1", "\"version\":9"))),
            "it has format 9",
        ),
        (
            "scored-0123456789abcdef.json",
            write(sealed("{\"version\":1,\"sets\":{}}")),
            "its name",
        ),
        (
            "registered-0123456789abcdef.json",
            write(sealed("{\"version\":1}")),
            "missing field",
        ),
        (other, Box::new(pipe), "regular"),
        (other, Box::new(|path| fs::create_dir(path).unwrap()), "is a directory"),
    ];
    for (i, (file, damage, reason)) in cases.into_iter().enumerate() {
        let path = place.path(HISTORY).join(file);
        let _ = fs::remove_file(&path);
        damage(&path);
        for command in ["compare small", "plan small.toml", "tables"] {
            let said = told(&place, command);
            assert!(said.contains(file) && said.contains(reason), "{command}, {reason}: {said}");
        }
        if i == 0 {
            told(&place, "plots");
            let page = place.read("plots/index.html");
            assert!(page.contains("The record of the past is incomplete"));
            let said = told(&place, "compare small --checklist");
            assert!(said.contains("The record of the past is incomplete"), "{said}");
        }
        let (out, err) = place.exits(1, "verify small --runs 1");
        assert!(out.contains(file), "{out}{err}");
        // It is evidence, and stays.
        assert!(fs::symlink_metadata(&path).is_ok(), "{reason}");
        let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir(&path));
        fs::write(whole, &text).unwrap();
    }
    told(&place, "sweep small.toml --seeds 3");
    told(&place, "verify small --runs 1");
    // A record that a later one names cannot vanish unnoticed.
    fs::remove_file(whole).unwrap();
    let (out, _) = place.exits(1, "verify small --runs 1");
    assert!(out.contains(name) && out.contains("is missing"), "{out}");
}

#[test]
fn a_record_that_cannot_be_kept_is_an_error_before_anything_is_trained() {
    for in_the_way in ["file", "link"] {
        let place = Place::with(SMALL);
        fs::create_dir_all(place.path("results")).unwrap();
        let path = place.path(HISTORY);
        match in_the_way {
            "file" => fs::write(&path, "").unwrap(),
            _ => std::os::unix::fs::symlink(place.0.path(), &path).unwrap(),
        }
        for command in ["sweep small.toml", "register small.toml"] {
            let (_, err) = place.exits(2, command);
            assert!(err.contains(".ablade-history"), "{command}: {err}");
        }
        assert!(place.published().is_empty() && !place.path("results/small").exists());
    }
}

#[test]
fn processes_that_write_or_die_at_the_same_time_leave_a_whole_record() {
    let place = Place::with(SMALL);
    let names = ["a", "b", "c"];
    let children: Vec<_> =
        names.map(|name| place.start(&format!("sweep small.toml --name {name}"))).into();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(records(&place, "seen").len(), 1, "one content, one record");
    for (i, seeds) in [3, 4, 5, 6].into_iter().enumerate() {
        let mut child = place.start(&format!("sweep small.toml --name a --seeds {seeds}"));
        place.wait_for(&mut child, 2 * seeds - 1 - i % 2);
        let _ = child.kill();
        child.wait().unwrap();
    }
    let said = told(&place, "sweep small.toml --name a --seeds 6");
    assert!(said.contains(ADDED), "{said}");
    let store = Store::open(place.path("results"), made()).unwrap();
    assert_eq!(store.history().unwrap().unreadable, Vec::<String>::new());
    told(&place, "verify a --runs 1");
}
