//! Programs that misbehave: whatever a program does, its run ends with a reason in one line, the
//! other runs are done, no process is left, and no command panics or hangs.
//!
//! `ABLADE_KILLS` is the number of kills of the crash test.

#![expect(clippy::print_stdout, reason = "a test that fails shows its case")]
// Processes are looked for in `/proc`.
#![cfg(target_os = "linux")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use ablade::npy;
use ablade::rng::{Purpose, Seed};
use ablade::store::Store;
use ablade::trainers::program::ProgramTrainers;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::made;
use crate::support::place::Place;

/// Longest time of a command; a test that waits for a grace period adds it.
const LONGEST: Duration = Duration::from_secs(120);
/// Time between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(10);

/// An experiment with a shell script `p.sh`, whose variant `bad` behaves in a way of its own.
struct Lab {
    place: Place,
    /// Argument of `sleep` that no other test has: its processes are found by it.
    mark: String,
}

impl Lab {
    /// `bad` is what the script does as the variant `bad`; `program` and `rest` are lines of
    /// `[program]` and of further sections.
    fn new(bad: &str, program: &str, rest: &str) -> Self {
        static LABS: AtomicUsize = AtomicUsize::new(0);
        let place = Place::new();
        let number = LABS.fetch_add(1, Ordering::SeqCst);
        let mark = format!("{}.{number}", 1000 + std::process::id());
        let lab = Self { place, mark };
        lab.script(
            "p.sh",
            &format!(
                "R=$ABLADE_RUN\nMARK={}\nscore() {{ echo \"{{\\\"score\\\": $ABLADE_SEED.5}}\" > \"$R/scores.json\"; }}\n\
                 case \"$*\" in\n*--mode\\ bad*)\n{bad}\n;;\n*) score ;;\nesac\n",
                lab.mark
            ),
        );
        let metrics = if rest.contains("[metrics]") {
            ""
        } else {
            "[metrics]\nscore = { better = \"higher\" }\n"
        };
        lab.write(
            "small.toml",
            &format!(
                "seeds = 2\n[program]\ncommand = [\"./p.sh\", \"{{args}}\"]\ninputs = [\"p.sh\"]\n{program}\n\
                 [settings]\nmode = \"good\"\n[axes]\nmode = [\"good\", \"bad\"]\n{metrics}{rest}\n"
            ),
        );
        lab
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.place.path(name), text).unwrap();
    }

    fn script(&self, name: &str, body: &str) {
        self.write(name, &format!("#!/bin/sh\n{body}"));
        fs::set_permissions(self.place.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Replaces a part of a file.
    #[track_caller]
    fn edit(&self, name: &str, from: &str, to: &str) {
        let text = self.place.read(name);
        assert!(text.contains(from), "{text}");
        self.write(name, &text.replace(from, to));
    }

    /// Runs a command, which may not panic or hang; returns its exit code and all that it printed.
    #[track_caller]
    fn run(&self, arguments: &str) -> (i32, String) {
        let mut command = self.place.command(arguments);
        let output = ends(command.args(["--progress", "plain"]), LONGEST);
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(!text.contains("panicked"), "{text}");
        (output.status.code().unwrap_or(-1), text)
    }

    #[track_caller]
    fn exits(&self, code: i32, arguments: &str) -> String {
        let (found, text) = self.run(arguments);
        assert_eq!(found, code, "`ablade {arguments}`\n{text}");
        text
    }

    fn start(&self, arguments: &str) -> Child {
        self.place.start_with_log(&format!("{arguments} --progress plain"), "log")
    }

    /// Rows of `runs.csv` of a mode.
    fn rows(&self, mode: &str) -> Vec<BTreeMap<String, String>> {
        let rows = self.place.table("runs.csv");
        rows.into_iter().filter(|row| row["mode"] == mode).collect()
    }

    /// Ids of the living processes of this experiment.
    fn processes(&self) -> Vec<i32> {
        let place = self.place.0.path().to_str().unwrap().as_bytes().to_owned();
        let has = |path: &Path, text: &[u8]| {
            let found = fs::read(path).unwrap_or_default();
            found.windows(text.len()).any(|window| window == text)
        };
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let processes = entries.filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse::<i32>().ok()?;
            let path = entry.path();
            let is_ours = has(&path.join("cmdline"), self.mark.as_bytes())
                || has(&path.join("cmdline"), &place)
                || has(&path.join("environ"), &place);
            is_ours.then_some(pid)
        });
        processes.filter(|pid| *pid != std::process::id() as i32).collect()
    }

    /// Requires that no process of the experiment is left a moment later.
    #[track_caller]
    fn leaves_no_process(&self) {
        let begun = Instant::now();
        while !self.processes().is_empty() {
            if begun.elapsed() > Duration::from_secs(5) {
                let left: Vec<String> = self.processes().into_iter().map(command_line).collect();
                panic!("left: {left:?}");
            }
            sleep(Duration::from_millis(20));
        }
    }

    /// Sweeps; requires that the variant `good` is done, and that `bad` ends with this status and a
    /// reason with these words, in one line.
    #[track_caller]
    fn ends_with(&self, status: &str, reason: &str) -> String {
        let text = self.exits(1, "sweep small.toml");
        assert!(self.rows("good").iter().all(|row| row["status"] == "finished"), "{text}");
        let bad = self.rows("bad");
        assert_eq!(bad.len(), 2);
        for row in bad {
            let error = &row["error"];
            assert_eq!(row["status"], status, "{error}\n{text}");
            assert!(error.contains(reason), "{error:?} lacks {reason:?}\n{text}");
            assert!(!error.chars().any(char::is_control) && error.len() < 2000, "{error:?}");
        }
        let shown = self.exits(0, "status small");
        assert!(shown.contains(reason), "{shown}");
        self.leaves_no_process();
        text
    }

    /// Sweeps; requires that every run finishes.
    #[track_caller]
    fn finishes(&self) -> String {
        let text = self.exits(0, "sweep small.toml");
        let rows = self.place.table("runs.csv");
        assert!(rows.iter().all(|row| row["status"] == "finished"), "{text}\n{rows:?}");
        self.intact();
        self.leaves_no_process();
        text
    }

    /// Requires that every published run is as it was published.
    #[track_caller]
    fn intact(&self) {
        let store = Store::open(self.place.path("results"), made()).unwrap();
        let store = store.with_programs(ProgramTrainers::new(None));
        let plan = store.load_plan("small").unwrap();
        let store = store.of(&plan).unwrap();
        for run in &plan.runs {
            store.check(&run.id).unwrap();
        }
        assert_eq!(self.place.published().len(), plan.runs.len());
    }

    /// The directory of a published run of the variant `bad`.
    fn bad_run(&self) -> std::path::PathBuf {
        self.place.path("results/runs").join(&self.rows("bad")[0]["run"])
    }
}

fn command_line(pid: i32) -> String {
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    format!("{pid}: {}", String::from_utf8_lossy(&words).replace('\0', " "))
}

/// A text without its line breaks.
fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Output of a command that ends in time.
#[track_caller]
fn ends(command: &mut Command, limit: Duration) -> Output {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let pid = Pid::from_child(&child);
    let (sender, receiver) = std::sync::mpsc::channel();
    let waiting = std::thread::spawn(move || {
        let _ = sender.send(child.wait_with_output());
    });
    let Ok(output) = receiver.recv_timeout(limit) else {
        let _ = kill_process(pid, Signal::KILL);
        panic!("{command:?} does not end");
    };
    waiting.join().unwrap();
    output.unwrap()
}

/// Exit code of a child that ends in time.
#[track_caller]
fn code(child: &mut Child, limit: Duration) -> Option<i32> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if begun.elapsed() > limit {
            child.kill().unwrap();
            panic!("it does not end");
        }
        sleep(Duration::from_millis(10));
    }
}

#[track_caller]
fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(60), "never: {what}");
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_failure_has_its_reason_and_takes_no_other_run_with_it() {
    for (bad, reason) in [
        (":", "no score: scores.json was not written"),
        ("printf '{\"score\": 1' > $R/scores.json", "scores.json is no JSON: EOF"),
        ("printf '{\"scor\": 1}' > $R/scores.json", "did you mean `scor`?"),
        ("printf '{\"score\": \"high\"}' > $R/scores.json", "no number"),
        ("printf '\\377\\376' > $R/scores.json", "scores.json is not UTF-8"),
        ("score; exit 3", "exit code 3"),
        ("exit 137", "exit code 137"),
        ("kill -SEGV $$", "killed by SIGSEGV"),
        ("kill -KILL $$", "killed by SIGKILL"),
        ("echo first >&2; echo last >&2; exit 1", "exit code 1: first | last"),
        ("printf '\\377\\033[31mred\\nnext\\007\\n' >&2; exit 6", "exit code 6"),
        ("exec >&- 2>&-; sleep 0.3; exit 4", "exit code 4"),
        ("read line && exit 0; exit 5", "exit code 5"),
        ("rm -rf $R", "scores.json was not written"),
        ("rm -rf $R; echo file > $R", "scores.json was not written"),
        ("mkfifo $R/scores.json", "scores.json: it is a pipe"),
        ("mkdir $R/scores.json", "scores.json: is a directory"),
        ("ln -s /dev/zero $R/scores.json", "scores.json: it is a device"),
        ("ln -s nowhere $R/scores.json", "scores.json was not written"),
        ("ln -s scores.json $R/scores.json", "scores.json: "),
        ("truncate -s 1T $R/scores.json", "scores.json: it is longer than"),
        ("cd $R/files; seq 10100 | xargs touch; score", "more than 10,000 files"),
        ("kill -9 $PPID; sleep $MARK", "killed by SIGKILL"),
        ("setsid sleep $MARK & kill -9 $PPID; exit 0", "killed by SIGKILL"),
    ] {
        println!("{bad}");
        let lab = Lab::new(bad, "", "");
        lab.ends_with("failed", reason);
        // A second attempt finds what the first has left.
        lab.ends_with("failed", reason);
    }
}

#[test]
fn a_run_directory_that_became_a_link_does_not_lead_elsewhere() {
    let lab = Lab::new("rm -rf $R; ln -s $PWD/victim $R", "", "");
    fs::create_dir_all(lab.place.path("victim/files")).unwrap();
    lab.write("victim/files/precious.txt", "precious");
    lab.ends_with("failed", "scores.json was not written");
    lab.ends_with("failed", "scores.json was not written");
    assert_eq!(lab.place.read("victim/files/precious.txt"), "precious");
}

#[test]
fn odd_ways_to_succeed() {
    for bad in [
        "score; exec >&- 2>&- <&-; sleep 0.2",
        "score; setsid sleep $MARK & exit 0",
        "score; (setsid sh -c \"setsid sleep $MARK &\" &) ; exit 0",
        "score; env -i setsid sh -c \"trap '' TERM HUP INT; sleep $MARK; sleep $MARK\" & exit 0",
        // A chain of processes, each of which starts the next and ends.
        "score; echo 'trap \"\" TERM; (sleep 0.005; sh $1 $1 '$MARK') &' > $R/chain; sh $R/chain $R/chain & exit 0",
        "score; for name in run summary timing checksums; do echo x > $R/$name.toml; echo y > $R/files/$name.toml; done",
        "score; echo own > $R/log.txt; echo printed",
        "score; rm $R/log.txt; mkfifo $R/log.txt",
        "score; rm -f $R/.ablade-lock $R/config.json; mkfifo $R/.ablade-lock $R/.ablade-succeeded $R/config.json",
        "echo '{\"score\": 7}' > $R/7.json; ln -s 7.json $R/scores.json",
        "score; head -c 300000 /dev/urandom; printf '\\377' >&2",
        "score; rmdir $R/scores $R/files; echo > $R/files; ln -s / $R/scores",
        "score; chmod 500 $R $R/files $R/checkpoint",
        "score; cd $R; mkdir -p checkpoint/$(printf 'd/%.0s' $(seq 300)); echo x > checkpoint/state",
    ] {
        println!("{bad}");
        let lab = Lab::new(bad, "", "");
        lab.finishes();
        assert!(lab.exits(0, "sweep small.toml").contains("all 4 runs are there"));
    }
}

#[test]
fn a_file_that_may_not_be_read_is_a_reason_and_a_directory_that_may_not_be_changed_is_removed() {
    let may_all = rustix::process::geteuid().is_root();
    for bad in ["score; chmod 000 $R/scores.json", "score; umask 777; echo a > $R/files/a"] {
        let lab = Lab::new(bad, "", "");
        if may_all {
            lab.finishes();
        } else {
            lab.ends_with("failed", "denied");
        }
    }
    let lab = Lab::new("mkdir $R/files/a; chmod 500 $R/files/a $R/files $R; exit 3", "", "");
    lab.ends_with("failed", "exit code 3");
    lab.ends_with("failed", "exit code 3");
}

#[test]
fn files_that_are_no_plain_files_are_left_out_with_a_note() {
    let bad = "score; cd $R/files; echo 1 > plain.txt; mkdir below; echo 2 > below/2; ln -s /etc/passwd link; ln -s / root; \
               mkfifo pipe; echo 3 > \"$(printf 'a\\nb')\"; echo 4 > \"$(printf 'c\\377')\"; echo 5 > 'back\\slash'; echo 6 > 'ä b'";
    let lab = Lab::new(bad, "", "");
    let text = lab.finishes();
    assert!(text.contains("6 files not kept"), "{text}");
    let run = lab.bad_run();
    for (name, content) in [("plain.txt", "1"), ("below/2", "2"), ("ä b", "6")] {
        assert_eq!(fs::read_to_string(run.join("files").join(name)).unwrap().trim(), content);
    }
    assert_eq!(fs::read_dir(run.join("files")).unwrap().count(), 3);
}

#[test]
fn a_file_that_is_known_elsewhere_too_is_copied() {
    let lab = Lab::new("score; ln $PWD/shared.txt $R/files/shared.txt", "", "");
    lab.write("shared.txt", "before");
    lab.finishes();
    lab.write("shared.txt", "after");
    assert_eq!(fs::read_to_string(lab.bad_run().join("files/shared.txt")).unwrap(), "before");
    lab.intact();
}

#[test]
fn a_link_or_pipe_that_one_command_leaves_does_not_stop_the_next() {
    let bad = "if test -e $R/second; then score; seq 100000; else touch $R/second; rm $R/log.txt $R/config.json; \
               mkfifo $R/log.txt; rm -f $R/.ablade-lock; mkfifo $R/.ablade-lock; fi";
    let lab = Lab::new(bad, "", "");
    lab.edit(
        "small.toml",
        "command = [\"./p.sh\", \"{args}\"]",
        "command = [[\"./p.sh\", \"{args}\"], [\"./p.sh\", \"{args}\"]]",
    );
    lab.finishes();
    assert!(fs::read_to_string(lab.bad_run().join("log.txt")).unwrap().contains("\n99999\n"));
}

#[test]
fn a_gigabyte_of_output_takes_neither_memory_nor_disk() {
    let lab = Lab::new(
        "score; if test $ABLADE_SEED = 1; then yes 0123456789 | head -c 1073741824; else head -c 200000000 /dev/zero >&2; fi; echo last",
        "",
        "",
    );
    let mut child = lab.start("sweep small.toml");
    let mut most = 0;
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = resident.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok());
        most = most.max(kib.unwrap_or(0));
        assert!(begun.elapsed() < 3 * LONGEST, "it does not end");
        sleep(Duration::from_millis(20));
    }
    assert_eq!(child.wait().unwrap().code(), Some(0), "{}", lab.place.read("log"));
    println!("most memory: {most} KiB, in {:?}", begun.elapsed());
    assert!(most < 200_000, "{most} KiB of memory");
    for row in lab.rows("bad") {
        let log = lab.place.path("results/runs").join(&row["run"]).join("log.txt");
        let text = fs::read(&log).unwrap();
        assert!(text.len() <= 1 << 20 && text.len() > 1 << 19, "{} bytes", text.len());
    }
}

#[test]
fn not_finite_is_diverged_whatever_the_exit_code() {
    let column = "[metrics]\nscore = { better = \"lower\", column = \"loss\" }";
    let good = "*) printf \"step,loss\\n1,0.$ABLADE_SEED\\n\" > $R/metrics.csv ;;";
    let printed = "[metrics]\nscore = { better = \"lower\", stdout = 'loss (\\S+)' }";
    for (bad, rest, reason) in [
        ("echo '{\"score\": NaN}' > $R/scores.json", "", "score is NaN"),
        ("echo '{\"score\": Infinity}' > $R/scores.json; exit 1", "", "score is inf"),
        (
            "echo '{\"score\": -Infinity, \"x\": {}}' > $R/scores.json; exit 137",
            "",
            "score is -inf",
        ),
        ("printf 'step,loss\\n1,0.5\\n2,nan\\n' > $R/metrics.csv; exit 9", column, "NaN"),
        (
            "printf 'step,loss,other\\n1,0.5,1\\n2,0.4,inf\\n' > $R/metrics.csv",
            column,
            "other is inf at step 2",
        ),
        ("echo loss 1; echo loss nan; exit 2", printed, "score is NaN"),
        // Its square, and any interval, would be infinite.
        (
            "echo '{\"score\": -1.5e308}' > $R/scores.json",
            "",
            "score is -1.5e308, beyond ±1e150",
        ),
    ] {
        println!("{bad}");
        let lab = Lab::new(bad, "", rest);
        if rest == column {
            lab.edit("p.sh", "*) score ;;", good);
        }
        if rest == printed {
            lab.edit("p.sh", "*) score ;;", "*) echo loss $ABLADE_SEED ;;");
        }
        lab.ends_with("diverged", reason);
    }
}

#[test]
fn a_table_of_steps_may_gain_columns_and_a_ragged_one_is_refused() {
    let metrics = "[metrics]\nscore = { better = \"lower\", column = \"loss\" }";
    let good = "*) printf \"step,loss\\n1,0.$ABLADE_SEED\\n\" > $R/metrics.csv ;;";
    let lab = Lab::new(
        "printf 'step,loss\\n1,0.5\\nstep,loss,more\\n2,0.25,7\\n' > $R/metrics.csv",
        "",
        metrics,
    );
    lab.edit("p.sh", "*) score ;;", good);
    lab.finishes();
    assert_eq!(lab.rows("bad")[0]["score"], "0.25");
    for (bad, reason) in [
        (
            "printf 'step,loss\\n1,0.5\\n2,0.25,7\\n' > $R/metrics.csv",
            "line 3: 3 cells under 2 columns",
        ),
        ("printf 'step,los\\n1,0.5\\n' > $R/metrics.csv", "did you mean `los`?"),
        (
            "printf 'step;loss\\n1;0.5\\n' > $R/metrics.csv",
            "separated by semicolons; write commas",
        ),
        ("printf 'step,loss\\n1,\\n' > $R/metrics.csv", "blank"),
        ("printf 'step,other\\n1,2\\n' > $R/metrics.csv", "no column `loss`"),
        (
            "printf 'step,loss\\nlast,2\\n' > $R/metrics.csv",
            "the step is \"last\", no number",
        ),
        ("mkfifo $R/metrics.csv; sleep 0.7", "metrics.csv: it is a pipe"),
        ("mkdir $R/metrics.csv", "metrics.csv: is a directory"),
        ("ln -s /dev/zero $R/metrics.csv; sleep 0.7", "metrics.csv: it is a device"),
        ("printf '\\377' > $R/metrics.csv", "not UTF-8"),
    ] {
        println!("{bad}");
        let lab = Lab::new(bad, "", metrics);
        lab.edit("p.sh", "*) score ;;", good);
        lab.ends_with("failed", reason);
    }
}

/// Scores of examples as a program saves them.
fn array(values: &[f32]) -> Vec<u8> {
    npy::encode(&[values.len()], values)
}

#[test]
fn scores_of_examples_that_cannot_be_used_are_left_out_with_a_note() {
    let save = "score; cp $PWD/$1-$ABLADE_SEED.npy $R/scores/score.npy";
    // Their mean is the score of the seed.
    let of_seed = |seed: u8, n: u8| -> Vec<f32> {
        (0..n)
            .map(|i| f32::from(seed) + 0.5 + f32::from(i) - f32::from(n - 1) / 2.0)
            .collect()
    };
    let ten = of_seed(2, 10);
    // A header of 10 GB of elements, and ten elements.
    let large = array(&ten);
    let (from, to) = (b"(10,), }        ", b"(2500000000,), }");
    let at = large.windows(16).position(|window| window == from).unwrap();
    let large = [&large[..at], to, &large[at + 16..]].concat();
    let cases: [(&str, Vec<u8>); 7] = [
        ("", array(&ten)),
        ("has 7 values, others 10 examples", array(&of_seed(2, 7))),
        ("the mean of its values is 0.5, and score is 2.5", array(&[0.5; 10])),
        ("bytes of elements", large),
        ("a value in it is not finite", array(&[f32::NAN; 10])),
        ("score.npy: ", b"no array at all".to_vec()),
        ("score.npy: ", Vec::new()),
    ];
    for (note, last) in cases {
        let lab = Lab::new(&save.replace("$1", "bad"), "", "");
        lab.edit("p.sh", "*) score ;;", &format!("*) {} ;;", save.replace("$1", "good")));
        for (name, seed) in [("good-1", 1), ("good-2", 2), ("bad-1", 1)] {
            let values = array(&of_seed(seed, 10));
            fs::write(lab.place.path(&format!("{name}.npy")), values).unwrap();
        }
        fs::write(lab.place.path("bad-2.npy"), &last).unwrap();
        let text = lab.finishes();
        assert_eq!(text.contains("no interval over examples"), !note.is_empty(), "{text}");
        assert!(text.contains(note), "{note}: {text}");
        let row = &lab.place.table("ablation.csv")[1];
        assert_eq!(row["examples"], if note.is_empty() { "10" } else { "" });
    }
    // As text, of another length for each seed.
    let text = "score; yes $ABLADE_SEED.5 | head -n $((5 + ABLADE_SEED)) > $R/scores/score.txt";
    let lab = Lab::new(text, "", "");
    lab.edit("p.sh", "*) score ;;", &format!("*) {text} ;;"));
    let text = lab.finishes();
    assert!(text.contains("no interval over examples"), "{text}");
}

#[test]
fn a_program_that_ignores_sigterm_is_killed_after_the_time_limit() {
    let lab = Lab::new("trap '' TERM INT; while :; do sleep 0.1; done", "timeout = \"1s\"", "");
    let begun = Instant::now();
    lab.ends_with("failed", "over its time limit of 1");
    let took = begun.elapsed();
    assert!(took > GRACE && took < GRACE + LONGEST, "{took:?}");
}

#[test]
fn a_program_that_ends_at_sigterm_or_is_stopped_ends_at_its_time_limit() {
    for bad in ["sleep $MARK", "kill -STOP $$; sleep $MARK", "setsid sleep $MARK & wait"] {
        let lab = Lab::new(bad, "timeout = \"1s\"", "");
        let begun = Instant::now();
        lab.ends_with("failed", "over its time limit of 1");
        assert!(begun.elapsed() < GRACE, "{bad}: {:?}", begun.elapsed());
    }
}

#[test]
fn a_program_that_ignores_sigterm_is_killed_after_an_interrupt() {
    let lab = Lab::new("trap '' TERM INT; touch started; while :; do sleep 0.1; done", "", "");
    for (signal, exit) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let _ = fs::remove_file(lab.place.path("started"));
        let mut child = lab.start("sweep small.toml");
        wait_until("it starts", || lab.place.path("started").exists());
        let begun = Instant::now();
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(code(&mut child, GRACE + LONGEST), Some(exit), "{}", lab.place.read("log"));
        assert!(begun.elapsed() > Duration::from_secs(9), "{:?}", begun.elapsed());
        lab.leaves_no_process();
    }
    assert_eq!(lab.place.published().len(), 2, "the other runs are done");
    // A second signal does not wait.
    let _ = fs::remove_file(lab.place.path("started"));
    let mut child = lab.start("sweep small.toml");
    wait_until("it starts", || lab.place.path("started").exists());
    let begun = Instant::now();
    for _ in 0..2 {
        let _ = kill_process(Pid::from_child(&child), Signal::INT);
        sleep(Duration::from_millis(100));
    }
    assert_eq!(code(&mut child, LONGEST), Some(130));
    assert!(begun.elapsed() < GRACE / 2, "{:?}", begun.elapsed());
    lab.leaves_no_process();
}

#[test]
fn exit_code_0_at_sigterm_is_an_interruption_and_no_result() {
    let lab = Lab::new(
        "if test -e $R/checkpoint/half; then echo \"2,0.$ABLADE_SEED\" >> $R/metrics.csv; exit 0; fi\n\
         trap 'exit 0' TERM; printf 'step,loss\\n1,9\\n' > $R/metrics.csv; touch $R/checkpoint/half started-$ABLADE_SEED\n\
         while :; do sleep 0.05; done",
        "",
        "[metrics]\nscore = { better = \"lower\", column = \"loss\" }",
    );
    lab.edit(
        "p.sh",
        "*) score ;;",
        "*) printf \"step,loss\\n1,0.$ABLADE_SEED\\n\" > $R/metrics.csv ;;",
    );
    let mut child = lab.start("sweep small.toml --jobs 2");
    wait_until("both start", || {
        (1..=2).all(|i| lab.place.path(&format!("started-{i}")).exists())
    });
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(code(&mut child, LONGEST), Some(130), "{}", lab.place.read("log"));
    assert_eq!(lab.place.published().len(), 2, "{}", lab.place.read("log"));
    lab.leaves_no_process();
    lab.finishes();
    let scores: Vec<String> = lab.rows("bad").iter().map(|row| row["score"].clone()).collect();
    assert_eq!(scores, ["0.1", "0.2"]);
}

#[test]
fn no_process_survives_a_kill_of_the_sweep() {
    let bad = "test -e again && exit 3; (setsid sh -c \"setsid env -i sleep $MARK &\" &); trap '' TERM; touch started; \
               sleep $MARK";
    for with_supervisors in [false, true] {
        let lab = Lab::new(bad, "", "");
        let mut child = lab.start("sweep small.toml");
        wait_until("it starts", || lab.place.path("started").exists());
        sleep(Duration::from_millis(100));
        assert!(lab.processes().len() > 2);
        if with_supervisors {
            let supervisors: Vec<i32> = (lab.processes().into_iter())
                .filter(|pid| command_line(*pid).contains("__supervise"))
                .collect();
            assert!(!supervisors.is_empty());
            child.kill().unwrap();
            for pid in supervisors {
                let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
            }
            child.wait().unwrap();
            // The next attempt ends those that the last one has left, as far as they show whose they
            // are.
            lab.write("again", "");
            lab.exits(1, "sweep small.toml");
            for pid in lab.processes() {
                assert!(!command_line(pid).contains("p.sh"), "{}", command_line(pid));
                let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
            }
        } else {
            child.kill().unwrap();
            child.wait().unwrap();
            lab.leaves_no_process();
        }
    }
}

#[test]
fn an_input_that_changes_under_way_discards_the_run_and_stops_the_sweep() {
    // In the first seeds of the baseline, and later.
    for (mode, finished) in [("good", 0), ("bad", 2)] {
        let lab = Lab::new("wait_for bad; score", "", "");
        lab.edit(
            "p.sh",
            "case ",
            "wait_for() { echo $* >> trace; while test -e stop-$1; do sleep 0.05; done; }\ncase ",
        );
        lab.edit("p.sh", "*) score ;;", "*) wait_for good; score ;;");
        lab.write(&format!("stop-{mode}"), "");
        let mut child = lab.start("sweep small.toml --jobs 1");
        wait_until("it starts", || lab.place.read("trace").contains(mode));
        let starts = lab.place.read("trace").lines().count();
        lab.edit("p.sh", "#!/bin/sh\n", "#!/bin/sh\n# better\n");
        fs::remove_file(lab.place.path(&format!("stop-{mode}"))).unwrap();
        let ended = code(&mut child, LONGEST);
        let log = lab.place.read("log");
        assert_eq!(ended, Some(1), "{log}");
        assert!(log.contains("p.sh has changed while the run was under way"), "{log}");
        assert_eq!(lab.place.read("trace").lines().count(), starts, "another run started\n{log}");
        assert_eq!(lab.place.published().len(), finished, "{log}");
        let errors: Vec<String> = lab.rows(mode).iter().map(|row| row["error"].clone()).collect();
        assert!(errors.iter().any(|error| error.contains("p.sh has changed")), "{errors:?}");
        lab.leaves_no_process();
        // Finished runs of the earlier version leave the tables only when they are told to.
        if finished > 0 {
            assert!(lab.exits(2, "sweep small.toml").contains("--replace"));
        }
        lab.exits(0, if finished > 0 { "sweep small.toml --replace" } else { "sweep small.toml" });
        assert!(lab.place.table("runs.csv").iter().all(|row| row["status"] == "finished"));
    }
}

#[test]
fn runs_that_start_from_a_copy_of_the_inputs_do_not_see_an_edit() {
    let lab = Lab::new(
        "touch $A/started; while test -e $A/wait; do sleep 0.05; done; score",
        "snapshot = true",
        "",
    );
    lab.edit(
        "p.sh",
        "R=$ABLADE_RUN\n",
        &format!("R=$ABLADE_RUN\nA={}\n", lab.place.0.path().display()),
    );
    lab.write("wait", "");
    let mut child = lab.start("sweep small.toml --jobs 1");
    wait_until("it starts", || lab.place.path("started").exists());
    lab.script("p.sh", "exit 1\n");
    fs::remove_file(lab.place.path("wait")).unwrap();
    assert_eq!(code(&mut child, LONGEST), Some(0), "{}", lab.place.read("log"));
}

#[test]
fn a_program_that_ignores_a_setting_or_its_seed_is_asked_about() {
    let lab = Lab::new("score", "", "");
    let text = unwrapped(&lab.finishes());
    assert!(text.contains("identical"), "{text}");
    assert!(text.contains("does `mode` reach the program?"), "{text}");

    let lab = Lab::new("score", "", "");
    lab.edit("p.sh", "$ABLADE_SEED.5", "0.5");
    let (code, text) = lab.run("sweep small.toml");
    assert!(code == 1 && text.contains("seed"), "{text}");
    assert_eq!(lab.place.published().len(), 2, "only the first seeds of the baseline are spent");
    assert!(text.contains("--yes"), "{text}");
    let text = unwrapped(&lab.exits(0, "sweep small.toml --yes"));
    assert!(text.contains("does the seed reach the program?"), "{text}");
}

#[test]
fn mistakes_are_found_before_the_first_run() {
    let program = "command = [\"./p.sh\", \"{args}\"]";
    let inputs = "inputs = [\"p.sh\"]";
    let score = "score = { better = \"higher\" }";
    let axes = "[axes]\nmode = [\"good\", \"bad\"]";
    for (from, to, words) in [
        (
            program,
            "command = [\"./q.sh\", \"{args}\"]",
            "program `./q.sh` is not there|did you mean `p.sh`",
        ),
        (
            program,
            "command = [\"sleepp\", \"{args}\"]",
            "no program `sleepp` is in PATH|did you mean `sleep`",
        ),
        (
            program,
            "command = [\"p.sh\", \"{args}\"]",
            "no program `p.sh` is in PATH|did you mean `./p.sh`",
        ),
        (program, "command = [\"./small.toml\", \"{args}\"]", "not executable|chmod +x"),
        (program, "command = [\".\", \"{args}\"]", "no program `.`"),
        (
            program,
            "command = [\"./bare.sh\", \"{args}\"]",
            "`./bare.sh` needs /no/such/shell",
        ),
        (
            program,
            "command = [[\"./p.sh\", \"{args}\"], [\"./q.sh\"]]",
            "`./q.sh` is not there",
        ),
        (program, "command = \"./p.sh {args}\"", "list of words|[\"./p.sh\", \"{args}\"]"),
        (program, "command = []", "names no program"),
        (
            program,
            "command = [\"./p.sh\", \"{moed}\"]",
            "no setting is called `moed`|did you mean `mode`",
        ),
        (program, "command = [\"./p.sh\", \"{local.tmp}\"]", "local.tmp"),
        (
            inputs,
            "inputs = [\"q.sh\"]",
            "the input `q.sh` matches no file|did you mean `p.sh`",
        ),
        (inputs, "inputs = [\"*.py\"]", "the input `*.py` matches no file"),
        (
            inputs,
            "inputs = [\"p.sh\", \"pipe\"]",
            "the input `pipe` cannot be read: it is a pipe",
        ),
        (inputs, "inputs = [\"p?pe\"]", "the input `pipe` cannot be read: it is a pipe"),
        (inputs, "inputs = [\"/dev/zero\"]", "it is a device"),
        (inputs, "inputs = [\"/dev/stdin\"]", "cannot be read"),
        (inputs, "inputs = [\"folder\"]", "is a folder|folder/**/*"),
        (inputs, "data = [\"nowhere\"]", "data `nowhere` cannot be read"),
        (inputs, "data = [\"pipe\"]", "it is no file and no folder"),
        (inputs, "data = [\"loop\"]", "data `loop` cannot be read"),
        (inputs, "timeot = \"1s\"", "unknown key `program.timeot`|did you mean `timeout`"),
        (inputs, "timeout = \"0s\"", "program.timeout"),
        (inputs, "steps = \"../x.csv\"", "program.steps|leaves the directory of the run"),
        (inputs, "gpus = 1.5", "program.gpus|whole number"),
        (score, "score = {}", "`metrics.score.better` is missing|better = \"higher\""),
        (score, "score = { better = \"more\" }", "metrics.score.better"),
        (
            score,
            "score = { better = \"higher\" }\nscore = { better = \"lower\" }",
            "score",
        ),
        (
            score,
            "score = { better = \"higher\" }\nScore = { better = \"lower\" }",
            "two metrics have the column `score`",
        ),
        (
            score,
            "score = { better = \"higher\", label = \"a\\u001bb\" }",
            "`metrics.score.label` holds a control character",
        ),
        (
            score,
            "score = { better = \"higher\", unit = \"\\u0007\" }",
            "`metrics.score.unit` holds a control character",
        ),
        (score, "\"sco\\u0007re\" = { better = \"higher\" }", "cannot name a metric"),
        (
            score,
            "score = { better = \"higher\", stdout = \"[\" }",
            "metrics.score.stdout|is not a regular expression",
        ),
        (score, "score = { better = \"higher\", stdout = \"x\" }", "it has no group"),
        (
            score,
            "score = { better = \"higher\", file = \"run.toml\" }",
            "file of this program",
        ),
        (
            score,
            "score = { better = \"higher\", file = \"/etc/passwd\" }",
            "leaves the directory of the run",
        ),
        (axes, "[axes]\nmdoe = [\"good\", \"bad\"]", "mdoe|did you mean `mode`"),
        (axes, "[axes]\nmode = [\"good\", 3]", "mode"),
        (axes, "[axes]\nmode = [1, 2]", "mode"),
        (axes, "model.width = 3\n[axes]\nmodel = [1, 2]", "model"),
        (axes, "model.width = 3\n[axes]\nmodel.width = [3, 3.5]", "model.width"),
        (
            axes,
            "[axes]\nmode = { values = [\"good\", \"bad\"], tune = true }",
            "`tune` chooses by a metric|select",
        ),
        (
            "[settings]",
            "[model]\nhidden = [3]\n[settings]",
            "[model] belongs to the built-in model|settings.model",
        ),
        (
            "[settings]",
            "[data]\nname = \"digits\"\n[settings]",
            "[data] belongs to the built-in model",
        ),
        ("[settings]", "[setings]", "setings|did you mean `settings`"),
    ] {
        println!("{to}");
        let lab = Lab::new("score", "", "");
        lab.edit("p.sh", "R=$ABLADE_RUN\n", "R=$ABLADE_RUN; touch trace\n");
        lab.script("bare.sh", "");
        lab.write("bare.sh", "#!/no/such/shell -x\n");
        assert!(Command::new("mkfifo").arg(lab.place.path("pipe")).status().unwrap().success());
        for folder in ["folder", "loop"] {
            fs::create_dir(lab.place.path(folder)).unwrap();
        }
        std::os::unix::fs::symlink(".", lab.place.path("loop/self")).unwrap();
        lab.edit("small.toml", from, to);
        for command in ["plan", "sweep", "why"] {
            let text = lab.exits(2, &format!("{command} small.toml"));
            assert!(words.split('|').all(|word| text.contains(word)), "{words}:\n{text}");
            let first = line_of(&lab.place.read("small.toml"), to);
            let mut lines = first..=first + to.lines().count();
            assert!(lines.any(|line| text.contains(&format!("small.toml:{line}:"))), "{text}");
        }
        assert!(!lab.place.path("trace").exists() && !lab.place.path("results/runs").exists());
    }
}

/// Number of the first line of a part of a text.
fn line_of(text: &str, part: &str) -> usize {
    let at = text.find(part).unwrap();
    text[..at].lines().count() + 1
}

#[test]
fn keys_of_a_program_need_one() {
    for (key, word) in [
        ("wrap = [\"nice\"]", "wrap"),
        ("local = { x = \"y\" }", "local"),
        ("gpus = 1", "gpus"),
    ] {
        let place = Place::with(&format!("seeds = 1\n[execution]\n{key}\n"));
        let (_, text) = place.exits(2, "plan small.toml");
        assert!(text.contains(word) && text.contains("[program]"), "{text}");
        assert!(text.contains("small.toml:3"), "{text}");
    }
}

#[test]
fn more_gpus_than_there_are_is_an_error_before_the_first_run() {
    let lab = Lab::new("score", "gpus = 3", "");
    let sweep = |gpus: &str| {
        let mut command = lab.place.command("sweep small.toml --progress plain");
        let output = ends(command.env("CUDA_VISIBLE_DEVICES", gpus), LONGEST);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), text)
    };
    let (code, text) = sweep("0,1");
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("a run takes 3 GPUs, and this machine has 2"), "{text}");
    assert!(lab.place.published().is_empty());
    assert_eq!(sweep("4,5,6").0, Some(0));
}

#[test]
fn more_processors_than_there_are_is_an_error_before_the_first_run() {
    let lab = Lab::new("score", "cpus = 1000", "");
    let text = lab.exits(2, "sweep small.toml");
    assert!(text.contains("a run takes 1,000 processors, and this machine has"), "{text}");
    assert!(lab.place.published().is_empty());
    // The file may say that it has more.
    lab.edit("small.toml", "[settings]", "[execution]\nworkers = 1000\n[settings]");
    lab.finishes();
}

#[test]
fn one_supervisor_serves_many_runs_and_none_outlives_the_sweep() {
    let bad = "echo $PPID >> supervisors; echo of seed $ABLADE_SEED; (setsid sleep $MARK &); score";
    let lab = Lab::new(bad, "", "");
    lab.edit("small.toml", "seeds = 2", "seeds = 8");
    lab.exits(0, "sweep small.toml --jobs 2");
    lab.leaves_no_process();
    let parents = lab.place.read("supervisors");
    let mut distinct: Vec<&str> = parents.lines().collect();
    assert_eq!(distinct.len(), 8);
    distinct.sort_unstable();
    distinct.dedup();
    assert!(distinct.len() <= 2, "{distinct:?}");
    for row in lab.rows("bad") {
        let log = lab.place.path("results/runs").join(&row["run"]).join("log.txt");
        assert_eq!(fs::read_to_string(log).unwrap(), format!("of seed {}\n", row["seed"]));
    }
}

#[test]
fn every_curve_that_a_metric_names_is_drawn() {
    let steps =
        "printf \"step,loss,acc\\n1,0.5,0.1\\n2,0.4,0.$ABLADE_SEED\\n\" > $R/metrics.csv; score";
    let metrics = "[metrics]\nscore = { better = \"higher\" }\nloss = { better = \"lower\", column = \"loss\" }\n\
                   acc = { better = \"higher\", column = \"acc\", label = \"accuracy\" }";
    let lab = Lab::new(steps, "", metrics);
    lab.edit("p.sh", "*) score ;;", &format!("*) {steps} ;;"));
    lab.finishes();
    lab.exits(0, "plots");
    assert!(lab.place.path("plots/small/loss.svg").exists());
    assert!(!lab.place.path("plots/small/loss-loss.svg").exists());
    let svg = lab.place.read("plots/small/loss-acc.svg");
    assert!(svg.contains("Curves of accuracy: small"), "{svg}");
    assert!(lab.place.read("plots/index.html").contains("loss-acc.svg"));
}

#[test]
fn copies_of_inputs_are_checked_and_removed_when_no_plan_needs_them() {
    let lab = Lab::new("score", "", "");
    lab.finishes();
    let copy = || {
        let mut copies = fs::read_dir(lab.place.path("results/data")).unwrap();
        copies.next().map(|copy| copy.unwrap().path())
    };
    let input = copy().unwrap().join("p.sh");
    lab.exits(0, "verify small");
    let sound = fs::read(&input).unwrap();
    fs::write(&input, [&sound[..], b"\n"].concat()).unwrap();
    let text = unwrapped(&lab.exits(1, "verify small"));
    assert!(text.contains("p.sh is not the input of the runs: remove"), "{text}");
    // A run that would start from it does not.
    lab.edit("small.toml", "seeds = 2", "seeds = 3");
    lab.edit("small.toml", "[program]", "[program]\nsnapshot = true");
    let text = unwrapped(&lab.exits(1, "sweep small.toml"));
    assert!(text.contains("p.sh has changed since the runs were planned: remove"), "{text}");
    fs::remove_dir_all(copy().unwrap()).unwrap();
    lab.finishes();
    assert_eq!(fs::read(&input).unwrap(), sound);
    let text = lab.exits(0, "clean --age 0.001s");
    assert!(text.contains("nothing to remove"), "{text}");
    fs::remove_dir_all(lab.place.path("results/small")).unwrap();
    let text = lab.exits(0, "clean --yes --age 0.001s");
    assert!(text.contains("no plan names this copy of a program's inputs"), "{text}");
    assert_eq!(copy(), None);
}

#[test]
fn a_metric_that_is_declared_later_is_read_from_finished_runs() {
    let lab = Lab::new("score", "", "");
    lab.edit(
        "p.sh",
        "\\\"score\\\": $ABLADE_SEED.5}",
        "\\\"score\\\": $ABLADE_SEED.5, \\\"size\\\": 7}",
    );
    lab.edit(
        "p.sh",
        "R=$ABLADE_RUN\n",
        "R=$ABLADE_RUN; echo start >> trace; echo took $ABLADE_SEED s\n",
    );
    lab.finishes();
    let trace = lab.place.read("trace");
    lab.edit(
        "small.toml",
        "[metrics]\n",
        "[metrics]\nsize = { better = \"lower\" }\ntime = { better = \"lower\", stdout = 'took (\\d+) s' }\n",
    );
    let text = lab.finishes();
    assert!(text.contains("all 4 runs are there"), "{text}");
    for row in lab.place.table("runs.csv") {
        assert_eq!(row["size"], "7");
        assert!(["1", "2"].contains(&&*row["time"]), "{row:?}");
    }
    assert_eq!(lab.place.read("trace"), trace, "a program was started");
    // One that no run has left is a blank cell, a warning and exit code 1.
    lab.edit("small.toml", "[metrics]\n", "[metrics]\nnone = { better = \"lower\" }\n");
    let text = lab.exits(1, "sweep small.toml");
    assert!(
        text.contains("4 finished runs lack a declared metric: no none: scores.json"),
        "{text}"
    );
    assert!(lab.place.table("runs.csv").iter().all(|row| row["none"].is_empty()));
    assert_eq!(lab.place.read("trace"), trace, "a program was started");
}

#[test]
fn the_outputs_of_a_run_without_a_metric_are_kept_until_it_is_declared_right() {
    let lab = Lab::new(
        "echo '{\"points\": '$ABLADE_SEED'}' > $R/scores.json; echo kept > $R/files/model",
        "",
        "",
    );
    lab.edit("p.sh", "R=$ABLADE_RUN\n", "R=$ABLADE_RUN; echo start >> trace\n");
    lab.edit(
        "p.sh",
        "\\\"score\\\": $ABLADE_SEED.5}",
        "\\\"score\\\": $ABLADE_SEED.5, \\\"points\\\": 3.$ABLADE_SEED}",
    );
    lab.ends_with("failed", "scores.json has no `score`");
    let trace = lab.place.read("trace");
    assert_eq!(trace.lines().count(), 4);
    lab.edit("small.toml", "score = {", "points = {");
    let text = lab.finishes();
    assert!(text.contains("only its metrics are read again"), "{text}");
    assert_eq!(lab.place.read("trace"), trace, "the program ran again");
    assert_eq!(fs::read_to_string(lab.bad_run().join("files/model")).unwrap(), "kept\n");
}

#[test]
fn commands_that_only_look_start_no_program() {
    let lab = Lab::new("", "versions = [\"look\"]", "[execution]\nwrap = [\"prog\"]");
    lab.edit(
        "small.toml",
        "command = [\"./p.sh\", \"{args}\"]",
        "command = [[\"./p.sh\", \"{args}\"], [\"prog\", \"./p.sh\"]]",
    );
    lab.script(
        "p.sh",
        "echo p.sh >> $TRACE; echo \"{\\\"score\\\": $$}\" > $ABLADE_RUN/scores.json\n",
    );
    let names = [
        "prog",
        "look",
        "sh",
        "bash",
        "python3",
        "env",
        "git",
        "hostname",
        "uname",
        "nvidia-smi",
        "nice",
        "squeue",
        "sbatch",
        "sacct",
        "sinfo",
        "apptainer",
        "pip",
        "cat",
        "true",
    ];
    for (folder, body) in [("bin", "exec \"$@\""), ("trap", ":")] {
        fs::create_dir(lab.place.path(folder)).unwrap();
        for name in names {
            lab.script(
                &format!("{folder}/{name}"),
                &format!("echo {folder}/{name} >> $TRACE\n{body}\n"),
            );
        }
    }
    let look = |arguments: &str, path: &str| {
        let mut command = lab.place.command(arguments);
        command.env("TRACE", lab.place.path("trace")).env("PATH", path);
        let output = ends(&mut command, LONGEST);
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.code(), text)
    };
    let [bin, trap] =
        ["bin", "trap"].map(|folder| lab.place.path(folder).to_str().unwrap().to_owned());
    for arguments in ["plan small.toml", "why small.toml", "status", "clean"] {
        let (code, text) = look(arguments, &trap);
        assert_eq!(code, Some(0), "{arguments}: {text}");
    }
    assert_eq!(lab.place.read("trace"), "");
    let (code, text) = look("sweep small.toml", &format!("{bin}:/usr/bin:/bin"));
    assert_eq!(code, Some(0), "{text}");
    let trace = lab.place.read("trace");
    assert!(
        trace.contains("p.sh") && trace.contains("bin/prog") && trace.contains("bin/look"),
        "{trace}"
    );
    fs::remove_dir_all(lab.place.path("bin")).unwrap();
    for arguments in [
        "plan small.toml",
        "plan small.toml --seeds 4",
        "status",
        "status small",
        "why small.toml",
        "tables small",
        "compare small",
        "plots small",
        "clean",
        "clean --yes",
        "freeze small.toml --seeds 3",
        "schema",
        "data list",
    ] {
        let (code, text) = look(arguments, &trap);
        assert!(matches!(code, Some(0 | 2)), "{arguments}: {text}");
        assert!(
            code == Some(0) || ["freeze", "clean --yes"].iter().any(|c| arguments.starts_with(c)),
            "{arguments}: {text}"
        );
        assert_eq!(lab.place.read("trace"), trace, "`{arguments}` started a program\n{text}");
    }
}

#[test]
fn a_hanging_or_talkative_command_for_versions_does_no_harm() {
    let lab = Lab::new("score", "versions = [\"./v.sh\"]", "");
    lab.script(
        "v.sh",
        "yes | head -c 50000000; setsid sleep 1000 & yes >&2 | head -c 10000; exit 0\n",
    );
    lab.edit("p.sh", "*) score ;;", "*) score ;;");
    lab.script("v.sh", &format!("yes | head -c 50000000; setsid sleep {} & exit 0\n", lab.mark));
    lab.finishes();
    assert!(fs::metadata(lab.bad_run().join("versions.txt")).unwrap().len() <= 1 << 20);
}

#[test]
fn versions_are_on_the_page_and_a_command_that_fails_is_noted_once() {
    for (body, reason) in [
        ("echo 'numpy==<1.2>'", ""),
        ("echo no pip >&2; exit 3", "exit code 3: no pip"),
        (":", "it prints nothing"),
    ] {
        let lab = Lab::new("score", "versions = [\"./v.sh\"]", "");
        lab.script("v.sh", body);
        let text = lab.finishes();
        let note = "no versions are recorded: program.versions: ";
        assert_eq!(text.matches(note).count(), usize::from(!reason.is_empty()), "{text}");
        assert!(text.contains(reason), "{text}");
        lab.exits(0, "plots");
        let page = lab.place.read("plots/index.html");
        assert_eq!(page.contains("numpy==&lt;1.2&gt;"), reason.is_empty());
    }
}

#[test]
fn several_sweeps_start_each_run_once() {
    let lab = Lab::new("score", "", "");
    lab.edit("small.toml", "seeds = 2", "seeds = 8");
    lab.edit(
        "p.sh",
        "R=$ABLADE_RUN\n",
        "R=$ABLADE_RUN\nrun=${R##*/}; echo ${run%.files} >> outside; sleep 0.05\n",
    );
    let mut sweeps: Vec<Child> = (0..3).map(|_| lab.start("sweep small.toml --jobs 2")).collect();
    for sweep in &mut sweeps {
        assert_eq!(code(sweep, LONGEST), Some(0), "{}", lab.place.read("log"));
    }
    let mut started: Vec<String> = lab.place.read("outside").lines().map(str::to_owned).collect();
    started.sort();
    assert_eq!(started, lab.place.published());
    assert_eq!(started.len(), 16);
    lab.intact();
}

/// Kills sweeps at random moments until `kills` of them were alive when killed, in study after study.
#[test]
fn killed_again_and_again_every_run_is_published_once() {
    let kills = std::env::var("ABLADE_KILLS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(20);
    let bad = "work";
    let mut stream = Seed(7).stream(Purpose::Statistics, 0);
    let (mut hits, mut resumed, mut studies) = (0, 0, 0);
    while hits < kills {
        let lab = Lab::new(bad, "resume = [\"--resume\"]", "");
        lab.edit("small.toml", "seeds = 2", "seeds = 6");
        lab.edit("p.sh", "*) score ;;", "*) work ;;");
        lab.edit(
            "p.sh",
            "case ",
            "work() {\n  case \"$*$ARGS\" in *--resume*) again=resumed ;; *) again=new ;; esac\n  \
             echo start $again ${R##*/} >> $PWD/outside\n  test -e $R/checkpoint/half || sleep 0.1\n  echo 1 > $R/checkpoint/half\n  \
             (setsid sleep $MARK &)\n  sleep 0.1\n  score\n  echo end ${R##*/} >> $PWD/outside\n}\nARGS=$*\ncase ",
        );
        loop {
            let jobs = 1 + stream.below(3);
            let mut child = lab.start(&format!("sweep small.toml --jobs {jobs}"));
            let pause = Duration::from_secs(1).mul_f64(stream.uniform());
            let begun = Instant::now();
            while begun.elapsed() < pause && child.try_wait().unwrap().is_none() {
                sleep(Duration::from_millis(5));
            }
            if hits < kills && child.try_wait().unwrap().is_none() {
                child.kill().unwrap();
                child.wait().unwrap();
                hits += 1;
                continue;
            }
            assert_eq!(code(&mut child, LONGEST), Some(0), "{}", lab.place.read("log"));
            break;
        }
        studies += 1;
        lab.intact();
        lab.leaves_no_process();
        let rows = lab.place.table("runs.csv");
        assert!(
            rows.len() == 12 && rows.iter().all(|row| row["status"] == "finished"),
            "{rows:?}"
        );
        let outside = lab.place.read("outside");
        for run in lab.place.published() {
            assert!(outside.contains(&format!("end {run}")), "{run} was published without its end");
        }
        resumed += outside.matches("start resumed").count();
        let left: Vec<_> = fs::read_dir(lab.place.path("results/unfinished")).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
        // What is published is not done again.
        assert!(lab.exits(0, "sweep small.toml").contains("all 12 runs are there"));
        assert_eq!(lab.place.read("outside"), outside);
    }
    println!("{hits} kills over {studies} studies, {resumed} attempts continued from a checkpoint");
    assert!(resumed > 0, "no run was ever resumed: the test shows nothing");
}
